package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// ErrMeanwhile is wrapped by the error of a change to an entry that somebody else
// changed first.
var ErrMeanwhile = errors.New("somebody else changed it meanwhile")

// Read returns a lock file's bytes, and of one that is not there none and no
// error. Give [Parse] and a signature's check the same bytes, so that both are about one
// file.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("read lock file %s: %w", path, cause(err))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read lock file %s: %w", path, cause(err))
	}
	defer f.Close() //nolint:errcheck // it was only read
	// One byte too many is left for Parse to refuse.
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read lock file %s: %w", path, cause(err))
	}
	if len(data) == 0 {
		return []byte{}, nil
	}
	return data, nil
}

// cause leaves out the path, which the caller names.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// Load reads and parses a lock file. One that is not there is empty.
func Load(path string) (*File, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return load(path, data)
}

func load(path string, data []byte) (*File, error) {
	if data == nil {
		return &File{Servers: map[string]Entry{}}, nil
	}
	f, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Edit is a change to one entry of a file.
type Edit struct {
	Name string
	// Old is the entry's integrity as it was when the change was decided on, "" where
	// there was no entry. Another one by then is [ErrMeanwhile].
	Old string
	// New is what takes its place, sealed; nil removes it.
	New *Entry
}

// Update changes entries of a lock file, which it makes (mode 0644) where there
// is none: all of them or none. check, if it is not nil, looks at the file's
// bytes before the change, nil where there is no file; its error ends the update.
//
// Processes that update at the same time wait for each other, so that nothing is
// lost. The file is replaced as a whole and keeps its mode: a reader sees the one
// before or the one after, whatever happens to the writer.
func Update(ctx context.Context, path string, check func(data []byte) error, edits ...Edit) error {
	return rewrite(ctx, path, func(data []byte) ([]byte, error) {
		if check != nil {
			if err := check(data); err != nil {
				return nil, err
			}
		}
		f, err := load(path, data)
		if err != nil {
			return nil, err
		}
		servers := maps.Clone(f.Servers)
		for _, e := range edits {
			if servers[e.Name].Integrity != e.Old {
				return nil, fmt.Errorf("%s: servers.%s: %w: look at it again", path, e.Name, ErrMeanwhile)
			}
			if e.New == nil {
				delete(servers, e.Name)
			} else {
				servers[e.Name] = *e.New
			}
		}
		return (&File{Servers: servers}).Marshal()
	})
}

// Rewrite gives a lock file its one form again ([Format]). It reports whether that
// changed anything.
func Rewrite(ctx context.Context, path string) (changed bool, err error) {
	err = rewrite(ctx, path, func(data []byte) ([]byte, error) {
		if data == nil {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		formatted, err := Format(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		changed = !bytes.Equal(data, formatted)
		return formatted, nil
	})
	return changed, err
}

// WriteSignature writes the signature of a lock file beside it, unless the file is no
// longer the one that was signed: then the error wraps [ErrMeanwhile].
func WriteSignature(ctx context.Context, path string, data, bundle []byte) error {
	real, err := resolve(path)
	if err != nil {
		return err
	}
	unlock, err := exclude(ctx, real)
	if err != nil {
		return fmt.Errorf("sign lock file %s: %w", path, cause(err))
	}
	defer unlock()
	now, err := Read(real)
	if err == nil && !bytes.Equal(now, data) {
		err = fmt.Errorf("sign lock file %s: %w", path, ErrMeanwhile)
	}
	if err != nil {
		return err
	}
	// Beside the name that is used, where whoever reads it looks.
	if err := replace(path+SignatureSuffix, bundle); err != nil {
		return fmt.Errorf("sign lock file %s: %w", path, cause(err))
	}
	return nil
}

// rewrite replaces a file by what change makes of it, one process at a time.
func rewrite(ctx context.Context, path string, change func([]byte) ([]byte, error)) error {
	path, err := resolve(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write lock file %s: %w", path, cause(err))
	}
	unlock, err := exclude(ctx, path)
	if err != nil {
		return fmt.Errorf("write lock file %s: %w", path, cause(err))
	}
	defer unlock()
	sweep(path)
	data, err := Read(path)
	if err != nil {
		return err
	}
	changed, err := change(data)
	if err != nil || data != nil && bytes.Equal(data, changed) {
		return err
	}
	if err := replace(path, changed); err != nil {
		return fmt.Errorf("write lock file %s: %w", path, cause(err))
	}
	return nil
}

// resolve follows a symbolic link, so that the file is replaced and not the link.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("lock file %s: %w", path, cause(err))
	}
	return real, nil
}

// exclude waits until no other process rewrites the file. What it locks is a file
// beside it, because the file itself is replaced; it stays behind, because removing it
// would let two processes in.
func exclude(ctx context.Context, path string) (unlock func(), err error) {
	guard := lockedfile.MutexAt(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".mutex"))
	type locked struct {
		unlock func()
		err    error
	}
	done := make(chan locked, 1)
	go func() {
		unlock, err := guard.Lock()
		done <- locked{unlock, err}
	}()
	select {
	case l := <-done:
		return l.unlock, l.err
	case <-ctx.Done():
		go func() {
			if l := <-done; l.err == nil {
				l.unlock()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// temporary is the pattern of the names under which a new file is written.
func temporary(path string) string { return "." + filepath.Base(path) + ".*.tmp" }

// sweep removes what writers that were killed left behind. Only one process
// writes at a time, and it is this one.
func sweep(path string) {
	names, err := fs.Glob(os.DirFS(filepath.Dir(path)), temporary(path))
	if err != nil {
		return
	}
	for _, name := range names {
		_ = os.Remove(filepath.Join(filepath.Dir(path), name)) // nothing depends on it
	}
}

// replace writes a file under another name and gives it its own when all of it
// is on disk.
func replace(path string, data []byte) (err error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), temporary(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // nothing depends on it
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
