package files

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/sysstat"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// usage is what a folder holds. It is measured before the first growth, and then
// follows what guests do. Where it cannot know (other programs use the folder as
// well, a file has names elsewhere) it is rather too high, and measured again
// before anything is refused.
type usage struct {
	bytes    int64
	names    int
	maxBytes int64
	maxNames int
	measured time.Time
}

// stale is how old a measure is at least that is taken anew before a denial.
const stale = 5 * time.Second

// add does something that adds names and bytes, if there is room for them. It is
// called with mu held, as are the others below.
func (f *Folder) add(names int, bytes int64, do func() error) error {
	if err := f.room(names, bytes); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	f.usage.names += names
	f.usage.bytes += bytes
	return nil
}

// room makes sure that there is room.
func (f *Folder) room(names int, bytes int64) error {
	if f.usage.measured.IsZero() {
		f.measure()
		f.limit()
	}
	err := f.usage.fits(names, bytes)
	if err != nil && time.Since(f.usage.measured) >= stale {
		f.measure()
		err = f.usage.fits(names, bytes)
	}
	return err
}

func (u *usage) fits(names int, bytes int64) error {
	if bytes > u.maxBytes-u.bytes && bytes > 0 {
		return fmt.Errorf("%w: the folder may hold %d bytes", runtime.ErrQuota, u.maxBytes)
	}
	if names > u.maxNames-u.names && names > 0 {
		return fmt.Errorf("%w: the folder may hold %d files", runtime.ErrQuota, u.maxNames)
	}
	return nil
}

// limit sets the bounds after the first measure.
func (f *Folder) limit() {
	u := &f.usage
	u.maxBytes, u.maxNames = f.config.QuotaBytes, f.config.QuotaFiles
	if u.maxBytes == 0 {
		u.maxBytes = u.bytes + min(DefaultRoom, math.MaxInt64-u.bytes)
	}
	if u.maxNames == 0 {
		u.maxNames = u.names + DefaultRoomFiles
	}
}

// maxDepth and maxRemeasure bound a measure: a guest can nest directories deeper
// than any path is long, and a message must end. The first measure may take as
// long as it takes.
const (
	maxDepth     = 64
	maxRemeasure = time.Second
)

// measure walks through the folder. What it cannot look at does not count; what
// is open without a name does. A measure that is not complete is no reason to
// let a guest have more.
func (f *Folder) measure() {
	w := walk{seen: map[[2]uint64]bool{}}
	if !f.usage.measured.IsZero() {
		w.deadline = time.Now().Add(maxRemeasure)
	}
	w.folder(f.root, 0)
	for o := range f.open {
		if fi, err := o.Stat(); err == nil && names(fi) == 0 {
			w.file(fi)
		}
	}
	u := &f.usage
	if w.incomplete {
		w.bytes, w.names = max(w.bytes, u.bytes), max(w.names, u.names)
	}
	u.bytes, u.names, u.measured = w.bytes, w.names, time.Now()
}

// walk adds up what is in a folder.
type walk struct {
	bytes      int64
	names      int
	seen       map[[2]uint64]bool // files that do not have exactly one name
	deadline   time.Time          // or zero
	incomplete bool
}

// folder counts what is below root. It has one directory open for each level.
func (w *walk) folder(root *os.Root, depth int) {
	if depth > maxDepth || !w.deadline.IsZero() && time.Now().After(w.deadline) {
		w.incomplete = true
		return
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		w.names++
		if e.IsDir() {
			if sub, err := root.OpenRoot(e.Name()); err == nil {
				w.folder(sub, depth+1)
				_ = sub.Close()
			}
			continue
		}
		if fi, err := e.Info(); err == nil {
			w.file(fi)
		}
	}
}

// file counts a file once, whatever names it has.
func (w *walk) file(fi fs.FileInfo) {
	if names(fi) != 1 {
		s := sysstat.Of(fi)
		id := [2]uint64{s.Dev, s.Ino}
		if w.seen[id] {
			return
		}
		w.seen[id] = true
	}
	w.bytes = saturate(w.bytes, fi.Size())
}

// saturate adds without an overflow: a sparse file may appear to be of any size.
func saturate(sum, n int64) int64 { return sum + min(n, math.MaxInt64-sum) }

// names returns how many names a file has, by all that the system says.
func names(fi fs.FileInfo) uint64 { return sysstat.Of(fi).Links }

// gone takes off what had its name removed, of which fi was read before. A file
// that is open, or has another name, is still there.
func (f *Folder) gone(fi fs.FileInfo) {
	f.usage.names--
	if fi.IsDir() || names(fi) > 1 {
		return
	}
	for o := range f.open {
		if os.SameFile(o.info, fi) {
			return // its last Close takes it off
		}
	}
	f.release(fi.Size())
}

// release takes off the size of a file that is no more. Less than nothing is left
// where it was somebody else who had written it: then nothing that was counted is
// worth anything.
func (f *Folder) release(size int64) {
	f.usage.bytes -= size
	if (f.usage.bytes < 0 || f.usage.names < 0) && !f.usage.measured.IsZero() {
		f.usage.bytes, f.usage.names = 0, 0
		f.measure()
	}
}
