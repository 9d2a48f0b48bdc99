package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

func newFolder(t *testing.T) (*Folder, *store.File, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return NewFolder(s, filepath.Join(dir, "catalogs")), s, filepath.Join(dir, "catalogs")
}

// state is a catalog of some version and day of January 2026; 0 is no day.
func state(version string, day int) *Catalog {
	c := &Catalog{Format: 1, Name: "acme", Version: version, Entries: []Entry{{Name: strings.ReplaceAll(fmt.Sprintf("e%s-%d", version, day), "+", "."), Reference: "ghcr.io/acme/x:1"}}}
	if day > 0 {
		c.Created = time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)
	}
	return c
}

func TestFolder(t *testing.T) {
	ctx := context.Background()
	f, _, dir := newFolder(t)
	k := Kept{Name: "mine", Origin: "ghcr.io/acme/catalog", Reference: "ghcr.io/acme/catalog:1", Format: FormatCatalog, Signers: []string{"key:" + someDigest}, Pulled: time.Now()}
	if _, err := f.Keep(ctx, k, state("1.0.0", 1), false); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Keep(ctx, k, state("1.1.0", 2), false); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v: %d files: the one that was replaced is still there", err, len(files))
	}
	foreign := &Catalog{Format: 1, Entries: []Entry{{Name: "t", Container: &Container{Image: "a"}}}}
	if _, err := f.Keep(ctx, Kept{Name: "docker", Origin: "/tmp/d.yaml", Format: FormatDocker}, foreign, false); err != nil {
		t.Fatal(err)
	}
	all, err := f.List(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "docker" || all[1].Name != "mine" || all[1].Version != "1.1.0" || all[1].Entries != 1 {
		t.Errorf("%v, %+v", err, all)
	}
	got, c, err := f.Load(ctx, "mine")
	if err != nil || got.Reference != k.Reference || c.Name != "acme" || c.Entries[0].Name != "e1.1.0-2" {
		t.Errorf("%v, %+v, %+v", err, got, c)
	}
	if _, c, err := f.Load(ctx, "docker"); err != nil || c.Name != "docker" {
		t.Errorf("%v, %+v", err, c)
	}
	if _, _, err := f.Load(ctx, "mien"); !errors.Is(err, ErrNotKept) || !matches(err, `did you mean "mine"?`) {
		t.Errorf("error %v", err)
	}
	if err := f.Remove(ctx, "mine"); err != nil {
		t.Error(err)
	}
	if err := f.Remove(ctx, "mine"); !errors.Is(err, ErrNotKept) {
		t.Errorf("error %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v: %d files after removing", err, len(files))
	}
}

func TestRollback(t *testing.T) {
	tests := []struct {
		name       string
		have, next *Catalog
		want       string // "" is taken
	}{
		{"the same", state("1.0.0", 1), state("1.0.0", 1), ""},
		{"newer version", state("1.0.0", 1), state("1.0.1", 2), ""},
		{"older version", state("1.1.0", 1), state("1.0.9", 1), "version 1.0.9, kept is 1.1.0"},
		{"older version, made later", state("1.1.0", 1), state("1.0.9", 2), "version 1.0.9, kept is 1.1.0"},
		{"candidate of what is kept", state("1.1.0", 1), state("1.1.0-rc.1", 1), "version 1.1.0-rc.1, kept is 1.1.0"},
		{"newer version, made before", state("1.0.0", 2), state("2.0.0", 1), ""},
		{"same version, made before", state("1.0.0", 2), state("1.0.0", 1), "made at 2026-01-01T00:00:00Z"},
		{"another build, made before", state("1.0.0+b", 2), state("1.0.0+a", 1), "made at 2026-01-01T00:00:00Z"},
		{"no version any more", state("1.0.0", 1), state("", 2), "version none, kept is 1.0.0"},
		{"a version at last, made before", state("", 2), state("9.0.0", 1), "made at 2026-01-01T00:00:00Z"},
		{"made later", state("", 1), state("", 2), ""},
		{"made before", state("", 2), state("", 1), "made at 2026-01-01T00:00:00Z"},
		{"not dated any more", state("", 2), state("", 0), "made at 0001-01-01T00:00:00Z"},
		{"never dated", state("", 0), state("", 0), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			f, _, dir := newFolder(t)
			k := Kept{Name: "acme", Origin: "ghcr.io/acme/catalog"}
			if _, err := f.Keep(ctx, k, tt.have, false); err != nil {
				t.Fatal(err)
			}
			_, err := f.Keep(ctx, k, tt.next, false)
			if !matches(err, tt.want) || (err != nil) != errors.Is(err, ErrOlder) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			want := tt.next
			if err != nil {
				want = tt.have
			}
			if _, c, err := f.Load(ctx, "acme"); err != nil || c.Entries[0].Name != want.Entries[0].Name {
				t.Errorf("%v: kept is %+v", err, c)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
				t.Errorf("%v: %d files", err, len(files))
			}
			if _, err := f.Keep(ctx, k, tt.next, true); err != nil {
				t.Errorf("named on purpose: %v", err)
			}
		})
	}
}

func TestFolderRefuses(t *testing.T) {
	ctx := context.Background()
	f, s, dir := newFolder(t)
	if _, err := f.Keep(ctx, Kept{Name: "../x", Origin: "o"}, state("", 1), false); !matches(err, `catalog name "../x"`) {
		t.Errorf("error %v", err)
	}
	if _, err := f.Keep(ctx, Kept{Name: "acme", Origin: "o"}, &Catalog{Format: 1, Entries: []Entry{{}}}, false); !matches(err, "entries[0]") {
		t.Errorf("error %v", err)
	}
	k, err := f.Keep(ctx, Kept{Name: "acme", Origin: "ghcr.io/acme/catalog"}, state("", 1), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Keep(ctx, Kept{Name: "acme", Origin: "ghcr.io/evil/catalog"}, state("", 2), true); !matches(err, `the name is taken: "acme" is the catalog of ghcr.io/acme/catalog`) {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(dir, k.File)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte("ghcr.io/acme/x"), []byte("ghcr.io/evil/x"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Load(ctx, "acme"); !matches(err, "its file was changed: pull it again") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Load(ctx, "acme"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	// A record that leads elsewhere is not followed.
	entries, err := s.Get(ctx, "catalog/acme")
	if err != nil {
		t.Fatal(err)
	}
	evil := bytes.Replace(entries[0].Value, []byte(k.File), []byte("../../secret"), 1)
	if _, err := s.Apply(ctx, store.Change{Key: "catalog/acme", If: entries[0].Version, Value: evil}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Load(ctx, "acme"); !matches(err, "cannot be read: remove it") {
		t.Errorf("error %v", err)
	}
	if err := f.Remove(ctx, "acme"); err != nil {
		t.Error(err)
	}
}

// TestFolderShared lets many write and read one name: a reader finds one whole
// state, and the newest one stays.
func TestFolderShared(t *testing.T) {
	ctx := context.Background()
	f, _, dir := newFolder(t)
	k := Kept{Name: "acme", Origin: "o"}
	if _, err := f.Keep(ctx, k, state("", 1), false); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for day := 1; day <= 20; day++ {
				if _, err := f.Keep(ctx, k, state("", day), false); err != nil && !errors.Is(err, ErrOlder) {
					t.Errorf("worker %d: %v", worker, err)
				}
				if _, _, err := f.Load(ctx, "acme"); err != nil {
					t.Errorf("worker %d: %v", worker, err)
				}
			}
		})
	}
	wg.Wait()
	if _, c, err := f.Load(ctx, "acme"); err != nil || c.Created.Day() != 20 {
		t.Errorf("%v, %+v", err, c)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v: %d files are left", err, len(files))
	}
}
