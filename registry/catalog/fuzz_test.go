package catalog

import (
	"bytes"
	"testing"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		fullCatalog, dockerCatalog, registryPage, entryWith(""), "catalog: 1\nname: a\nentries: [ghcr.io/a/x:1]\n",
		`{"server":{"name":"a.b/c","packages":[{"registryType":"oci","identifier":"a"}]}}`, `{"registry":{"a":{"image":"b"}}}`,
		"registry: {a: &x {image: b}, c: *x}", `{"catalog":1,"name":"a","created":"2026-01-01T00:00:00+23:59","entries":[]}`,
		`{"servers":[{"snapshot":{"server":{"name":"a","image":"b","config":[{"x":1e999}]}}}]}`,
		"registry:\n  a: {image: 1_000, command: [.inf, 0x10, ~, 'x', !!str 5]}\n", `{"$schema":"x","name":"a/b","remotes":[{"type":"sse","url":"u"}]}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzParse: what is accepted has one canonical form, which is accepted and is the
// same the second time.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		stable(t, c)
	})
}

// FuzzRead: what is read of any form can be kept once it is complete.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(data)
		if err != nil {
			return
		}
		if len(r.Notes) > maxNotes+1 || len(r.Catalog.Entries) > MaxEntries {
			t.Fatalf("%d notes, %d entries", len(r.Notes), len(r.Catalog.Entries))
		}
		if r.Format != FormatCatalog {
			if r.Catalog.Name == "" {
				r.Catalog.Name = "foreign"
			}
			stable(t, r.Catalog)
		} else if r.Catalog.Validate() == nil {
			stable(t, r.Catalog)
		}
		Search(map[string]*Catalog{"a": r.Catalog}, string(data[:min(len(data), 20)]))
	})
}

func stable(t *testing.T, c *Catalog) {
	t.Helper()
	first, err := c.Encode()
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	again, err := Parse(first)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, first)
	}
	second, err := again.Encode()
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v: not the same the second time:\n%s\n%s", err, first, second)
	}
}
