package plugins

// ContractVersion is the newest version of the guest contract that this host
// speaks. A guest names the versions that it speaks by its exports
// (docs/guest-contract.md, "Versions"): mcpwasm_v1_handle for version 1, and so
// on. The host picks the highest that both know.
const ContractVersion = 1

// Names of version 1 of the contract.
const (
	// ImportModuleV1 is the module name of the host's functions:
	// message_read, answer_write, notify, cancelled and effect_open.
	ImportModuleV1 = "mcpwasm_v1"
	// ImportEffectOpen is the one of them that a stdio guest may import, too.
	ImportEffectOpen = "effect_open"
	// ExportHandleV1 is the function (size i32) → () that answers one message.
	ExportHandleV1 = "mcpwasm_v1_handle"
	// ExportInitialize is WASI's reactor start function, called once.
	ExportInitialize = "_initialize"
	// ExportStart is WASI's command entry point.
	ExportStart = "_start"
	// ImportModuleWASI is WASI preview 1.
	ImportModuleWASI = "wasi_snapshot_preview1"
	// ImportModuleExtism is the module name of Extism's runtime.
	ImportModuleExtism = "extism:host/env"
)

// Shape is the way in which a module expects to be driven.
type Shape string

// The shapes of modules, by what they export and import, never by a file's
// name.
const (
	// ShapeReactor exports a handler of this contract.
	ShapeReactor Shape = "reactor"
	// ShapeStdio exports _start and nothing of this contract: an ordinary
	// program that speaks MCP on its standard input and output.
	ShapeStdio Shape = "stdio"
	// ShapeExtism imports Extism's runtime.
	ShapeExtism Shape = "extism"
)
