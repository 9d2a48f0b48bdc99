package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	root := filepath.VolumeName(dir) + string(filepath.Separator)
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		grant plugins.MountGrant
		want  string // a part of the error
	}{
		{"good", plugins.MountGrant{Source: dir, Path: "/data", Access: plugins.ReadOnly}, ""},
		{"as the guest's root", plugins.MountGrant{Source: dir, Path: "/"}, ""},
		{"missing", plugins.MountGrant{Source: dir + "/nothing", Path: "/data"}, "nothing: there is no such folder"},
		{"file", plugins.MountGrant{Source: file, Path: "/data"}, "file: it is not a folder"},
		{"root", plugins.MountGrant{Source: root, Path: "/data"}, "the whole file system"},
		{"link to the root", plugins.MountGrant{Source: link, Path: "/data"}, "the whole file system"},
		{"root by dots", plugins.MountGrant{Source: dir + strings.Repeat("/..", 30), Path: "/data"}, "the whole file system"},
		{"relative", plugins.MountGrant{Source: dir, Path: "data"}, "must be absolute"},
		{"empty", plugins.MountGrant{Source: dir}, "must be absolute"},
		{"dots", plugins.MountGrant{Source: dir, Path: "/data/../x"}, "without . and .."},
		{"slash", plugins.MountGrant{Source: dir, Path: "/data/"}, "slash at its end"},
		{"NUL", plugins.MountGrant{Source: dir, Path: "/da\x00ta"}, "must be absolute"},
		{"access", plugins.MountGrant{Source: dir, Path: "/data", Access: "wo"}, "use ro or rw"},
		{"quota", plugins.MountGrant{Source: dir, Path: "/data", QuotaBytes: -1}, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkError(t, Check(tt.grant), tt.want) })
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("error %v, want %q", err, want)
	}
}
