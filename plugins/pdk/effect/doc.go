// Package effect asks the host for what a guest cannot do itself: HTTP requests,
// keys and values, the use of secrets (docs/guest-contract.md, "Effects").
//
// It is what the packages kv and hosthttp, and package pdk, are made of, and it
// works in both shapes of a guest: a reactor built with package pdk, and an
// ordinary program that speaks MCP on stdio. It exports nothing to the host, so
// importing it does not turn one into the other.
//
// [Do] performs one effect. Several go on side by side, each in a goroutine of
// its own: while one waits for the host, the others run.
//
// Outside WebAssembly there is no host. A test brings one with [WithOpener]; the
// package pdktest has a ready one.
package effect
