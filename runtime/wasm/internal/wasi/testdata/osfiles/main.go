// Command osfiles is a program that knows nothing of its sandbox: it uses package
// os on the directory that its argument names, and fails where that does not do
// what it does elsewhere.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	dir := os.Args[1]
	for _, step := range []struct {
		name string
		do   func(dir string) error
	}{
		{"write and read", writeAndRead},
		{"a large file", large},
		{"append", appendTo},
		{"seek and truncate", seek},
		{"rename", rename},
		{"times", times},
		{"links", links},
		{"list", list},
		{"walk", walk},
		{"os.Root", root},
		{"temporary files", temporary},
		{"errors", errs},
	} {
		d := filepath.Join(dir, strings.ReplaceAll(step.name, " ", "-"))
		err := os.MkdirAll(d, 0o755)
		if err == nil {
			err = step.do(d)
		}
		if err == nil {
			err = os.RemoveAll(d)
		}
		if err != nil {
			fmt.Printf("%s: %v\n", step.name, err)
			os.Exit(1)
		}
	}
	fmt.Println("done")
}

func want(name, content string) error {
	b, err := os.ReadFile(name)
	if err == nil && string(b) != content {
		err = fmt.Errorf("%s is %q, want %q", name, b, content)
	}
	return err
}

func writeAndRead(dir string) error {
	name := filepath.Join(dir, "a file with spaces and ü")
	if err := os.WriteFile(name, []byte("one"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte("2"), 0o644); err != nil {
		return err
	}
	return want(name, "2")
}

func large(dir string) error {
	content := bytes.Repeat([]byte("0123456789abcdef"), 5<<16)
	name := filepath.Join(dir, "large")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		return err
	}
	b, err := os.ReadFile(name)
	if err == nil && !bytes.Equal(b, content) {
		err = fmt.Errorf("%d bytes are not the %d that were written", len(b), len(content))
	}
	return err
}

func appendTo(dir string) error {
	name := filepath.Join(dir, "log")
	for _, line := range []string{"a\n", "b\n"} {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(line); err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return want(name, "a\nb\n")
}

func seek(dir string) error {
	name := filepath.Join(dir, "file")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("0123456789"); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte("xy"), 4); err != nil {
		return err
	}
	if at, err := f.Seek(-3, io.SeekEnd); err != nil || at != 7 {
		return fmt.Errorf("seek: %d, %w", at, err)
	}
	b := make([]byte, 2)
	if _, err := f.ReadAt(b, 4); err != nil || string(b) != "xy" {
		return fmt.Errorf("read: %q, %w", b, err)
	}
	if rest, err := io.ReadAll(f); err != nil || string(rest) != "789" {
		return fmt.Errorf("rest: %q, %w", rest, err)
	}
	if err := f.Truncate(5); err != nil {
		return err
	}
	return want(name, "0123x")
}

func rename(dir string) error {
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "sub", "to")
	if err := os.WriteFile(from, []byte("moved"), 0o644); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, []byte("replaced"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if _, err := os.Stat(from); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the old name: %w", err)
	}
	return want(to, "moved")
}

func times(dir string) error {
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		return err
	}
	when := time.Unix(1e9, 0)
	if err := os.Chtimes(name, when, when); err != nil {
		return err
	}
	fi, err := os.Stat(name)
	if err == nil && !fi.ModTime().Equal(when) {
		err = fmt.Errorf("modified %v, want %v", fi.ModTime(), when)
	}
	return err
}

func links(dir string) error {
	file, link, hard := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := os.WriteFile(file, []byte("linked"), 0o644); err != nil {
		return err
	}
	if err := errors.Join(os.Symlink("file", link), os.Link(file, hard)); err != nil {
		return err
	}
	if target, err := os.Readlink(link); err != nil || target != "file" {
		return fmt.Errorf("readlink: %q, %w", target, err)
	}
	fi, err := os.Lstat(link)
	if err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("lstat: %v, %w", fi, err)
	}
	return errors.Join(want(link, "linked"), want(hard, "linked"))
}

func list(dir string) error {
	const n = 500
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d", i)), nil, 0o644); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if e.Name() != fmt.Sprintf("%03d", i) || e.IsDir() {
			return fmt.Errorf("entry %d is %v", i, e)
		}
	}
	if len(entries) != n {
		return fmt.Errorf("%d entries", len(entries))
	}
	return nil
}

func walk(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "a", "b", "c"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "b", "f"), nil, 0o644); err != nil {
		return err
	}
	var seen []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		seen = append(seen, rel)
		return err
	})
	if err == nil && !slices.Equal(seen, []string{".", "a", "a/b", "a/b/c", "a/b/f"}) {
		err = fmt.Errorf("saw %v", seen)
	}
	return err
}

func root(dir string) error {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := errors.Join(r.MkdirAll("a/b", 0o755), r.WriteFile("a/b/f", []byte("in"), 0o644), r.Symlink("b", "a/l")); err != nil {
		return err
	}
	b, err := r.ReadFile("a/l/../b/f")
	if err != nil || string(b) != "in" {
		return fmt.Errorf("%q, %w", b, err)
	}
	return nil
}

func temporary(dir string) error {
	f, err := os.CreateTemp(dir, "temp")
	if err != nil {
		return err
	}
	// As programs do that want nobody to find it.
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	if _, err := f.WriteString("still here"); err != nil {
		return err
	}
	b := make([]byte, 10)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "still here" {
		return fmt.Errorf("%q, %w", b, err)
	}
	return f.Close()
}

func errs(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "full"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "full", "f"), nil, 0o644); err != nil {
		return err
	}
	_, missing := os.Open(filepath.Join(dir, "missing"))
	_, taken := os.OpenFile(filepath.Join(dir, "full", "f"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	_, outside := os.Open("/elsewhere")
	for _, e := range []struct {
		what      string
		err, kind error
	}{
		{"missing", missing, fs.ErrNotExist},
		{"taken", taken, fs.ErrExist},
		{"outside", outside, nil},
		{"full", os.Remove(filepath.Join(dir, "full")), nil},
	} {
		if e.err == nil || e.kind != nil && !errors.Is(e.err, e.kind) {
			return fmt.Errorf("%s: %v", e.what, e.err)
		}
	}
	return nil
}
