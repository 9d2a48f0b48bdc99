package files

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSpecial: what is no file is not opened, and nothing blocks on the way.
func TestSpecial(t *testing.T) {
	tr := newTree(t, Config{})
	tr.must(syscall.Mkfifo(tr.host("fifo"), 0o644))
	tr.must(os.Symlink("fifo", tr.host("link")))
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", tr.host("s"))
	tr.must(err)
	defer l.Close()
	for _, name := range []string{"fifo", "link", "s"} {
		for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, create, os.O_RDWR | os.O_TRUNC} {
			within(t, func() {
				if _, err := tr.OpenFile(name, flag, true); !errors.Is(err, syscall.ENXIO) {
					t.Errorf("%s with %x: %v", name, flag, err)
				}
			})
		}
	}
	if fi, err := tr.Stat("fifo", false); err != nil || fi.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("it can still be seen: %v, %v", fi, err)
	}
	tr.must(tr.Remove("fifo", false))
}

// TestDevice: a device below a mount is not opened, whoever put it there. The
// machine's own stand in, for which nobody has to be root.
func TestDevice(t *testing.T) {
	f, err := Open(Config{Source: "/dev"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"null", "zero", "full", "tty"} {
		if _, err := f.OpenFile(name, os.O_RDONLY, true); !errors.Is(err, syscall.ENXIO) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSwappedForFIFO: a file that becomes a FIFO between the look and the opening
// does not block, and is never handed out.
func TestSwappedForFIFO(t *testing.T) {
	tr := newTree(t, Config{})
	tr.must(syscall.Mkfifo(tr.host("fifo"), 0o644))
	tr.must(os.WriteFile(tr.host("a"), nil, 0o644))
	done := make(chan struct{})
	var swap sync.WaitGroup
	swap.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, move := range [][2]string{{"a", "b"}, {"fifo", "a"}, {"a", "fifo"}, {"b", "a"}} {
				_ = os.Rename(tr.host(move[0]), tr.host(move[1]))
			}
		}
	})
	within(t, func() {
		for i := range 3000 {
			o, err := tr.OpenFile("a", []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR}[i%3], i%2 == 0)
			if err != nil {
				continue
			}
			if fi, err := o.Stat(); err != nil || !fi.Mode().IsRegular() {
				t.Errorf("it is %v, %v", fi, err)
			}
			_ = o.Close()
		}
	})
	close(done)
	swap.Wait()
}

// within runs something that must not block; the time is a safety net.
func within(t *testing.T, do func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("it blocks")
	}
}

// TestDescriptors: what was refused, or went wrong, leaves nothing open.
func TestDescriptors(t *testing.T) {
	tr := newTree(t, Config{QuotaFiles: 30, OpenFiles: 5})
	tr.must(syscall.Mkfifo(tr.host("fifo"), 0o644))
	tr.must(os.Symlink("../canary", tr.host("link")))
	tr.must(tr.Mkdir("d"))
	before := descriptors(t)
	for range 50 {
		o := tr.create("a", "text")
		for _, name := range []string{"fifo", "link", "a/", "nothing", "d", "..", "a/b", "d/../../x"} {
			for _, flag := range []int{os.O_RDONLY, os.O_RDWR, create, create | os.O_EXCL} {
				if o, err := tr.OpenFile(name, flag, true); err == nil {
					tr.must(o.Close())
					_ = tr.Remove(name, false)
				}
			}
		}
		_ = tr.Chtimes("link", false, time.Now(), time.Now())
		tr.mu.Lock()
		tr.measure()
		tr.mu.Unlock()
		tr.must(o.Close())
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, were %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestTimes: times are set to the nanosecond, on files, open files and links, and
// those that are not given stay.
func TestTimes(t *testing.T) {
	tr := newTree(t, Config{})
	o := tr.create("f", "")
	defer o.Close()
	tr.must(tr.Symlink("f", "l"))
	first, second, third := time.Unix(1e9, 1), time.Unix(1e9, 2), time.Unix(1e9, 3)
	tr.must(tr.Chtimes("l", false, time.Time{}, first))
	tr.must(tr.Chtimes("l", true, second, second))
	tr.must(o.Chtimes(third, time.Time{}))
	for _, tt := range []struct {
		follow       bool
		mtime, atime time.Time
	}{{false, first, time.Time{}}, {true, second, third}} {
		fi, err := tr.Stat("l", tt.follow)
		tr.must(err)
		st := fi.Sys().(*syscall.Stat_t)
		atime := time.Unix(st.Atim.Unix())
		if !fi.ModTime().Equal(tt.mtime) || !tt.atime.IsZero() && !atime.Equal(tt.atime) {
			t.Errorf("follow %t: modified %v, read %v", tt.follow, fi.ModTime(), atime)
		}
	}
}

// TestScratchDeep: directories that are nested deeper than any path is long are
// removed, without a descriptor for each.
func TestScratchDeep(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	s := NewScratch()
	// One chain is moved below the next.
	chain := func(top string, n int) string {
		if err := s.Mkdir(top); err != nil {
			t.Fatal(err)
		}
		for range n {
			top += "/d"
			if err := s.Mkdir(top); err != nil {
				t.Fatal(err)
			}
		}
		return top
	}
	chain("0", 500)
	for i := range 4 {
		bottom := chain(strconv.Itoa(i+1), 500)
		if err := s.Rename(strconv.Itoa(i), bottom+"/x"); err != nil {
			t.Fatal(err)
		}
	}
	o, err := s.OpenFile("f", create, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
		t.Errorf("there is %v, %v", entries, err)
	}
	if _, err := o.Write([]byte("still open")); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.OpenFile("f", create, true); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}
