package lock

import (
	"encoding/json"
	"fmt"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// HashDefinitions returns the hashes of what a server says about itself. The order of
// members and space between them do not count; everything else does.
func HashDefinitions(d plugins.Definitions) (Definitions, error) {
	var out Definitions
	all, err := json.Marshal(d)
	if err != nil {
		return out, fmt.Errorf("hash the definitions: %w", err)
	}
	if out.Digest, err = hash(all); err != nil {
		return out, fmt.Errorf("hash the definitions: %w", err)
	}
	for _, l := range []struct {
		list   *plugins.List
		hashes *map[string]string
	}{
		{&d.Tools, &out.Tools}, {&d.Prompts, &out.Prompts},
		{&d.Resources, &out.Resources}, {&d.ResourceTemplates, &out.ResourceTemplates},
	} {
		if *l.hashes, err = hashList(l.list.Items); err != nil {
			return out, err
		}
		l.list.Items = nil // d is a copy: what is left of it is what it is about
	}
	rest, err := json.Marshal(d)
	if err == nil {
		out.About, err = hash(rest)
	}
	if err != nil {
		return out, fmt.Errorf("hash what the server says about itself: %w", err)
	}
	return out, nil
}

// HashDefinition returns the hash of one definition, as [HashDefinitions] has it.
func HashDefinition(d plugins.Definition) (string, error) {
	sum, err := hash(d.Raw)
	if err != nil {
		return "", fmt.Errorf("hash the definition %q: %w", d.Key, err)
	}
	return sum, nil
}

func hashList(items []plugins.Definition) (map[string]string, error) {
	if len(items) == 0 {
		return nil, nil
	}
	hashes := make(map[string]string, len(items))
	for _, d := range items {
		sum, err := HashDefinition(d)
		if err != nil {
			return nil, err
		}
		hashes[d.Key] = sum
	}
	return hashes, nil
}

// Match reports whether a definition is the one that was approved. list is
// "tools", "prompts", "resources" or "resourceTemplates".
func (d *Definitions) Match(list string, def plugins.Definition) bool {
	approved := map[string]map[string]string{
		"tools": d.Tools, "prompts": d.Prompts, "resources": d.Resources, "resourceTemplates": d.ResourceTemplates,
	}[list][def.Key]
	sum, err := hash(def.Raw)
	return err == nil && approved == sum
}
