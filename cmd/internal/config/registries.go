package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// maxEntries bounds the lists of the sections about packages, which people write.
const maxEntries = 1000

type registryEntry struct {
	PlainHTTP  truth    `yaml:"plainHTTP"`
	SkipVerify truth    `yaml:"skipVerify"`
	CA         string   `yaml:"ca"`
	Mirrors    []string `yaml:"mirrors"`
}

type cacheEntry struct {
	Size room `yaml:"size"`
}

// registries checks how registries are reached, and joins their files to the
// file's folder.
func (d *decoder) registries(entries map[string]registryEntry) map[string]oci.Registry {
	if len(entries) == 0 {
		return nil
	}
	if len(entries) > maxEntries {
		d.At("registries", "more than %d registries", maxEntries)
		return nil
	}
	all := map[string]oci.Registry{}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		at := "registries." + name
		if err := CheckRegistry(name); err != nil {
			d.At(at, "%v", err)
			continue
		}
		all[name] = d.registry(at, name, entries[name])
	}
	return all
}

func (d *decoder) registry(at, name string, e registryEntry) oci.Registry {
	r := oci.Registry{PlainHTTP: bool(e.PlainHTTP), SkipVerify: bool(e.SkipVerify), CA: d.plain(at+".ca", e.CA)}
	if d.Given(at+".ca") && e.CA == "" && !d.HasProblem(at+".ca") {
		d.At(at+".ca", "want a file with PEM certificates")
	}
	switch {
	case r.PlainHTTP && (r.SkipVerify || r.CA != ""):
		d.At(at, "plainHTTP has no certificates: leave skipVerify and ca out")
	case r.SkipVerify && r.CA != "":
		d.At(at, "skipVerify accepts any certificate, and ca some: decide for one")
	}
	if r.CA != "" {
		r.CA = d.besideFile(r.CA)
	}
	if len(e.Mirrors) > maxMirrors {
		d.At(at+".mirrors", "more than %d mirrors", maxMirrors)
		return r
	}
	mirrors, _ := readList(d, at+".mirrors", e.Mirrors, func(text string) (string, error) {
		return text, checkMirror(text, name)
	})
	for i, m := range mirrors {
		if slices.Contains(mirrors[:i], m) {
			d.At(fmt.Sprintf("%s.mirrors[%d]", at, i), "%s stands twice", m)
		}
	}
	r.Mirrors = mirrors
	return r
}

// maxMirrors bounds how many registries are asked in vain.
const maxMirrors = 16

// CheckRegistry checks a registry's name: a host, in lower case, with or without a
// port, as references have it.
func CheckRegistry(name string) error {
	ref, err := oci.ParseReference(name + "/x")
	switch {
	case err != nil || ref.Name() != name+"/x" || ref.Repository != "x":
		return fmt.Errorf("%q: want a registry as references have it: HOST or HOST:PORT, without a scheme and a path", name)
	case name != strings.ToLower(name):
		return fmt.Errorf("%q: write the host in lower case: %s", name, strings.ToLower(name))
	}
	return nil
}

// checkMirror checks HOST[:PORT][/PREFIX].
func checkMirror(text, of string) error {
	host, _, _ := strings.Cut(text, "/")
	ref, err := oci.ParseReference(text + "/x")
	switch {
	case err != nil || ref.Name() != text+"/x" || ref.Registry != host:
		return fmt.Errorf("%q: want HOST[:PORT][/PREFIX], without a scheme", text)
	case host != strings.ToLower(host):
		return fmt.Errorf("%q: write the host in lower case", text)
	case text == of:
		return fmt.Errorf("%s is the registry itself, which is asked after its mirrors", text)
	}
	return nil
}
