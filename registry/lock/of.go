package lock

import (
	"encoding/json"
	"fmt"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
)

// Of describes a verified package as an entry, without grants, time and integrity.
// Its definitions are those of its manifest. A bare module has none: definitions are then what
// running it in a sandbox without grants gave.
func Of(p *registry.Package, definitions *plugins.Definitions) (Entry, error) {
	e := Entry{
		Reference: referenceText(p.Reference), Digest: p.Reference.Digest,
		Module:  Module{p.Wasm.Digest, p.Wasm.Size},
		Signers: p.Verdict.Signers, Unsigned: p.Verdict.Unsigned,
	}
	if p.Plugin != nil {
		e.Package = &Package{p.Plugin.Name, p.Plugin.Version}
		e.Capabilities = p.Plugin.Capabilities
		definitions = &p.Plugin.Definitions
	}
	if definitions == nil {
		return Entry{}, fmt.Errorf("%s: the package has no manifest, and its definitions were not read", p.Reference)
	}
	var err error
	e.Definitions, err = HashDefinitions(*definitions)
	return e, err
}

func marshalRequests(r *plugins.Requests) (json.RawMessage, error) { return json.Marshal(r) }
