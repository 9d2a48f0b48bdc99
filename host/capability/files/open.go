package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// attempts is how often a name is looked at again that became something else
// between the look and the opening.
const attempts = 10

// changing are the flags that change something, or may lead to it.
const changing = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_TRUNC | os.O_APPEND

// OpenFile implements [runtime.FS].
func (f *Folder) OpenFile(name string, flag int, follow bool) (runtime.File, error) {
	if flag&changing != 0 && f.config.Access != plugins.ReadWrite {
		return nil, fail("open", name, syscall.EROFS)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) >= f.config.OpenFiles {
		return nil, fail("open", name, syscall.EMFILE)
	}
	for range attempts {
		o, err := f.try(name, flag, follow)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return nil, f.explain("open", name, err)
		}
		if err := o.begin(flag); err != nil {
			_ = o.File.Close()
			return nil, err
		}
		f.open[o] = struct{}{}
		return o, nil
	}
	return nil, fail("open", name, syscall.EBUSY)
}

// errChanged says that a name became something else while it was looked at.
var errChanged = errors.New("the file changed")

// try looks at what a name stands for before it is opened, since to open a FIFO
// blocks and to open a device may do anything, and at what was opened after it.
func (f *Folder) try(name string, flag int, follow bool) (*file, error) {
	const exclusive = os.O_CREATE | os.O_EXCL
	if flag&exclusive == exclusive {
		return f.create(name, flag)
	}
	fi, err := f.root.Lstat(name)
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		if !follow {
			return nil, fail("open", name, syscall.ELOOP)
		}
		fi, err = f.root.Stat(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		if !follow {
			flag |= os.O_EXCL
		}
		o, err := f.create(name, flag)
		if errors.Is(err, fs.ErrExist) {
			return nil, errChanged
		}
		return o, err
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular() && !fi.IsDir():
		return nil, fail("open", name, syscall.ENXIO)
	}
	return f.existing(name, flag, fi)
}

// create opens a name that is not there. It may be the name of a link to what is
// not there; a file that came to be there meanwhile is opened as it is.
func (f *Folder) create(name string, flag int) (o *file, err error) {
	err = f.add(1, 0, func() error {
		h, err := f.root.OpenFile(name, flag&^os.O_TRUNC|nonblock, 0o666)
		if err != nil {
			return err
		}
		o, err = f.checked(h, nil)
		return err
	})
	return o, err
}

func (f *Folder) existing(name string, flag int, fi fs.FileInfo) (*file, error) {
	const creating = os.O_CREATE | os.O_EXCL | os.O_TRUNC
	h, err := f.root.OpenFile(name, flag&^creating|nonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errChanged
	}
	if err != nil {
		return nil, err
	}
	return f.checked(h, fi)
}

// checked makes sure that what was opened is what was looked at, and something
// that may be opened.
func (f *Folder) checked(h *os.File, want fs.FileInfo) (*file, error) {
	fi, err := h.Stat()
	switch {
	case err != nil:
	case want != nil && !os.SameFile(fi, want):
		err = errChanged
	case !fi.Mode().IsRegular() && !fi.IsDir():
		err = fail("open", h.Name(), syscall.ENXIO)
	}
	if err != nil {
		_ = h.Close()
		return nil, err
	}
	return &file{File: h, folder: f, info: fi}, nil
}
