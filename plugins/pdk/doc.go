// Package pdk is the Go SDK for MCP servers that run as WebAssembly guests.
//
// A guest registers a [Server] in an init function, because main is not called
// in a reactor:
//
//	func init() {
//		s := pdk.New("hello", "1.0.0")
//		pdk.AddTool(s, pdk.Tool{Name: "greet", Description: "Greets somebody."}, greet)
//		pdk.Serve(s)
//	}
//
//	func main() {}
//
// and is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -ldflags='-s -w' -o hello.wasm .
//
// The host asks one message at a time: a handler runs to its end before the next
// message is read. Under the default lifetime every message meets the guest as
// init left it, so package variables written by a handler are gone afterwards, and
// a generator of math/rand gives the same numbers for every message: use
// crypto/rand.
//
// A guest holds nothing: no network, no files, no secrets. A handler asks its host,
// which does what the operator has granted: [Effect] asks for anything, [Secret]
// for a secret's handle, the package kv keeps data, and a blank import of the
// package hosthttp gives net/http to a guest. What is denied is an
// [EffectError] that names the grant that is missing. [Server.Ask] tells the operator
// beforehand. Folders that are mounted are simply there, for package os. Several goroutines
// of a handler may ask side by side; what is still open when the handler
// returns is closed.
//
// The package compiles natively as well. There [Handle] asks the registered
// server one message, and the package pdktest does so with less writing, so that
// an ordinary go test covers a server. The binary interface is specified in
// docs/guest-contract.md; messages have the shape of MCP revision 2026-07-28.
//
// Set-up mistakes (a tool without a name, a type that has no schema) panic, since
// no server can run with them; nothing that a message contains does.
package pdk
