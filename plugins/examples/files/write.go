package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

type writeIn struct {
	Path string `json:"path" jsonschema:"absolute, or relative to the first folder" minLength:"1"`
	Text string `json:"text" jsonschema:"all of the file"`
}

type written struct {
	Path string `json:"path"`
	Size int    `json:"size" jsonschema:"in bytes"`
}

func write(_ context.Context, in writeIn) (written, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return written{}, err
	}
	if err := os.MkdirAll(path.Dir(p), 0o755); err != nil {
		return written{}, err
	}
	return written{p, len(in.Text)}, replace(p, in.Text)
}

// replace writes a file beside p and puts it in p's place, so that a failure in
// the middle, a quota that is used up for instance, leaves the old one.
func replace(p, text string) error {
	if i, err := os.Lstat(p); err == nil && !i.Mode().IsRegular() {
		return fmt.Errorf("%s is a %s", p, entryType(i.Mode()))
	}
	beside := path.Join(path.Dir(p), "."+path.Base(p)+".new")
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(beside, p)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return nil
}

type editIn struct {
	Path  string `json:"path" jsonschema:"absolute, or relative to the first folder" minLength:"1"`
	Edits []struct {
		Old string `json:"old" jsonschema:"the text to replace, which must stand in the file exactly once" minLength:"1"`
		New string `json:"new" jsonschema:"what to put in its place"`
	} `json:"edits" jsonschema:"done one after the other" minItems:"1"`
}

func edit(_ context.Context, in editIn) (written, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return written{}, err
	}
	text, err := readText(p)
	if err != nil {
		return written{}, err
	}
	for i, e := range in.Edits {
		if n := strings.Count(text, e.Old); n != 1 {
			return written{}, fmt.Errorf("edit %d: its old text stands in the file %d times, not once; nothing was changed", i+1, n)
		}
		text = strings.Replace(text, e.Old, e.New, 1)
	}
	return written{p, len(text)}, replace(p, text)
}

func makeDirectory(_ context.Context, in pathIn) (entry, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return entry{}, err
	}
	if err := os.MkdirAll(p, 0o755); err != nil {
		return entry{}, err
	}
	return info(context.Background(), pathIn{p})
}

type moveIn struct {
	From string `json:"from" jsonschema:"what to move" minLength:"1"`
	To   string `json:"to" jsonschema:"its new path, with the name" minLength:"1"`
}

func move(ctx context.Context, in moveIn) (entry, error) {
	from, err := resolve(in.From)
	if err != nil {
		return entry{}, err
	}
	to, err := resolve(in.To)
	if err != nil {
		return entry{}, err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return entry{}, errors.Join(fmt.Errorf("%s is there already", to), err)
	}
	if err := os.Rename(from, to); err != nil {
		return entry{}, err
	}
	return info(ctx, pathIn{to})
}

type removeIn struct {
	Path string `json:"path" jsonschema:"absolute, or relative to the first folder" minLength:"1"`
	All  bool   `json:"all,omitempty" jsonschema:"of a directory, delete all that it holds as well"`
}

type deleted struct {
	Path string `json:"path"`
}

func remove(_ context.Context, in removeIn) (deleted, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return deleted{}, err
	}
	if isRoot(p) {
		return deleted{}, fmt.Errorf("%s is one of the folders that this server was given", p)
	}
	if !in.All {
		return deleted{p}, os.Remove(p)
	}
	if _, err := os.Lstat(p); err != nil {
		return deleted{}, err // which RemoveAll takes for done
	}
	return deleted{p}, os.RemoveAll(p)
}
