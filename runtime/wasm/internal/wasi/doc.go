// Package wasi implements WASI preview 1 for one guest at a time: the module
// wasi_snapshot_preview1, all of its functions (WebAssembly/WASI, "legacy/
// preview1/docs.md").
//
// A [System] is one guest's world: arguments, environment, clocks, randomness
// and a table of descriptors. It starts with the three standard streams and
// nothing else. What a descriptor stands for is a [File]; a file that cannot do
// something answers with the errno that the standard names, and a path is
// resolved by the descriptor that it starts from, which is a [Dir] if it has
// paths at all. Nothing of the operating system is reached from here.
//
// Every wait ends when the context of the call ends, by ending the guest.
// Every pointer and length is checked against the guest's memory; vectors are
// bounded.
package wasi
