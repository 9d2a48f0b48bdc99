//go:build !linux && !darwin

package wasm

import "context"

// withMemory leaves memory to wazero, which keeps it in slices.
func withMemory(ctx context.Context) context.Context { return ctx }
