package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
)

// TestWatchLinks: a file is another one once any link on the way to it is, and is
// watched where it is then.
func TestWatchLinks(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		links      map[string]string // the first to "v1", the second swap is to "v2"
		swapped    string
	}{
		{"a folder above", "cur/policy.yaml", map[string]string{"cur": "v1"}, "cur"},
		{"a folder that a link goes through", "policy.yaml", map[string]string{"data": "v1", "policy.yaml": "data/policy.yaml"}, "data"},
		{"a folder behind a folder", "app/policy.yaml", map[string]string{"far/data": "../v1", "app": "far/data"}, "far/data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
			write := func(name, text string) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(at(name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("v1/policy.yaml", "one")
			write("v2/policy.yaml", "two")
			for link, target := range tt.links {
				if err := os.MkdirAll(filepath.Dir(at(link)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(filepath.FromSlash(target), at(link)); err != nil {
					t.Fatal(err)
				}
			}
			changed, err := config.Watch(t.Context(), at(tt.path))
			if err != nil {
				t.Fatal(err)
			}
			noticed := func(what string) {
				t.Helper()
				select {
				case <-changed:
				case <-time.After(10 * time.Second):
					t.Fatalf("%s was not noticed", what)
				}
			}
			other := filepath.Join(filepath.Dir(tt.links[tt.swapped]), "v2")
			if err := os.Symlink(other, at("new")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(at("new"), at(tt.swapped)); err != nil {
				t.Fatal(err)
			}
			noticed("another folder")
			write("v2/policy.yaml", "three")
			noticed("a file in the new folder")
		})
	}
}
