package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestCheckOwn(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, dir := range []string{"home/.cache/mcpwasm/code", "home/docs", "home/docs-evil", "apart"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(base, "home"), filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"linked/policy.yaml": "elsewhere/real.yaml", "folders/cur": "releases", "keys/state": "stored"} {
		if err := os.MkdirAll(filepath.Join(base, filepath.Dir(link)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(base, target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(base, target), filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	own := Own{
		Private: []string{filepath.Join(base, "home/.cache/mcpwasm"), filepath.Join(base, "home/.state/not/there"), filepath.Join(base, "keys/state")},
		Guarded: []string{filepath.Join(base, "home/docs/mcpwasm.yaml"), filepath.Join(base, "linked/policy.yaml"), filepath.Join(base, "folders/cur/policy.yaml")},
	}
	tests := []struct {
		name, source string
		access       plugins.Access
		want         string
	}{
		{"apart", "apart", plugins.ReadWrite, ""},
		{"a guarded link's folder", "linked", plugins.ReadWrite, "could change"},
		{"a guarded link's folder, read", "linked", plugins.ReadOnly, ""},
		{"a guarded link's target", "elsewhere", plugins.ReadWrite, "could change"},
		{"a link to the folder of what is guarded", "folders", plugins.ReadWrite, "could change"},
		{"the folder behind it", "releases", plugins.ReadWrite, "could change"},
		{"the folder of a link to what is kept", "keys", plugins.ReadOnly, "keeps for itself"},
		{"beside", "home/docs-evil", plugins.ReadWrite, ""},
		{"above the cache", "home", plugins.ReadOnly, "keeps for itself"},
		{"the cache", "home/.cache/mcpwasm", plugins.ReadOnly, "keeps for itself"},
		{"in the cache", "home/.cache/mcpwasm/code", plugins.ReadOnly, "keeps for itself"},
		{"a link to what is above", "link", plugins.ReadOnly, "keeps for itself"},
		{"the configuration, read", "home/docs", plugins.ReadOnly, ""},
		{"the configuration, written", "home/docs", plugins.ReadWrite, "could change"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckOwn(plugins.MountGrant{Source: filepath.Join(base, tt.source), Path: "/x", Access: tt.access}, own)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
