package wasi

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero/experimental/wazerotest"
)

// canary is what stands beside the mounts: no guest may read or change it.
const canary = "the canary outside"

// mounted is a world with the folders data (descriptor 3, "/data") and other (4,
// "/other") of a folder of its own, in which there are a canary and data-evil as
// well.
type mounted struct {
	*world
	t    testing.TB
	base string
}

func everything(context.Context, string, bool) error { return nil }

func newMounted(t testing.TB) *mounted {
	t.Helper()
	m := &mounted{world: &world{mem: wazerotest.NewMemory(1 << 16)}, t: t, base: t.TempDir()}
	for _, d := range []string{"data", "other", "data-evil"} {
		if err := os.Mkdir(filepath.Join(m.base, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.write("canary", canary)
	m.write("data-evil/canary", canary)
	m.write("data/file", "content")
	c := Config{Stdin: Empty(), Stdout: Empty(), Stderr: Empty()}
	for _, d := range []string{"data", "other"} {
		f, err := files.Open(files.Config{Source: filepath.Join(m.base, d), Access: plugins.ReadWrite})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		c.Mounts = append(c.Mounts, runtime.Mount{Path: "/" + d, FS: f})
	}
	m.System = New(c)
	t.Cleanup(m.System.Close)
	m.SetAuthority(runtime.Authority{Files: everything})
	return m
}

func (m *mounted) write(name, content string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.base, name), []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mounted) link(target, name string) {
	m.t.Helper()
	if err := os.Symlink(target, filepath.Join(m.base, name)); err != nil {
		m.t.Fatal(err)
	}
}

// checkCanary fails where the world outside was changed.
func (m *mounted) checkCanary() {
	m.t.Helper()
	for _, name := range []string{"canary", "data-evil/canary"} {
		if b, err := os.ReadFile(filepath.Join(m.base, name)); err != nil || string(b) != canary {
			m.t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	entries, err := os.ReadDir(m.base)
	if err != nil || len(entries) != 4 {
		m.t.Errorf("outside there are %v, %v", entries, err)
	}
}

// text puts a string into memory and returns its address and length.
func (m *mounted) text(at uint32, s string) (ptr, n uint64) {
	m.mem.WriteString(at, s)
	return uint64(at), uint64(len(s))
}

const (
	pathAt  = 1000
	path2At = 3000
	outAt   = 5000
	bufAt   = 6000
)

func (m *mounted) errno(fn string, params ...uint64) Errno {
	m.t.Helper()
	errno, exit := m.call(m.t.Context(), fn, params...)
	if exit != nil {
		m.t.Fatalf("%s ended the guest: %v", fn, exit)
	}
	return errno
}

const rw = rightRead | rightWrite

func (m *mounted) open(dirFD uint64, path string, follow, oflags, rights, fdflags uint64) (uint64, Errno) {
	m.t.Helper()
	p, n := m.text(pathAt, path)
	errno := m.errno("path_open", dirFD, follow, p, n, oflags, rights, rights, fdflags, outAt)
	fd, _ := m.mem.ReadUint32Le(outAt)
	return uint64(fd), errno
}

func (m *mounted) mustOpen(path string, oflags, rights, fdflags uint64) uint64 {
	m.t.Helper()
	fd, errno := m.open(3, path, 1, oflags, rights, fdflags)
	if errno != Success {
		m.t.Fatalf("open %s: %d", path, errno)
	}
	return fd
}

// buffer describes one buffer of n bytes to the functions that take vectors.
func (m *mounted) buffer(n uint32) {
	m.mem.WriteUint32Le(outAt-8, bufAt)
	m.mem.WriteUint32Le(outAt-4, n)
}

func (m *mounted) read(fd uint64) (string, Errno) {
	m.t.Helper()
	m.buffer(100)
	errno := m.errno("fd_read", fd, outAt-8, 1, outAt)
	n, _ := m.mem.ReadUint32Le(outAt)
	b, _ := m.mem.Read(bufAt, n)
	if errno != Success {
		return "", errno
	}
	return string(b), Success
}

func (m *mounted) put(fd uint64, s string) Errno {
	m.t.Helper()
	m.mem.WriteString(bufAt, s)
	m.buffer(uint32(len(s)))
	return m.errno("fd_write", fd, outAt-8, 1, outAt)
}

func TestPreopens(t *testing.T) {
	m := newMounted(t)
	m.SetAuthority(runtime.Authority{}) // a guest may look at its list before the first message
	for fd, want := range map[uint64]string{3: "/data", 4: "/other"} {
		if errno := m.errno("fd_prestat_get", fd, outAt); errno != Success {
			t.Fatal(errno)
		}
		n, _ := m.mem.ReadUint32Le(outAt + 4)
		if errno := m.errno("fd_prestat_dir_name", fd, bufAt, uint64(n)); errno != Success {
			t.Fatal(errno)
		}
		if b, _ := m.mem.Read(bufAt, n); string(b) != want {
			t.Errorf("descriptor %d is %q, want %q", fd, b, want)
		}
		if errno := m.errno("fd_fdstat_get", fd, bufAt); errno != Success {
			t.Errorf("fdstat: %d", errno)
		}
	}
	if errno := m.errno("fd_prestat_get", 5, outAt); errno != EBADF {
		t.Errorf("after the last: %d", errno)
	}
	fd := m.denied("file")
	if fd != ENOTCAPABLE {
		t.Errorf("open without authority: %d", fd)
	}
}

func (m *mounted) denied(path string) Errno {
	_, errno := m.open(3, path, 1, 0, rightRead, 0)
	return errno
}

// escapes are paths that lead out of the mount, and where an errno is the only
// right one, which.
var escapes = []struct {
	name, path string
	want       Errno
}{
	{"dots", "../canary", EPERM},
	{"dots in the middle", "sub/../../canary", EPERM},
	{"dots and back", "../data/file", EPERM},
	{"dots alone", "..", EPERM},
	{"prefix sibling", "../data-evil/canary", EPERM},
	{"absolute", "/etc/hostname", EPERM},
	{"absolute and in the mount", "/data/file", EPERM},
	{"absolute link", "absolute", EPERM},
	{"relative link", "relative", EPERM},
	{"through a link to a directory", "up/canary", EPERM},
	{"link behind a link", "chain", EPERM},
	{"link to the other mount", "other/file", EPERM},
	{"link that goes out and in", "inout", EPERM},
	{"dangling link out", "dangling", EPERM},
	{"NUL", "file\x00", EINVAL},
	{"NUL before the way out", "\x00/../../canary", EINVAL},
	{"empty", "", ENOENT},
	{"not UTF-8", "\xff", EILSEQ},
	{"too long", strings.Repeat("a/", 2049), ENAMETOOLONG},
	{"loop", "loop", ELOOP},
	{"trailing slash", "file/", ENOTDIR},
}

// hostLinks makes the links that the escapes go through.
func (m *mounted) hostLinks() {
	m.link(filepath.Join(m.base, "canary"), "data/absolute")
	m.link("../canary", "data/relative")
	m.link("..", "data/up")
	m.link("chain1", "data/chain")
	m.link("relative", "data/chain1")
	m.link("../other", "data/other")
	m.link("../data/file", "data/inout")
	m.link("../nothing", "data/dangling")
	m.link("loop", "data/loop")
	if err := os.Mkdir(filepath.Join(m.base, "data", "sub"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.write("other/file", "another")
}

func TestEscapes(t *testing.T) {
	for _, tt := range escapes {
		t.Run(tt.name, func(t *testing.T) {
			m := newMounted(t)
			m.hostLinks()
			for _, oflags := range []uint64{0, openCreate, openTruncate} {
				fd, errno := m.open(3, tt.path, 1, oflags, rw, 0)
				if errno != tt.want {
					content, _ := m.read(fd)
					t.Errorf("open with %d: %d (%q), want %d", oflags, errno, content, tt.want)
				}
			}
			p, n := m.text(pathAt, tt.path)
			for fn, params := range map[string][]uint64{
				"path_filestat_get":       {3, 1, p, n, outAt},
				"path_filestat_set_times": {3, 1, p, n, 0, 0, setMtimNow},
			} {
				if errno := m.errno(fn, params...); errno != tt.want {
					t.Errorf("%s: %d, want %d", fn, errno, tt.want)
				}
			}
			m.checkCanary()
		})
	}
}

// TestEscapesByName: what acts on a name itself does not act on one outside.
func TestEscapesByName(t *testing.T) {
	for _, path := range []string{"../canary", "up/canary", "/canary", "../data-evil/canary", "sub/../../canary", "up/data-evil/canary"} {
		t.Run(path, func(t *testing.T) {
			m := newMounted(t)
			m.hostLinks()
			p, n := m.text(pathAt, path)
			q, k := m.text(path2At, "file")
			for fn, params := range map[string][]uint64{
				"path_unlink_file":      {3, p, n},
				"path_remove_directory": {3, p, n},
				"path_create_directory": {3, p, n},
				"path_readlink":         {3, p, n, bufAt, 100, outAt},
				"path_symlink":          {q, k, 3, p, n},
				"path_link":             {3, 0, p, n, 3, q, k},
				"path_rename":           {3, p, n, 3, q, k},
			} {
				if errno := m.errno(fn, params...); errno != EPERM {
					t.Errorf("%s: %d", fn, errno)
				}
			}
			for fn, params := range map[string][]uint64{
				"path_link":   {3, 0, q, k, 3, p, n},
				"path_rename": {3, q, k, 3, p, n},
			} {
				if errno := m.errno(fn, params...); errno != EPERM {
					t.Errorf("%s to it: %d", fn, errno)
				}
			}
			m.checkCanary()
		})
	}
}

// TestGuestLinks: a link that a guest made leads out no more than one of the
// host's, also if it was moved to where it would.
func TestGuestLinks(t *testing.T) {
	m := newMounted(t)
	symlink := func(target, name string) Errno {
		p, n := m.text(pathAt, target)
		q, k := m.text(path2At, name)
		return m.errno("path_symlink", p, n, 3, q, k)
	}
	for target, want := range map[string]Errno{
		"/etc/passwd": EPERM, "../canary": EPERM, "sub/../../canary": EPERM, "": ENOENT, "a\x00b": EINVAL, "file": Success,
	} {
		if errno := symlink(target, "guest"); errno != want {
			t.Errorf("link to %q: %d, want %d", target, errno, want)
		}
	}
	for _, d := range []string{"deep", "deep/er"} {
		p, n := m.text(pathAt, d)
		if errno := m.errno("path_create_directory", 3, p, n); errno != Success {
			t.Fatal(errno)
		}
	}
	if errno := symlink("../../canary", "deep/er/link"); errno != Success {
		t.Fatal(errno)
	}
	p, n := m.text(pathAt, "deep/er/link")
	q, k := m.text(path2At, "deep/link")
	if errno := m.errno("path_rename", 3, p, n, 3, q, k); errno != Success {
		t.Fatal(errno)
	}
	// From deep, it would be data/../canary.
	if _, errno := m.open(3, "deep/link", 1, 0, rightRead, 0); errno != EPERM {
		t.Errorf("the moved link: %d", errno)
	}
	m.checkCanary()
}

// TestPaths: what the functions on paths answer (preview 1's documentation, and
// POSIX where that says nothing).
func TestPaths(t *testing.T) {
	tests := []struct {
		name, fn     string
		path, second string
		want         Errno
	}{
		{"unlink", "path_unlink_file", "file", "", Success},
		{"unlink a directory", "path_unlink_file", "dir", "", EISDIR},
		{"unlink with a slash", "path_unlink_file", "file/", "", ENOTDIR},
		{"unlink a link", "path_unlink_file", "link", "", Success},
		{"unlink nothing", "path_unlink_file", "nothing", "", ENOENT},
		{"rmdir", "path_remove_directory", "dir", "", Success},
		{"rmdir with a slash", "path_remove_directory", "dir/", "", Success},
		{"rmdir a file", "path_remove_directory", "file", "", ENOTDIR},
		{"rmdir what is not empty", "path_remove_directory", "full", "", ENOTEMPTY},
		{"mkdir", "path_create_directory", "new", "", Success},
		{"mkdir with a slash", "path_create_directory", "new/", "", Success},
		{"mkdir over a file", "path_create_directory", "file", "", EEXIST},
		{"mkdir below a file", "path_create_directory", "file/new", "", ENOTDIR},
		{"mkdir below nothing", "path_create_directory", "nothing/new", "", ENOENT},
		{"stat a link", "path_filestat_get", "link", "", Success},
		{"stat by dots", "path_filestat_get", "dir/../full/./file", "", Success},
		{"stat by dots from nothing", "path_filestat_get", "nothing/../file", "", ENOENT},
		{"readlink", "path_readlink", "link", "", Success},
		{"readlink of a file", "path_readlink", "file", "", EINVAL},
		{"rename", "path_rename", "file", "new", Success},
		{"rename over a file", "path_rename", "file", "full/file", Success},
		{"rename over a directory", "path_rename", "file", "dir", EISDIR},
		{"rename a directory over one", "path_rename", "full", "dir", Success},
		{"rename a directory over a full one", "path_rename", "dir", "full", ENOTEMPTY},
		{"rename a directory over a file", "path_rename", "dir", "file", ENOTDIR},
		{"rename a directory into itself", "path_rename", "dir", "dir/new", EINVAL},
		{"rename nothing", "path_rename", "nothing", "new", ENOENT},
		{"rename a file to a directory's name", "path_rename", "file", "new/", ENOTDIR},
		{"link", "path_link", "file", "new", Success},
		{"link a link", "path_link", "dangling", "new", Success},
		{"link over a file", "path_link", "file", "full/file", EEXIST},
		{"link a directory", "path_link", "dir", "new", EPERM},
		{"symlink over a file", "path_symlink", "x", "file", EEXIST},
		{"symlink with a slash", "path_symlink", "x", "new/", ENOENT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMounted(t)
			for _, d := range []string{"dir", "full"} {
				if err := os.Mkdir(filepath.Join(m.base, "data", d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			m.write("data/full/file", "")
			m.link("file", "data/link")
			m.link("nothing", "data/dangling")
			p, n := m.text(pathAt, tt.path)
			q, k := m.text(path2At, tt.second)
			params := map[string][]uint64{
				"path_unlink_file":      {3, p, n},
				"path_remove_directory": {3, p, n},
				"path_create_directory": {3, p, n},
				"path_filestat_get":     {3, 1, p, n, bufAt},
				"path_readlink":         {3, p, n, bufAt, 100, outAt},
				"path_rename":           {3, p, n, 3, q, k},
				"path_link":             {3, 0, p, n, 3, q, k},
				"path_symlink":          {p, n, 3, q, k},
			}[tt.fn]
			if errno := m.errno(tt.fn, params...); errno != tt.want {
				t.Errorf("errno %d, want %d", errno, tt.want)
			}
		})
	}
}

// TestOpen: how rights and flags decide what is opened.
func TestOpen(t *testing.T) {
	tests := []struct {
		name           string
		path           string
		follow, oflags uint64
		rights         uint64
		want           Errno
	}{
		{"file", "file", 0, 0, rightRead, Success},
		{"file as a directory", "file", 0, openDirectory, rightRead, ENOTDIR},
		{"directory", "dir", 0, openDirectory, rightReaddir, Success},
		{"directory with a slash", "dir/", 0, 0, rightRead, Success},
		{"directory to write", "dir", 0, openDirectory, rw, EISDIR},
		{"directory to truncate", "dir", 0, openTruncate, 0, EISDIR},
		{"nothing", "nothing", 0, 0, rightRead, ENOENT},
		{"nothing below a file", "file/x", 0, openCreate, rightRead, ENOTDIR},
		{"new", "nothing", 0, openCreate, rightRead, Success},
		{"new with a slash", "nothing/", 0, openCreate, rightRead, ENOENT},
		{"new but there", "file", 0, openCreate | openExclusive, rightRead, EEXIST},
		{"link", "link", 1, 0, rightRead, Success},
		{"link itself", "link", 0, 0, rightRead, ELOOP},
		{"link itself as a directory", "dirlink", 0, openDirectory, rightRead, ELOOP},
		{"link as a directory", "dirlink", 1, openDirectory, rightRead, Success},
		{"dangling link", "dangling", 1, 0, rightRead, ENOENT},
		{"new by a dangling link", "dangling", 1, openCreate, rightRead, Success},
		{"new but a link is there", "dangling", 1, openCreate | openExclusive, rightRead, EEXIST},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMounted(t)
			if err := os.Mkdir(filepath.Join(m.base, "data", "dir"), 0o755); err != nil {
				t.Fatal(err)
			}
			m.link("file", "data/link")
			m.link("dir", "data/dirlink")
			m.link("target", "data/dangling")
			if _, errno := m.open(3, tt.path, tt.follow, tt.oflags, tt.rights, 0); errno != tt.want {
				t.Errorf("errno %d, want %d", errno, tt.want)
			}
		})
	}
}

// TestRights: a descriptor can do what it was opened for, and less once that was
// given up.
func TestRights(t *testing.T) {
	m := newMounted(t)
	reader, writer := m.mustOpen("file", 0, rightRead, 0), m.mustOpen("file", 0, rightWrite, 0)
	if errno := m.put(reader, "x"); errno != EBADF {
		t.Errorf("write for reading: %d", errno)
	}
	if _, errno := m.read(writer); errno != EBADF {
		t.Errorf("read for writing: %d", errno)
	}
	for _, tt := range []struct {
		rights uint64
		want   Errno
	}{{rw, ENOTCAPABLE}, {0, Success}, {rightRead, ENOTCAPABLE}} {
		if errno := m.errno("fd_fdstat_set_rights", reader, tt.rights, 0); errno != tt.want {
			t.Errorf("rights %d: %d, want %d", tt.rights, errno, tt.want)
		}
	}
	if _, errno := m.read(reader); errno != EBADF {
		t.Errorf("read after that: %d", errno)
	}
	truncated := m.mustOpen("file", openTruncate, 0, 0)
	if errno := m.put(truncated, "x"); errno != EBADF {
		t.Errorf("write without a right: %d", errno)
	}
	if b, err := os.ReadFile(filepath.Join(m.base, "data", "file")); len(b) > 0 || err != nil {
		t.Errorf("not truncated: %q, %v", b, err)
	}
}

func TestCrossMount(t *testing.T) {
	m := newMounted(t)
	p, n := m.text(pathAt, "file")
	for fn, params := range map[string][]uint64{
		"path_link":   {3, 0, p, n, 4, p, n},
		"path_rename": {3, p, n, 4, p, n},
	} {
		if errno := m.errno(fn, params...); errno != EXDEV {
			t.Errorf("%s: %d", fn, errno)
		}
	}
}

// TestNewMessage: what is open is decided again for each message.
func TestNewMessage(t *testing.T) {
	m := newMounted(t)
	readOnly := func(_ context.Context, _ string, write bool) error {
		if write {
			return runtime.ErrReadOnly
		}
		return nil
	}
	fd := m.mustOpen("file", 0, rw, 0)
	if errno := m.put(fd, "C"); errno != Success {
		t.Fatal(errno)
	}
	m.SetAuthority(runtime.Authority{Files: readOnly})
	if errno := m.put(fd, "X"); errno != EROFS {
		t.Errorf("write: %d", errno)
	}
	for fn, params := range map[string][]uint64{
		"fd_filestat_set_size":  {fd, 0},
		"fd_allocate":           {fd, 0, 100},
		"fd_filestat_set_times": {fd, 0, 0, setMtimNow},
		"fd_pwrite":             {fd, outAt - 8, 1, 0, outAt},
	} {
		if errno := m.errno(fn, params...); errno != EROFS && errno != EBADF {
			t.Errorf("%s: %d", fn, errno)
		}
	}
	if s, errno := m.read(fd); s != "ontent" || errno != Success {
		t.Errorf("read: %q, %d", s, errno)
	}
	if _, errno := m.open(3, "new", 1, openCreate, rightRead, 0); errno != EROFS {
		t.Errorf("create: %d", errno)
	}
	if _, errno := m.open(3, "file", 1, openCreate, rightRead, 0); errno != Success {
		t.Errorf("open what is there, as if to create it: %d", errno)
	}
	if _, errno := m.open(3, "file", 1, openCreate|openExclusive, rightRead, 0); errno != EEXIST {
		t.Errorf("create what is there: %d", errno)
	}
	m.SetAuthority(runtime.Authority{})
	if _, errno := m.read(fd); errno != ENOTCAPABLE {
		t.Errorf("read without authority: %d", errno)
	}
	if errno := m.errno("fd_readdir", 3, bufAt, 100, 0, outAt); errno != ENOTCAPABLE {
		t.Errorf("list without authority: %d", errno)
	}
	if errno := m.errno("fd_close", fd); errno != Success {
		t.Errorf("close: %d", errno)
	}
}

// TestGatePaths: the gate hears of absolute and clean paths, and is asked about
// everything.
func TestGatePaths(t *testing.T) {
	var asked []string
	m := newMounted(t)
	m.SetAuthority(runtime.Authority{Files: func(_ context.Context, path string, write bool) error {
		asked = append(asked, fmt.Sprint(path, " ", write))
		return runtime.ErrQuota // anything that is not ErrReadOnly
	}})
	p, n := m.text(pathAt, "a/.//b/../c")
	q, k := m.text(path2At, "d/")
	tests := []struct {
		fn     string
		params []uint64
		want   string
	}{
		{"path_open", []uint64{3, 1, p, n, 0, rightRead, 0, 0, outAt}, "[/data/a/c false]"},
		{"path_open", []uint64{3, 1, p, n, 0, rw, 0, 0, outAt}, "[/data/a/c true]"},
		{"path_link", []uint64{3, 0, p, n, 3, q, k}, "[/data/d true]"},
		{"path_open", []uint64{3, 1, p, n, openTruncate, 0, 0, 0, outAt}, "[/data/a/c true]"},
		{"path_filestat_get", []uint64{4, 1, q, k, outAt}, "[/other/d false]"},
		{"path_unlink_file", []uint64{3, p, n}, "[/data/a/c true]"},
		{"path_rename", []uint64{3, p, n, 3, q, k}, "[/data/d true]"},
		{"path_create_directory", []uint64{3, q, k}, "[/data/d true]"},
		{"path_readlink", []uint64{3, q, k, bufAt, 9, outAt}, "[/data/d false]"},
		{"path_symlink", []uint64{p, n, 3, q, k}, "[/data/d true]"},
		{"path_filestat_set_times", []uint64{3, 1, p, n, 0, 0, setMtimNow}, "[/data/a/c true]"},
		{"fd_readdir", []uint64{3, bufAt, 10, 0, outAt}, "[/data false]"},
		{"fd_filestat_get", []uint64{4, bufAt}, "[/other false]"},
	}
	for _, tt := range tests {
		asked = nil
		if errno := m.errno(tt.fn, tt.params...); errno != ENOTCAPABLE {
			t.Errorf("%s: %d", tt.fn, errno)
		}
		if got := fmt.Sprint(asked); got != tt.want {
			t.Errorf("%s asked %s, want %s", tt.fn, got, tt.want)
		}
	}
}

// TestGateDenies: of an access that the gate denies nothing happens, and what a file is
// open for has to be allowed, and no more.
func TestGateDenies(t *testing.T) {
	m := newMounted(t)
	denied := map[string]bool{}
	m.SetAuthority(runtime.Authority{Files: func(ctx context.Context, path string, write bool) error {
		if ctx == nil || ctx.Err() != nil {
			t.Errorf("%s is decided in the context %v", path, ctx)
		}
		if denied[fmt.Sprint(path, " ", write)] {
			return fmt.Errorf("%w: by a rule", fs.ErrPermission)
		}
		return nil
	}})
	deny := func(uses ...string) {
		clear(denied)
		for _, u := range uses {
			denied[u] = true
		}
	}
	p, n := m.text(pathAt, "file")
	q, k := m.text(path2At, "moved")
	for _, tt := range []struct {
		name, deny string
		fn         string
		params     []uint64
	}{
		{"truncate what may not be read", "/data/file false", "path_open", []uint64{3, 1, p, n, openTruncate, rw, rw, 0, outAt}},
		{"truncate what may not be written", "/data/file true", "path_open", []uint64{3, 1, p, n, openTruncate, rightWrite, 0, 0, outAt}},
		{"create", "/data/moved true", "path_open", []uint64{3, 1, q, k, openCreate, rightRead, 0, 0, outAt}},
		{"remove", "/data/file true", "path_unlink_file", []uint64{3, p, n}},
		{"move from", "/data/file true", "path_rename", []uint64{3, p, n, 3, q, k}},
		{"move to", "/data/moved true", "path_rename", []uint64{3, p, n, 3, q, k}},
		{"move what may not be read", "/data/file false", "path_rename", []uint64{3, p, n, 3, q, k}},
		{"link from", "/data/file true", "path_link", []uint64{3, 0, p, n, 3, q, k}},
		{"link to", "/data/moved true", "path_link", []uint64{3, 0, p, n, 3, q, k}},
		{"link what may not be read", "/data/file false", "path_link", []uint64{3, 0, p, n, 3, q, k}},
	} {
		deny(tt.deny)
		if errno := m.errno(tt.fn, tt.params...); errno != EACCES {
			t.Errorf("%s: %d", tt.name, errno)
		}
		deny()
		if entries, err := os.ReadDir(filepath.Join(m.base, "data")); err != nil || len(entries) != 1 {
			t.Errorf("%s: there are %v, %v", tt.name, entries, err)
		}
		if b, err := os.ReadFile(filepath.Join(m.base, "data", "file")); string(b) != "content" {
			t.Errorf("%s: %q, %v", tt.name, b, err)
		}
	}
	fd := m.mustOpen("file", 0, rw, 0)
	deny("/data/file true")
	if errno := m.put(fd, "X"); errno != EACCES {
		t.Errorf("write: %d", errno)
	}
	deny("/data/file false")
	if _, errno := m.read(fd); errno != EACCES {
		t.Errorf("read: %d", errno)
	}
	drop := m.mustOpen("drop", openCreate, rightWrite, 0)
	deny("/data/drop false")
	for fn, params := range map[string][]uint64{"fd_sync": {drop}, "fd_tell": {drop, outAt}, "fd_filestat_get": {drop, bufAt}} {
		if errno := m.errno(fn, params...); errno != Success {
			t.Errorf("%s of what may be written only: %d", fn, errno)
		}
	}
	if errno := m.put(drop, "x"); errno != Success {
		t.Errorf("write to what may be written only: %d", errno)
	}
}

func TestNumbers(t *testing.T) {
	m := newMounted(t)
	fd := m.mustOpen("file", 0, rw|rightAllocate|rightSetSize, 0)
	m.buffer(50)
	const most = 1<<63 - 1
	tests := []struct {
		name   string
		fn     string
		params []uint64
		want   Errno
	}{
		{"read beyond the sign", "fd_pread", []uint64{fd, outAt - 8, 1, 1 << 63, outAt}, EINVAL},
		{"read at the end of the numbers", "fd_pread", []uint64{fd, outAt - 8, 1, most, outAt}, Success},
		{"write beyond the sign", "fd_pwrite", []uint64{fd, outAt - 8, 1, 1 << 63, outAt}, EINVAL},
		{"write over the end of the numbers", "fd_pwrite", []uint64{fd, outAt - 8, 1, most - 10, outAt}, EFBIG},
		{"write far out", "fd_pwrite", []uint64{fd, outAt - 8, 1, 1 << 60, outAt}, EDQUOT},
		{"size beyond the sign", "fd_filestat_set_size", []uint64{fd, 1 << 63}, EFBIG},
		{"size over the quota", "fd_filestat_set_size", []uint64{fd, most}, EDQUOT},
		{"allocate nothing", "fd_allocate", []uint64{fd, 0, 0}, EINVAL},
		{"allocate an overflow", "fd_allocate", []uint64{fd, most, most}, EFBIG},
		{"allocate beyond the sign", "fd_allocate", []uint64{fd, 1 << 63, 1}, EFBIG},
		{"allocate over the quota", "fd_allocate", []uint64{fd, most - 1, 1}, EDQUOT},
		{"seek before the start", "fd_seek", []uint64{fd, ^uint64(0), 0, outAt}, EINVAL},
		{"unknown flags", "fd_filestat_set_times", []uint64{fd, 0, 0, 16}, EINVAL},
		{"time beyond the sign", "fd_filestat_set_times", []uint64{fd, 0, 1 << 63, setMtim}, EINVAL},
		{"unknown open flags", "path_open", []uint64{3, 0, pathAt, 4, 16, 0, 0, 0, outAt}, EINVAL},
		{"unknown descriptor flags", "path_open", []uint64{3, 0, pathAt, 4, 0, 0, 0, 32, outAt}, EINVAL},
		{"create a directory by opening", "path_open", []uint64{3, 0, pathAt, 4, openCreate | openDirectory, 0, 0, 0, outAt}, EINVAL},
		{"cookie of nothing", "fd_readdir", []uint64{3, bufAt, 100, 1 << 63, outAt}, Success},
		{"list of a file", "fd_readdir", []uint64{fd, bufAt, 100, 0, outAt}, ENOTDIR},
		{"path from a file", "path_unlink_file", []uint64{fd, pathAt, 4}, ENOTDIR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if errno := m.errno(tt.fn, tt.params...); errno != tt.want {
				t.Errorf("errno %d, want %d", errno, tt.want)
			}
		})
	}
	if fi, err := os.Stat(filepath.Join(m.base, "data", "file")); err != nil || fi.Size() != 7 {
		t.Errorf("the file has changed: %v, %v", fi, err)
	}
}

// TestAppend: appending goes to the end whatever the position, and can be turned
// on and off.
func TestAppend(t *testing.T) {
	m := newMounted(t)
	fd := m.mustOpen("file", 0, rw, flagAppend)
	set := func(flags uint64) Errno { return m.errno("fd_fdstat_set_flags", fd, flags) }
	for _, s := range []struct {
		flags uint64
		text  string
	}{{flagAppend, "1"}, {0, "2"}, {flagAppend, "3"}} {
		if errno := set(s.flags); errno != Success {
			t.Fatal(errno)
		}
		if errno := m.errno("fd_seek", fd, 0, 0, outAt); errno != Success {
			t.Fatal(errno)
		}
		if errno := m.put(fd, s.text); errno != Success {
			t.Fatal(errno)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(m.base, "data", "file")); string(b) != "2ontent13" {
		t.Errorf("the file is %q", b)
	}
	p, n := m.text(pathAt, "file")
	if errno := m.errno("path_unlink_file", 3, p, n); errno != Success {
		t.Fatal(errno)
	}
	m.write("data/file", "another")
	if errno := set(0); errno != ENOTSUP {
		t.Errorf("a file that has lost its name: %d", errno)
	}
}

// list reads a directory in buffers of a size, with the cookies of the entries.
func (m *mounted) list(fd uint64, size uint32) (names []string) {
	cookie := uint64(0)
	for {
		if errno := m.errno("fd_readdir", fd, bufAt, uint64(size), cookie, outAt); errno != Success {
			m.t.Fatal(errno)
		}
		used, _ := m.mem.ReadUint32Le(outAt)
		b, _ := m.mem.Read(bufAt, used)
		for len(b) >= 24 && len(b) >= 24+int(le32(b[16:])) {
			n := 24 + int(le32(b[16:]))
			names = append(names, string(b[24:n]))
			cookie = le.Uint64(b)
			b = b[n:]
		}
		if used < size {
			return names
		}
	}
}

func TestReadDir(t *testing.T) {
	m := newMounted(t)
	const n = 1000
	for i := range n {
		m.write(fmt.Sprintf("data/f%d", i), "")
	}
	fd := m.mustOpen(".", openDirectory, rightReaddir, 0)
	for _, size := range []uint32{40, 100, 4096, 30000} {
		for _, dir := range []uint64{3, fd} {
			seen := map[string]bool{}
			names := m.list(dir, size)
			for _, name := range names {
				seen[name] = true
			}
			if len(names) != n+3 || len(seen) != n+3 || names[0] != "." || names[1] != ".." {
				t.Errorf("buffers of %d: %d entries, %d names", size, len(names), len(seen))
			}
		}
	}
	// An earlier cookie still leads to the same entry.
	first := m.list(fd, 30000)
	if errno := m.errno("fd_readdir", fd, bufAt, 100, 500, outAt); errno != Success {
		t.Fatal(errno)
	}
	b, _ := m.mem.Read(bufAt, 100)
	if got := string(b[24 : 24+le32(b[16:])]); got != first[500] {
		t.Errorf("entry 500 is %q, was %q", got, first[500])
	}
}

// TestTable: a guest has no more descriptors than the table has places, and none
// of the host's are left after it.
func TestTable(t *testing.T) {
	m := newMounted(t)
	opened := 0
	for {
		_, errno := m.open(3, "file", 1, 0, rightRead, 0)
		if errno == EMFILE {
			break
		}
		if errno != Success {
			t.Fatal(errno)
		}
		opened++
	}
	if opened != 256 { // of a folder; there are three places more in the table's thousand
		t.Errorf("%d files", opened)
	}
	m.System.Close()
	again := newMounted(t)
	if _, errno := again.open(3, "file", 1, 0, rightRead, 0); errno != Success {
		t.Error(errno)
	}
}
