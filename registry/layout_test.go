package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// layout makes a layout folder with the packages of modules, tagged "1", "2"…,
// each with a signature.
func layout(t *testing.T, modules ...[]byte) (dir string, packages []*pack.Package) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "Weather_Layout")
	to, err := oci.CreateLayout(dir)
	must(t, err)
	s, err := sign.KeySigner(newKey(t))
	must(t, err)
	for i, wasm := range modules {
		p := newWorld(t, wasm).pkg
		must(t, p.Push(context.Background(), to, string(rune('1'+i))))
		_, err = sign.Attach(context.Background(), to, p.Descriptor, sign.PredicateSignature, nil, s)
		must(t, err)
		packages = append(packages, p)
	}
	return dir, packages
}

func TestOpenLayout(t *testing.T) {
	one, p := layout(t, stdioModule)
	two, q := layout(t, stdioModule, padded(1000))
	tests := []struct{ name, source, digest string }{
		{"the only one", one, p[0].Descriptor.Digest},
		{"tag", one + ":1", p[0].Descriptor.Digest},
		{"first of two", two + ":1", q[0].Descriptor.Digest},
		{"second of two", two + ":2", q[1].Descriptor.Digest},
		{"digest", two + "@" + q[1].Descriptor.Digest, q[1].Descriptor.Digest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Open(t.Context(), tt.source, Options{})
			must(t, err)
			if a.Package != tt.digest || a.Name != "weather-now" || a.Source != tt.source || a.Manifest == nil || oci.DigestOf(a.Wasm) != a.Digest {
				t.Errorf("artifact %+v", a)
			}
		})
	}
	t.Run("another tag of the same", func(t *testing.T) {
		to, err := oci.CreateLayout(one)
		must(t, err)
		must(t, to.Tag(t.Context(), p[0].Descriptor, "latest"))
		a, err := Open(t.Context(), one, Options{})
		if err != nil || a.Package != p[0].Descriptor.Digest {
			t.Errorf("Open = %s, %v", a.Package, err)
		}
	})
}

func TestOpenLayoutRefuses(t *testing.T) {
	one, p := layout(t, stdioModule)
	two, _ := layout(t, stdioModule, padded(1000))
	tampered, q := layout(t, stdioModule)
	blob := filepath.Join(tampered, "blobs", "sha256", strings.TrimPrefix(q[0].Content[0].Digest, "sha256:"))
	must(t, os.Chmod(blob, 0o600))
	must(t, os.WriteFile(blob, padded(len(stdioModule)+20), 0o600))
	text := func(content string) string {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(content), 0o600))
		must(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700))
		return dir
	}
	many := `{"schemaVersion":2,"manifests":[` + strings.Repeat(`{"digest":"a"},`, oci.MaxEntries) + `{}]}`
	tests := []struct{ name, source, want string }{
		{"no layout", t.TempDir(), "index.json is missing"},
		{"two packages", two, `of "1", "2"`},
		{"no such tag", one + ":3", `no "3": it has "1"`},
		{"no such digest", one + "@" + oci.DigestOf(nil), "there is no"},
		{"changed module", tampered, "content does not match"},
		{"empty", text(`{"schemaVersion":2,"manifests":[]}`), "empty"},
		{"no JSON", text(`nope`), "no index"},
		{"too many entries", text(many), "more than"},
		{"a signature alone", one + "@" + signatureOf(t, one, p[0]), "not a package"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.source, Options{})
			if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func signatureOf(t *testing.T, dir string, p *pack.Package) string {
	t.Helper()
	src, err := oci.OpenLayout(dir)
	must(t, err)
	list, err := src.Referrers(t.Context(), p.Descriptor.Digest)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0].Digest
}
