package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// tree is a folder "in" beside which there is a canary.
type tree struct {
	*Folder
	t  *testing.T
	in string
}

const canary = "the canary outside"

func newTree(t *testing.T, c Config) *tree {
	t.Helper()
	base := t.TempDir()
	c.Source = filepath.Join(base, "in")
	if c.Access == "" {
		c.Access = plugins.ReadWrite
	}
	if err := os.Mkdir(c.Source, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "canary"), []byte(canary), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &tree{Folder: f, t: t, in: c.Source}
}

// host is a name as the host has it.
func (tr *tree) host(name string) string { return filepath.Join(tr.in, name) }

func (tr *tree) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

const create = os.O_RDWR | os.O_CREATE

func (tr *tree) create(name, content string) runtime.File {
	tr.t.Helper()
	o, err := tr.OpenFile(name, create, true)
	tr.must(err)
	_, err = o.Write([]byte(content))
	tr.must(err)
	return o
}

// file makes a file and closes it.
func (tr *tree) file(name, content string) {
	tr.t.Helper()
	tr.must(tr.create(name, content).Close())
}

// holds checks what is counted, and that a measure comes to the same.
func (tr *tree) holds(bytes int64, names int) {
	tr.t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.usage.bytes != bytes || tr.usage.names != names {
		tr.t.Errorf("%d bytes in %d files, want %d in %d", tr.usage.bytes, tr.usage.names, bytes, names)
	}
	tr.measure()
	if tr.usage.bytes != bytes || tr.usage.names != names {
		tr.t.Errorf("measured %d bytes in %d files, want %d in %d", tr.usage.bytes, tr.usage.names, bytes, names)
	}
}

func TestCounting(t *testing.T) {
	tests := []struct {
		name  string
		do    func(*tree)
		bytes int64
		names int
	}{
		{"write", func(tr *tree) { tr.file("a", "12345") }, 5, 1},
		{"overwrite", func(tr *tree) { tr.file("a", "12345"); tr.file("a", "123") }, 5, 1},
		{"hole", func(tr *tree) {
			o := tr.create("a", "")
			_, err := o.WriteAt([]byte("x"), 999)
			tr.must(err)
			tr.must(o.Close())
		}, 1000, 1},
		{"write of nothing far out", func(tr *tree) {
			o := tr.create("a", "")
			_, err := o.WriteAt(nil, 999)
			tr.must(err)
			tr.must(o.Close())
		}, 0, 1},
		{"grow and truncate", func(tr *tree) {
			o := tr.create("a", "123")
			tr.must(o.Grow(500))
			tr.must(o.Grow(100))
			tr.must(o.Truncate(200))
			tr.must(o.Close())
		}, 200, 1},
		{"truncate at opening", func(tr *tree) {
			tr.file("a", "12345")
			o, err := tr.OpenFile("a", os.O_RDWR|os.O_TRUNC, true)
			tr.must(err)
			tr.must(o.Close())
		}, 0, 1},
		{"append", func(tr *tree) {
			tr.file("a", "123")
			o, err := tr.OpenFile("a", os.O_WRONLY|os.O_APPEND, true)
			tr.must(err)
			_, err = o.Write([]byte("45"))
			tr.must(err)
			tr.must(o.Close())
		}, 5, 1},
		{"remove", func(tr *tree) { tr.file("a", "123"); tr.must(tr.Remove("a", false)) }, 0, 0},
		{"directories", func(tr *tree) {
			tr.must(tr.Mkdir("d"))
			tr.must(tr.Mkdir("e/"))
			tr.file("d/a", "12")
			tr.must(tr.Remove("e", true))
		}, 2, 2},
		{"rename over a file", func(tr *tree) {
			tr.file("a", "12345")
			tr.file("b", "123")
			tr.must(tr.Rename("b", "a"))
		}, 3, 1},
		{"rename over a directory", func(tr *tree) {
			tr.must(tr.Mkdir("a"))
			tr.must(tr.Mkdir("b"))
			tr.must(tr.Rename("a", "b"))
		}, 0, 1},
		{"rename to itself", func(tr *tree) { tr.file("a", "123"); tr.must(tr.Rename("a", "./a")) }, 3, 1},
		{"symbolic link", func(tr *tree) { tr.must(tr.Symlink("abcd", "l")) }, 4, 1},
		{"hard links", func(tr *tree) {
			tr.file("a", "12345")
			tr.must(tr.Link("a", "b"))
			tr.must(tr.Link("a", "c"))
			tr.must(tr.Remove("a", false))
		}, 5, 2},
		{"last hard link", func(tr *tree) {
			tr.file("a", "12345")
			tr.must(tr.Link("a", "b"))
			tr.must(tr.Remove("a", false))
			tr.must(tr.Remove("b", false))
		}, 0, 0},
		{"create by a dangling link", func(tr *tree) {
			tr.must(tr.Symlink("a", "l"))
			tr.file("l", "12345")
		}, 6, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t, Config{})
			tt.do(tr)
			tr.holds(tt.bytes, tt.names)
		})
	}
}

// TestQuota: what would exceed a bound is refused and changes nothing.
func TestQuota(t *testing.T) {
	tests := []struct {
		name string
		do   func(*tree, runtime.File) error
	}{
		{"write", func(_ *tree, o runtime.File) error { _, err := o.Write(make([]byte, 91)); return err }},
		{"write far out", func(_ *tree, o runtime.File) error { _, err := o.WriteAt([]byte{1}, 1<<40); return err }},
		{"write at the end of the numbers", func(_ *tree, o runtime.File) error {
			_, err := o.WriteAt([]byte{1, 2}, 1<<63-2)
			if errors.Is(err, syscall.EFBIG) {
				return runtime.ErrQuota
			}
			return err
		}},
		{"truncate", func(_ *tree, o runtime.File) error { return o.Truncate(1 << 62) }},
		{"grow", func(_ *tree, o runtime.File) error { return o.Grow(101) }},
		{"symbolic link", func(tr *tree, _ runtime.File) error { return tr.Symlink(strings.Repeat("x", 91), "l") }},
		{"second file", func(tr *tree, _ runtime.File) error {
			tr.must(tr.Mkdir("d"))
			_, err := tr.OpenFile("b", create, true)
			return errors.Join(tr.Remove("d", true), err)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t, Config{QuotaBytes: 100, QuotaFiles: 2})
			o := tr.create("a", "0123456789")
			if err := tt.do(tr, o); !errors.Is(err, runtime.ErrQuota) {
				t.Errorf("error %v", err)
			}
			if _, err := o.Write(make([]byte, 90)); err != nil {
				t.Errorf("what fits: %v", err)
			}
			tr.must(o.Close())
			tr.holds(100, 1)
		})
	}
}

func TestQuotaOfNames(t *testing.T) {
	for name, do := range map[string]func(*tree) error{
		"file":          func(tr *tree) error { _, err := tr.OpenFile("c", create, true); return err },
		"directory":     func(tr *tree) error { return tr.Mkdir("c") },
		"hard link":     func(tr *tree) error { return tr.Link("a", "c") },
		"symbolic link": func(tr *tree) error { return tr.Symlink("a", "c") },
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t, Config{QuotaFiles: 2})
			tr.file("a", "")
			tr.file("b", "")
			if err := do(tr); !errors.Is(err, runtime.ErrQuota) {
				t.Errorf("error %v", err)
			}
			tr.must(tr.Rename("a", "c"))
			tr.holds(0, 2)
		})
	}
}

// TestQuotaDefault: what a folder holds already does not count against a guest.
func TestQuotaDefault(t *testing.T) {
	tr := newTree(t, Config{})
	tr.must(os.WriteFile(tr.host("big"), nil, 0o644))
	tr.must(os.Truncate(tr.host("big"), 5*DefaultRoom))
	o := tr.create("a", "")
	tr.must(o.Truncate(DefaultRoom))
	if err := o.Truncate(DefaultRoom + 1); !errors.Is(err, runtime.ErrQuota) {
		t.Errorf("error %v", err)
	}
	tr.must(o.Close())
}

// TestUnlinked: a file without a name is charged until it is closed.
func TestUnlinked(t *testing.T) {
	tr := newTree(t, Config{QuotaBytes: 100})
	o := tr.create("a", "0123456789")
	second, err := tr.OpenFile("a", os.O_RDONLY, true)
	tr.must(err)
	tr.must(tr.Remove("a", false))
	tr.holds(10, 0)
	tr.must(o.Close())
	tr.holds(10, 0)
	tr.must(second.Close())
	tr.holds(0, 0)
	if err := second.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

// TestMeasuredAgain: what others took away is found before a denial, but not
// again within seconds.
func TestMeasuredAgain(t *testing.T) {
	tr := newTree(t, Config{QuotaBytes: 100})
	tr.file("a", strings.Repeat("x", 100))
	tr.must(os.Remove(tr.host("a")))
	if err := tr.Symlink("b", "l"); !errors.Is(err, runtime.ErrQuota) {
		t.Errorf("at once: %v", err)
	}
	tr.mu.Lock()
	tr.usage.measured = time.Now().Add(-stale)
	tr.mu.Unlock()
	tr.must(tr.Symlink("b", "l"))
	tr.holds(1, 1)
}

// TestOthersWrite: to remove what the host has written makes no room beyond the
// quota.
func TestOthersWrite(t *testing.T) {
	tr := newTree(t, Config{QuotaBytes: 100})
	tr.file("mine", strings.Repeat("x", 60))
	tr.must(os.WriteFile(tr.host("theirs"), make([]byte, 1000), 0o644))
	tr.must(tr.Remove("theirs", false))
	tr.holds(60, 1)
	if err := tr.Symlink(strings.Repeat("x", 41), "l"); !errors.Is(err, runtime.ErrQuota) {
		t.Errorf("error %v", err)
	}
}

// TestRemovedFirst: a folder that was never measured is when it has to be.
func TestRemovedFirst(t *testing.T) {
	tr := newTree(t, Config{QuotaBytes: 100})
	for _, name := range []string{"a", "b"} {
		tr.must(os.WriteFile(tr.host(name), make([]byte, 50), 0o644))
	}
	tr.must(tr.Remove("a", false))
	if err := tr.Symlink(strings.Repeat("x", 51), "l"); !errors.Is(err, runtime.ErrQuota) {
		t.Errorf("error %v", err)
	}
	tr.file("c", strings.Repeat("x", 50))
	tr.holds(100, 2)
}

// TestDeep: directories nested beyond any path's length do not make what a guest
// holds look like less.
func TestDeep(t *testing.T) {
	tr := newTree(t, Config{})
	chain := strings.Repeat("d/", maxDepth)
	for i := range maxDepth {
		tr.must(tr.Mkdir(chain[:2*(i+1)]))
	}
	tr.must(tr.Mkdir("hidden"))
	tr.file("hidden/a", "12345")
	tr.must(tr.Rename("hidden", chain+"h"))
	tr.holds(5, maxDepth+2)
}

func TestReadOnly(t *testing.T) {
	tr := newTree(t, Config{Access: plugins.ReadOnly})
	tr.must(os.WriteFile(tr.host("a"), []byte("text"), 0o644))
	for name, do := range map[string]func() error{
		"mkdir":    func() error { return tr.Mkdir("d") },
		"remove":   func() error { return tr.Remove("a", false) },
		"rename":   func() error { return tr.Rename("a", "b") },
		"link":     func() error { return tr.Link("a", "b") },
		"symlink":  func() error { return tr.Symlink("a", "b") },
		"chtimes":  func() error { return tr.Chtimes("a", true, time.Now(), time.Now()) },
		"create":   func() error { _, err := tr.OpenFile("b", create, true); return err },
		"truncate": func() error { _, err := tr.OpenFile("a", os.O_TRUNC, true); return err },
		"write":    func() error { _, err := tr.OpenFile("a", os.O_WRONLY, true); return err },
	} {
		if err := do(); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o, err := tr.OpenFile("a", os.O_RDONLY, true)
	tr.must(err)
	defer o.Close()
	if b, err := io.ReadAll(o); string(b) != "text" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := o.Write([]byte("x")); err == nil {
		t.Error("it was written to")
	}
}

// TestEscapes: no name leads out, by any method.
func TestEscapes(t *testing.T) {
	tr := newTree(t, Config{})
	tr.must(os.Symlink("..", tr.host("up")))
	tr.must(os.Symlink(filepath.Dir(tr.in), tr.host("absolute")))
	tr.must(os.Symlink("../canary", tr.host("link")))
	tr.must(os.Symlink("link", tr.host("chain")))
	tr.must(os.Symlink("../new", tr.host("dangling")))
	tr.file("a", "")
	for _, name := range []string{"../canary", "up/canary", "absolute/canary", "up/in/a", "link", "chain", "dangling"} {
		follows := map[string]func() error{
			"open":    func() error { _, err := tr.OpenFile(name, create|os.O_TRUNC, true); return err },
			"stat":    func() error { _, err := tr.Stat(name, true); return err },
			"chtimes": func() error { return tr.Chtimes(name, true, time.Now(), time.Now()) },
		}
		byName := map[string]func() error{
			"lstat":       func() error { _, err := tr.Stat(name, false); return err },
			"mkdir":       func() error { return tr.Mkdir(name) },
			"remove":      func() error { return tr.Remove(name, false) },
			"rename":      func() error { return tr.Rename(name, "b") },
			"rename to":   func() error { return tr.Rename("a", name) },
			"link":        func() error { return tr.Link(name, "b") },
			"link to":     func() error { return tr.Link("a", name) },
			"symlink":     func() error { return tr.Symlink("a", name) },
			"readlink":    func() error { _, err := tr.Readlink(name); return err },
			"link times":  func() error { return tr.Chtimes(name, false, time.Now(), time.Now()) },
			"link opened": func() error { _, err := tr.OpenFile(name, os.O_RDWR, false); return err },
		}
		for what, do := range follows {
			if err := do(); !errors.Is(err, syscall.EPERM) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
		for what, do := range byName {
			if !strings.Contains(name, "/") {
				continue // the link itself may be looked at and replaced
			}
			if err := do(); !errors.Is(err, syscall.EPERM) {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(filepath.Dir(tr.in), "canary")); string(b) != canary {
		t.Errorf("the canary is %q, %v", b, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(tr.in)); len(entries) != 2 {
		t.Errorf("outside there are %v, %v", entries, err)
	}
}

// TestHardLink: a hard link that the host made to a file outside is a file of the
// folder like any other, and that is the host's doing; a guest can make none.
func TestHardLink(t *testing.T) {
	tr := newTree(t, Config{})
	if err := tr.Link("../canary", "mine"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v", err)
	}
	tr.must(os.Symlink("../canary", tr.host("link")))
	tr.must(tr.Link("link", "mine")) // the link, not what it leads to
	if _, err := tr.OpenFile("mine", os.O_RDONLY, true); !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v", err)
	}
}

func TestOpenFiles(t *testing.T) {
	tr := newTree(t, Config{OpenFiles: 3})
	open := make([]runtime.File, 3)
	for i := range open {
		open[i] = tr.create(fmt.Sprint(i), "")
	}
	if _, err := tr.OpenFile("0", os.O_RDONLY, true); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("error %v", err)
	}
	tr.must(open[1].Close())
	tr.must(tr.create("3", "").Close())
}

func TestNoFollow(t *testing.T) {
	tr := newTree(t, Config{})
	tr.file("a", "text")
	tr.must(tr.Symlink("a", "l"))
	tr.must(tr.Symlink("nothing", "dangling"))
	for _, name := range []string{"l", "dangling"} {
		if _, err := tr.OpenFile(name, create, false); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := tr.OpenFile(name, create|os.O_EXCL, true); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %s: %v", name, err)
		}
	}
	o, err := tr.OpenFile("a", os.O_RDONLY, false)
	tr.must(err)
	tr.must(o.Close())
}

func TestKinds(t *testing.T) {
	tr := newTree(t, Config{})
	tr.file("f", "")
	tr.must(tr.Mkdir("d"))
	tr.must(tr.Mkdir("full"))
	tr.file("full/f", "")
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"remove a directory as a file", tr.Remove("d", false), syscall.EISDIR},
		{"remove a file as a directory", tr.Remove("f", true), syscall.ENOTDIR},
		{"remove what is not empty", tr.Remove("full", true), syscall.ENOTEMPTY},
		{"remove the folder", tr.Remove(".", true), syscall.EINVAL},
		{"remove itself", tr.Remove("d/.", true), syscall.EINVAL},
		{"remove nothing", tr.Remove("x", false), fs.ErrNotExist},
		{"link a directory", tr.Link("d", "x"), syscall.EPERM},
		{"rename a file to a directory", tr.Rename("f", "d"), syscall.EISDIR},
		{"rename a directory to a full one", tr.Rename("d", "full"), syscall.ENOTEMPTY},
		{"rename a directory to a file", tr.Rename("d", "f"), syscall.ENOTDIR},
		{"rename a directory into itself", tr.Rename("d", "d/x"), syscall.EINVAL},
		{"make what is there", tr.Mkdir("f"), fs.ErrExist},
	}
	for _, tt := range tests {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
}

// TestRenameRace: while the host swaps directories for links that lead out, a
// guest gets at nothing outside.
func TestRenameRace(t *testing.T) {
	tr := newTree(t, Config{})
	outside := filepath.Join(filepath.Dir(tr.in), "outside")
	tr.must(os.Mkdir(outside, 0o755))
	tr.must(os.WriteFile(filepath.Join(outside, "f"), []byte(canary), 0o644))
	tr.must(os.Mkdir(tr.host("a"), 0o755))
	tr.must(os.WriteFile(tr.host("a/f"), []byte("inside"), 0o644))
	tr.must(os.Symlink("../outside", tr.host("b")))
	done := make(chan struct{})
	var swap sync.WaitGroup
	swap.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, move := range [][2]string{{"a", "c"}, {"b", "a"}, {"a", "b"}, {"c", "a"}} {
				_ = os.Rename(tr.host(move[0]), tr.host(move[1]))
			}
		}
	})
	for range 2000 {
		if o, err := tr.OpenFile("a/f", os.O_RDWR|os.O_CREATE, true); err == nil {
			if b, err := io.ReadAll(o); string(b) == canary {
				t.Errorf("it was read: %v", err)
			}
			_, _ = o.Write([]byte("!"))
			_ = o.Truncate(6)
			_ = o.Close()
		}
		_ = tr.Remove("a/f", false)
		_ = tr.Rename("a/f", "g")
	}
	close(done)
	swap.Wait()
	if b, err := os.ReadFile(filepath.Join(outside, "f")); string(b) != canary {
		t.Errorf("outside there is %q, %v", b, err)
	}
}

// TestHammer: whatever guests do at once, what is counted is what is there.
func TestHammer(t *testing.T) {
	tr := newTree(t, Config{QuotaBytes: 5000, QuotaFiles: 20})
	var guests sync.WaitGroup
	for g := range 4 {
		guests.Go(func() {
			for i := range 300 {
				name := fmt.Sprint((g + i) % 5)
				if o, err := tr.OpenFile(name, create, true); err == nil {
					_, _ = o.WriteAt(make([]byte, 1000), int64(i))
					_ = o.Truncate(int64(i % 700))
					if i%3 == 0 {
						_ = tr.Remove(name, false)
					}
					_ = o.Close()
				}
				_ = tr.Link(name, name+"l")
				_ = tr.Rename(name+"l", fmt.Sprint((g+2)%5))
			}
		})
	}
	guests.Wait()
	tr.mu.Lock()
	bytes, names := tr.usage.bytes, tr.usage.names
	tr.mu.Unlock()
	tr.holds(bytes, names)
}

func TestOpenErrors(t *testing.T) {
	for _, source := range []string{filepath.Join(t.TempDir(), "nothing"), os.Args[0]} {
		if f, err := Open(Config{Source: source}); err == nil || !strings.Contains(err.Error(), source) {
			t.Errorf("%v, %v", f, err)
		}
	}
}
