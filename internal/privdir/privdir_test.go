//go:build unix

package privdir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	root := t.TempDir()
	for _, tc := range []struct {
		name string
		mode os.FileMode // of the directory before; 0: there is none
	}{
		{"new", 0},
		{"private", 0o700},
		{"open to others", 0o755},
		{"writable by others", 0o777},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(root, tc.name, "deep")
			if tc.mode != 0 {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(dir, tc.mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := Make(dir); err != nil {
				t.Fatal(err)
			}
			st, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if st.Mode().Perm() != 0o700 {
				t.Errorf("mode = %#o", st.Mode().Perm())
			}
		})
	}
	t.Run("a file is there", func(t *testing.T) {
		name := filepath.Join(root, "file")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Make(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("another user's", func(t *testing.T) {
		// The root directory is nobody's but root's; root makes one that is not.
		dir := "/"
		if os.Geteuid() == 0 {
			dir = filepath.Join(root, "theirs")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(dir, 65534, -1); err != nil {
				t.Fatal(err)
			}
		}
		if err := Make(dir); err == nil || !strings.Contains(err.Error(), "belongs to user") {
			t.Errorf("err = %v", err)
		}
	})
}
