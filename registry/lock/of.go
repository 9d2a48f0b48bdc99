package lock

import (
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
)

// Of describes a verified package as an entry, without grants, time and integrity.
// Of a bare module, which has no manifest (Package is nil then), it leaves
// Definitions empty: only running it in a sandbox tells them.
func Of(p *registry.Package) (Entry, error) {
	e := Entry{
		Reference: referenceText(p.Reference), Digest: p.Reference.Digest,
		Module:  Module{p.Wasm.Digest, p.Wasm.Size},
		Signers: p.Verdict.Signers, Unsigned: p.Verdict.Unsigned,
	}
	if p.Plugin == nil {
		return e, nil
	}
	e.Package = &Package{p.Plugin.Name, p.Plugin.Version}
	e.Capabilities = p.Plugin.Capabilities
	var err error
	e.Definitions, err = HashDefinitions(p.Plugin.Definitions)
	return e, err
}

func marshalRequests(r *plugins.Requests) (json.RawMessage, error) { return json.Marshal(r) }
