// Package wasm runs guests in WebAssembly, with wazero. It is a
// [runtime.Backend] for the reactor and stdio shapes.
//
//	server, err := runtime.Open(ctx, wasm.New(wasm.Config{CacheDir: dir}), artifact, runtime.Options{})
//
// A guest gets nothing but what its options give it: its arguments, its
// environment, clocks and randomness. It has no files and no network. Its memory
// is bounded, and it is ended when it runs out of time, wherever it is.
package wasm
