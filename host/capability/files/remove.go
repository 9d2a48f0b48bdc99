package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// removeTree removes a folder. os.RemoveAll has one directory open for each level,
// and a guest can nest directories until the host has no descriptors left; here
// a directory in a directory is moved to the top before it is emptied.
func removeTree(path string) error {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	err = empty(root)
	if err := errors.Join(err, root.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	return nil
}

func empty(root *os.Root) error {
	moved := 0
	for {
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if e.IsDir() {
				if moved, err = flatten(root, e.Name(), moved); err != nil {
					return err
				}
			}
			if err := root.Remove(e.Name()); err != nil {
				return err
			}
		}
	}
}

// flatten empties a directory at the top: what is a directory itself goes to the
// top under a number that is free.
func flatten(root *os.Root, name string, moved int) (int, error) {
	entries, err := fs.ReadDir(root.FS(), name)
	if err != nil {
		return moved, err
	}
	for _, e := range entries {
		from := name + "/" + e.Name()
		if !e.IsDir() {
			if err := root.Remove(from); err != nil {
				return moved, err
			}
			continue
		}
		for {
			moved++
			err := root.Rename(from, strconv.Itoa(moved))
			if err == nil {
				break
			}
			if !errors.Is(err, fs.ErrExist) && !exists(root, strconv.Itoa(moved)) {
				return moved, err
			}
		}
	}
	return moved, nil
}

func exists(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return err == nil
}
