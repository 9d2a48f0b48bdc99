package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/mcpwasm/mcpwasm/internal/privdir"
)

// openWait bounds how long Open waits for other processes.
const openWait = 10 * time.Second

// Open returns the store in a file, which it makes (mode 0600) where there is
// none, in a folder that is the user's own (mode 0700). Nothing has to be closed:
// the file is open while a method works on it.
//
// What is damaged is reported ([ErrDamaged]) and never repaired or replaced.
func Open(path string) (*File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open state file %s: %w", path, err)
	}
	f := &File{path: abs, gate: newGate()}
	if err := f.setUp(); err != nil {
		return nil, f.fail("open", err)
	}
	return f, nil
}

// setUp makes sure that there is a file and that it can be read.
func (f *File) setUp() error {
	if err := privdir.Make(filepath.Dir(f.path)); err != nil {
		return err
	}
	if err := f.make(); err != nil {
		return unwritable(f.path, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), openWait)
	defer cancel()
	return f.locked(ctx, true, f.check)
}

// make makes the file where there is none, and closes one to others that was not.
func (f *File) make() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(f.path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	case info.Size() == 0:
		return initialise(f.path)
	case goruntime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(f.path, 0o600); err != nil {
			return fmt.Errorf("it is open to others (mode %#o): %w", info.Mode().Perm(), err)
		}
	}
	return nil
}

// check makes sure that the file can be trusted to bbolt and is one of ours.
func (f *File) check(db *bolt.DB) error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := verify(file, info.Size(), db.Info().PageSize); err != nil {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		_, err := openBuckets(tx)
		return err
	})
}

// explain adds the way out to an error of bbolt or the system.
func (f *File) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch),
		strings.HasPrefix(err.Error(), "file size too small"):
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("it was removed while in use, start again for a new one: %w", err)
	}
	if errors.Is(err, ErrDamaged) {
		return fmt.Errorf("%w (put back a copy of it, or move it away to begin with nothing, and start again)", err)
	}
	return unwritable(f.path, err)
}

// unwritable says what has to be changed where the system refuses.
func unwritable(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the file and its folder %s must be writable: %w", filepath.Dir(path), err)
	}
	return err
}

// create makes a new file under another name first: a process that dies half-way
// must not leave something behind that cannot be opened. Linking fails where
// another process was faster, and then its file is the one.
func create(path string) error {
	dir := filepath.Dir(path)
	tmp, err := os.MkdirTemp(dir, ".new-state-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // what stays is a nuisance, no harm
	made := filepath.Join(tmp, "state")
	if err := initialise(made); err != nil {
		return err
	}
	switch err := os.Link(made, path); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		// There are file systems without hard links.
		if err := initialise(path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// initialise makes an empty file with its buckets, or adds them to one that has
// none.
func initialise(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openWait, NoStatistics: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketEntries, bucketExpiry} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keyFormat, format1)
	})
	return errors.Join(err, db.Close())
}

// syncDir makes a new name in a folder durable; Windows has no such call.
func syncDir(dir string) error {
	if goruntime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *File) view(ctx context.Context, fn func(*bolt.Tx) error) error {
	return f.locked(ctx, false, func(db *bolt.DB) error { return db.View(fn) })
}

func (f *File) update(ctx context.Context, fn func(*bolt.Tx) error) error {
	return f.locked(ctx, false, func(db *bolt.DB) error { return db.Update(fn) })
}

// locked runs fn on the file, which is open for as long, and nobody else's.
//
// Those who only read are alone as well. Where they share the file they overlap,
// and as long as they do a writer waits: eight processes that read without a pause
// kept one waiting for 42 seconds, and for 33 milliseconds since (2 cores).
// Keeping the file open between two uses would keep others out likewise, to save
// 0.04 ms; a write takes ten times that. readOnly, which shares, is for the first
// look at a file: bbolt reads no more of it then than its root.
func (f *File) locked(ctx context.Context, readOnly bool, fn func(*bolt.DB) error) error {
	leave, err := f.gate.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for w := (wait{next: 50 * time.Microsecond, limit: time.Millisecond}); ; {
		err := f.try(readOnly, fn)
		if !errors.Is(err, bolterrors.ErrTimeout) {
			return f.explain(err)
		}
		if err := w.sleep(ctx); err != nil {
			return err
		}
	}
}

// try opens the file, unless others have it, and runs fn on it. bbolt believes
// what it reads: a page that makes no sense is a panic, and so is one that is
// beyond the end of the file or on a broken disk. Whatever locks it holds then
// are held for ever, so that nothing more is done with it in this process.
func (f *File) try(readOnly bool, fn func(*bolt.DB) error) (err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
			f.gate.shut(f.explain(err))
			if file != nil {
				err = errors.Join(err, release(file)) // others need not wait
			}
		}
	}()
	db, err := bolt.Open(f.path, 0o600, &bolt.Options{
		Timeout:      1, // ns: one try, for bbolt waits without a context
		ReadOnly:     readOnly,
		NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			// It was there when the process began, and is not made again.
			file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			return file, err
		},
	})
	if err != nil {
		return err
	}
	err = fn(db)
	return errors.Join(err, db.Close())
}
