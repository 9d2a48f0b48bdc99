// Package links says by which links a path leads where it leads.
package links

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds the links on the way, as systems do.
const maxLinks = 255

// Trail returns every place at which somebody who can write there decides where path
// leads: each link on the way, in its order, and at the end what is found there. All
// are absolute, clean and, in the folders above them, without links. What is not
// there, at the end of the way or before, counts as no link. A relative path is one
// of the working folder.
func Trail(path string) ([]string, error) {
	at, rest, err := begin(path)
	if err != nil {
		return nil, err
	}
	var trail []string
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		target, err := readLink(next)
		if err != nil {
			return nil, err
		}
		if target == "" {
			at = next
			continue
		}
		if trail = append(trail, next); len(trail) > maxLinks {
			return nil, fmt.Errorf("%s: too many links", path)
		}
		if filepath.IsAbs(target) {
			volume := filepath.VolumeName(target)
			at, target = volume+string(filepath.Separator), target[len(volume):]
		}
		rest = append(names(target), rest...)
	}
	return append(trail, at), nil
}

// begin splits a path. It is not cleaned: "link/.." is where the link leads to.
func begin(path string) (root string, rest []string, err error) {
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			return "", nil, err
		}
		path = wd + string(filepath.Separator) + path
	}
	volume := filepath.VolumeName(path)
	return volume + string(filepath.Separator), names(path[len(volume):]), nil
}

// names are the names in a path that lead somewhere.
func names(path string) []string {
	var out []string
	for _, name := range strings.Split(filepath.ToSlash(path), "/") {
		if name != "" && name != "." {
			out = append(out, name)
		}
	}
	return out
}

// readLink returns where a link leads, "" for what is none.
func readLink(path string) (string, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode()&os.ModeSymlink == 0 {
		return "", nil
	}
	return os.Readlink(path)
}
