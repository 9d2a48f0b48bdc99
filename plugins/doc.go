// Package plugins is the contract between an MCP server compiled to
// WebAssembly and the host that runs it.
//
// A plugin is a function from one stateless MCP message to one answer, both raw
// JSON in the shape of MCP revision 2026-07-28: a [Message] goes in, an
// [Answer] comes out, and [Notification] values may come out in between. There
// is no second schema beside the protocol. The binary interface that carries
// them is written down in docs/guest-contract.md and versioned by
// [ContractVersion]; the Go SDK for guests is the module plugins/pdk.
//
// [Inspect] tells which shape of guest a module is without running it, and
// [Manifest] is what a package says about itself: its definitions and the
// capabilities that it asks for.
//
// The package imports the standard library only, so that every other package
// can depend on it.
package plugins
