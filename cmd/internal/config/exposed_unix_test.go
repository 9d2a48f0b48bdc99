//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestExposed(t *testing.T) {
	const who = ", who could decide what is trusted and granted: close it (chmod go-w), or keep it elsewhere"
	tests := []struct {
		name         string
		folder, file fs.FileMode
		want         []string // with %s for the folder
	}{
		{"closed", 0o700, 0o600, nil},
		{"readable", 0o755, 0o644, nil},
		{"file open to everybody", 0o755, 0o666, []string{"%s/m.yaml can be written to by everybody (mode 0666)" + who}},
		{"folder open to everybody", 0o777, 0o644, []string{"%s can be written to by everybody (mode 0777)" + who}},
		{"folder where files are kept apart", 0o777 | fs.ModeSticky, 0o644, nil},
		{"both", 0o777, 0o666, []string{"%s/m.yaml can be written to by everybody (mode 0666)" + who, "%s can be written to by everybody (mode 0777)" + who}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "m.yaml")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			chmod(t, path, tt.file)
			chmod(t, dir, tt.folder)
			var want []string
			for _, w := range tt.want {
				want = append(want, fmt.Sprintf(w, dir))
			}
			if got := Exposed([]string{path, path, filepath.Join(dir, "none", "none")}); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestExposedLink: both who can replace a link and who can write to what it leads to
// decide.
func TestExposedLink(t *testing.T) {
	open, closed := t.TempDir(), t.TempDir()
	chmod(t, open, 0o777)
	target, link := filepath.Join(closed, "m.yaml"), filepath.Join(open, "link.yaml")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if got := Exposed([]string{link}); len(got) != 1 {
		t.Errorf("a link in an open folder: %q", got)
	}
	chmod(t, target, 0o666)
	if got := Exposed([]string{link}); len(got) != 2 {
		t.Errorf("a link in an open folder to an open file: %q", got)
	}
}

func TestWritable(t *testing.T) {
	tests := []struct {
		name string
		mode fs.FileMode
		own  bool
		want string
	}{
		{"group", 0o664, false, "can be written to by its group (mode 0664)"},
		{"the user's own group", 0o664, true, ""},
		{"everybody in the user's own group", 0o666, true, "can be written to by everybody (mode 0666)"},
		{"folder of a group", fs.ModeDir | 0o775, false, "can be written to by its group (mode 0775)"},
		{"shared folder", fs.ModeDir | fs.ModeSticky | 0o777, false, ""},
		{"a sticky file", fs.ModeSticky | 0o666, false, "can be written to by everybody (mode 0666)"},
	}
	for _, tt := range tests {
		if got := writable(tt.mode, tt.own); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
