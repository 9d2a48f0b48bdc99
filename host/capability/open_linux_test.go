package capability

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// openBelow returns the files below a folder that this process has open.
func openBelow(t *testing.T, dir string) (open []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && strings.HasPrefix(to, dir) {
			open = append(open, to)
		}
	}
	return open
}

// TestCloseLeavesNothingOpen looks at this process's descriptors.
func TestCloseLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	c := everything(t)
	dir := c.Grants.Mounts[0].Source
	c.Log = (&logbook{}).logger()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(openBelow(t, dir)) != 1 {
		t.Fatalf("open: %q, want the folder", openBelow(t, dir))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.Store = nil
	if _, err := Open(t.Context(), c); err == nil {
		t.Error("a set with kv opens without a store")
	}
	c.Grants.Mounts = append(c.Grants.Mounts, plugins.MountGrant{Source: filepath.Join(t.TempDir(), "gone"), Path: "/gone"})
	if _, err := Open(t.Context(), c); err == nil {
		t.Error("a set opens without a folder")
	}
	if open := openBelow(t, dir); len(open) > 0 {
		t.Errorf("left open: %q", open)
	}
}
