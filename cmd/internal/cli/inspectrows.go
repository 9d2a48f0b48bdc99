package cli

import (
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// packageJSON is what inspect says about a package.
type packageJSON struct {
	Reference string      `json:"reference,omitempty"` // with its digest; of packages in a registry
	Digest    string      `json:"digest"`              // of the package's manifest
	Layout    pack.Layout `json:"layout"`
	Size      int64       `json:"size"` // of all of it
	Layers    []layerJSON `json:"layers"`
	// What its own manifest says; all of it is missing where it has none.
	Name         string            `json:"name,omitempty"`
	Version      string            `json:"version,omitempty"`
	Title        string            `json:"title,omitempty"`
	Description  string            `json:"description,omitempty"`
	License      string            `json:"license,omitempty"`
	Source       string            `json:"source,omitempty"`
	Authors      []string          `json:"authors,omitempty"`
	Capabilities *plugins.Requests `json:"capabilities,omitempty"`
	Definitions  *definedJSON      `json:"definitions,omitempty"`
	// Trust is missing where nobody has to vouch for it: in a folder.
	Trust     *trustJSON      `json:"trust,omitempty"`
	Envelopes []inspectedJSON `json:"envelopes"`
	// Unknown is why signatures and attestations could not be looked up.
	Unknown string `json:"unknown,omitempty"`
}

type layerJSON struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// definedJSON are the keys of what the server offers.
type definedJSON struct {
	Tools             []string `json:"tools"`
	Prompts           []string `json:"prompts"`
	Resources         []string `json:"resources"`
	ResourceTemplates []string `json:"resourceTemplates"`
}

// trustJSON is the verdict of the trust policy.
type trustJSON struct {
	Trusted bool     `json:"trusted"`
	Rule    string   `json:"rule,omitempty"`
	Signers []string `json:"signers,omitempty"`
	Reason  string   `json:"reason,omitempty"` // why not
}

func describePackage(l *pack.Listing) *packageJSON {
	p := &packageJSON{Digest: l.Descriptor.Digest, Layout: l.Layout, Layers: []layerJSON{}}
	for _, d := range l.Content() {
		p.Size += d.Size
	}
	for _, d := range l.Manifest.Layers {
		p.Layers = append(p.Layers, layerJSON{d.MediaType, d.Digest, d.Size})
	}
	m := l.Plugin
	if m == nil {
		return p
	}
	p.Name, p.Version, p.Title, p.Description = m.Name, m.Version, m.Title, m.Description
	p.License, p.Source, p.Authors, p.Capabilities = m.License, m.Source, m.Authors, m.Capabilities
	d := &m.Definitions
	p.Definitions = &definedJSON{keys(d.Tools), keys(d.Prompts), keys(d.Resources), keys(d.ResourceTemplates)}
	return p
}

func keys(l plugins.List) []string {
	all := []string{}
	for _, d := range l.Items {
		all = append(all, d.Key)
	}
	return all
}

// rows say it for people.
func (p *packageJSON) rows() [][]string {
	var rows [][]string
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, []string{label, oneLine(text, 1000)})
		}
	}
	add("reference", p.Reference)
	add("package", strings.TrimSpace(p.Name+" "+p.Version))
	add("title", p.Title)
	add("description", p.Description)
	add("licence", p.License)
	add("source code", p.Source)
	add("authors", strings.Join(p.Authors, ", "))
	add("digest", p.Digest)
	add("layout", string(p.Layout))
	add("package size", bytesText(int(p.Size)))
	if p.Trust != nil && p.Trust.Trusted {
		add("trust", "trusted by the rule "+p.Trust.Rule+": "+strings.Join(p.Trust.Signers, "; "))
	} else if p.Trust != nil {
		add("trust", "not trusted: "+p.Trust.Reason)
	}
	var signed []string
	for _, e := range p.Envelopes {
		signed = append(signed, e.line())
	}
	if p.Unknown != "" {
		add("signed", "not known: signatures could not be looked up: "+p.Unknown)
	} else {
		rows = append(rows, labelled("signed", signed, "by nobody")...)
	}
	if p.Definitions == nil {
		return append(rows, []string{"manifest", "none: the operator's grants decide alone"})
	}
	rows = append(rows, labelled("asks for", lock.Asked(p.Capabilities), "nothing")...)
	for _, l := range []struct {
		label string
		items []string
	}{
		{"tools", p.Definitions.Tools}, {"prompts", p.Definitions.Prompts},
		{"resources", p.Definitions.Resources}, {"templates", p.Definitions.ResourceTemplates},
	} {
		if len(l.items) > 0 {
			rows = append(rows, labelled(l.label, l.items, "")...)
		}
	}
	return rows
}
