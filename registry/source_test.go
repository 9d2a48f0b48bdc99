package registry

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParseSource(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"weather", "dist/layout", "ghcr.io/acme/weather", "Upper"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"dist/module", "time"} {
		if err := os.WriteFile(file, stdioModule, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	tests := []struct {
		text    string
		kind    SourceKind
		shadows bool
	}{
		{"/srv/hello", SourceFile, false},
		{"./missing", SourceFile, false},
		{"../missing", SourceFile, false},
		{"~/hello", SourceFile, false},
		{`dir\hello`, SourceFile, false},
		{`C:\hello`, SourceFile, false},
		{`c:/hello`, SourceFile, false},
		{"hello.wasm", SourceFile, false},
		{"ghcr.io/acme/hello.WASM", SourceFile, false},
		{"dist/module", SourceFile, false},
		{".", SourceFolder, false},
		{"./weather", SourceFolder, false},
		{"./weather:1.0", SourceFolder, false},
		{"./weather@" + digest, SourceFolder, false},
		{"dist/layout", SourceFolder, false},
		{"dist/layout:1.0", SourceFolder, false},
		{"Upper", SourceFolder, false},
		{"hello", SourceName, false},
		{"weather", SourceName, true},
		{"time", SourceName, true},
		{"oci://localhost/hello", SourceReference, false},
		{"oci://ghcr.io/acme/hello.wasm", SourceReference, false},
		{"ghcr.io/acme/hello", SourceReference, false},
		{"ghcr.io/acme/weather", SourceReference, true},
		{"localhost:5000/hello:1@" + digest, SourceReference, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseSource(tt.text)
			if err != nil || got.Kind != tt.kind || got.Shadows != tt.shadows || got.Text != tt.text {
				t.Errorf("ParseSource = %+v, %v; want kind %q, shadows %t", got, err, tt.kind, tt.shadows)
			}
			if got.Kind == SourceReference && got.Reference.Repository == "" {
				t.Error("the reference is not set")
			}
		})
	}
}

func TestParseSourceRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct{ text, want string }{
		{"", "not named"},
		{"a\x00b", "zero byte"},
		{"https://ghcr.io/acme/hello", "oci://"},
		{"oci://hello", "registry is missing"},
		{"Hello", "no such file"},
		{"acme/hello", "no such file"},
		{"a name that is long and has spaces", "no such file"},
		{strings.Repeat("a", 33), "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, err := ParseSource(tt.text)
			if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}
