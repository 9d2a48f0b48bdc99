package config

import (
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// PackageName is the file beside a server's source that says what its package
// says about it.
const PackageName = "package.yaml"

// Package is what an author says about a package: a manifest without what the
// module says itself, its contract and definitions. All of it may be missing.
type Package struct {
	Name         string            `yaml:"name"`
	Version      string            `yaml:"version"`
	Title        string            `yaml:"title"`
	Description  string            `yaml:"description"`
	License      string            `yaml:"license"`
	Source       string            `yaml:"source"`
	Authors      []string          `yaml:"authors"`
	Capabilities *plugins.Requests `yaml:"capabilities"`
}

// LoadPackage reads a package.yaml, as strictly as a configuration. Where there
// is no such file the error wraps [os.ErrNotExist]; problems in it are [Errors].
func LoadPackage(path string) (*Package, error) {
	data, err := ReadFile(path, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", path, err)
	}
	return parsePackage(path, data)
}

func parsePackage(path string, data []byte) (*Package, error) {
	d := yamlfile.New(path)
	var p Package
	d.Decode(data, &p, "the file is empty: it needs a name and a version")
	if len(d.Problems) > 0 {
		return nil, d.Problems
	}
	if err := p.check(); err != nil {
		field, message, ok := strings.Cut(strings.TrimPrefix(err.Error(), "manifest: "), ": ")
		if !ok {
			return nil, err
		}
		d.At(field, "%s", message)
		return nil, d.Problems
	}
	return &p, nil
}

// check checks what is there by the rules of a manifest, whose errors name a
// field by its path.
func (p *Package) check() error {
	m := plugins.Manifest{Contract: plugins.ContractVersion, Name: "x", Version: "0.0.0"}
	p.Fill(&m)
	return m.Validate()
}

// Fill puts what the author says into a manifest, over what stands there. What
// the module asks for itself stays.
func (p *Package) Fill(m *plugins.Manifest) {
	for _, f := range []struct {
		from string
		to   *string
	}{
		{p.Name, &m.Name}, {p.Version, &m.Version}, {p.Title, &m.Title},
		{p.Description, &m.Description}, {p.License, &m.License}, {p.Source, &m.Source},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if len(p.Authors) > 0 {
		m.Authors = p.Authors
	}
	if m.Capabilities == nil {
		m.Capabilities = p.Capabilities
	}
}
