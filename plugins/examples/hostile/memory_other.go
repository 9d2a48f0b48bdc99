//go:build !wasip1

package main

// memorySize is known in WebAssembly only.
func memorySize() uintptr { return 0 }
