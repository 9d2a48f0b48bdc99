package gateway

import (
	"encoding/json"

	"github.com/mcpwasm/mcpwasm/host/internal/arguments"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// checkArguments refuses arguments of a tool or prompt that its server may read
// otherwise than a policy does.
func (d *definitionSet) checkArguments(capability string, def plugins.Definition, params wire.Object) error {
	args, ok := params.Get("arguments")
	if !ok {
		return nil
	}
	if err := d.names(capability, def).Check(args); err != nil {
		return invalidParams("arguments: %v", err)
	}
	return nil
}

// names returns the names that the arguments of a tool or prompt are declared to have.
func (d *definitionSet) names(capability string, def plugins.Definition) *arguments.Names {
	key := capability + "/" + def.Key
	if known, ok := d.declared.Load(key); ok {
		return known.(*arguments.Names)
	}
	var names *arguments.Names
	if capability == "tools" {
		names = arguments.Schema(member(def.Raw, "inputSchema"))
	} else {
		names = arguments.List(promptArguments(def))
	}
	known, _ := d.declared.LoadOrStore(key, names)
	return known.(*arguments.Names)
}

// promptArguments returns the names of a prompt's arguments; what has none is left out.
func promptArguments(def plugins.Definition) []string {
	elements, err := wire.ParseArray(member(def.Raw, "arguments"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range elements {
		if o, err := wire.ParseObject(e); err == nil {
			if name, ok, err := o.GetString("name"); ok && err == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// member returns a member of a definition, or nothing.
func member(definition json.RawMessage, name string) json.RawMessage {
	o, err := wire.ParseObject(definition)
	if err != nil {
		return nil // cannot be: it was parsed when it was read
	}
	v, _ := o.Get(name)
	return v
}
