package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	goruntime "runtime"
)

// File is a provider of files: a reference is a path, and the value is what the
// regular file there holds, without a line end behind it. log is warned of files
// that other users can read.
func File(log *slog.Logger) Provider { return file{log} }

type file struct{ log *slog.Logger }

// Check implements [Provider].
func (f file) Check(_ context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return about(path, err)
	}
	if err := checkFile(info); err != nil {
		return about(path, err)
	}
	if mode := info.Mode().Perm(); goruntime.GOOS != "windows" && mode&0o044 != 0 {
		f.log.Warn("a secret's file can be read by other users: chmod 600 closes it", "file", path, "mode", mode.String())
	}
	return nil
}

// Value implements [Provider]. The file is checked before it is opened, because
// opening a pipe waits for its writer, and again afterwards.
func (f file) Value(_ context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", about(path, err)
	}
	if err := checkFile(info); err != nil {
		return "", about(path, err)
	}
	r, err := os.Open(path)
	if err != nil {
		return "", about(path, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	if info, err = r.Stat(); err != nil {
		return "", about(path, err)
	}
	if err := checkFile(info); err != nil {
		return "", about(path, err)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(maxRead)+1))
	if err != nil {
		return "", about(path, err)
	}
	if len(b) > maxRead {
		return "", about(path, tooLong())
	}
	return oneLine(b), nil
}

// maxRead is the longest value with the line end behind it.
const maxRead = MaxValueBytes + len("\r\n")

func checkFile(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() > int64(maxRead):
		return tooLong()
	}
	return nil
}

// about says what is wrong with a file, naming it once.
func about(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %q", path)
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("the file %q: %w", path, err)
}
