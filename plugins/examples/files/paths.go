package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// scratch is a guest's own room, which is gone after the message.
const scratch = "/tmp"

// roots returns the folders that were mounted; a test has its own.
var roots = func() []string {
	return slices.DeleteFunc(preopens(), func(p string) bool { return p == scratch })
}

type none struct{}

type rootList struct {
	Roots []string `json:"roots" jsonschema:"absolute paths"`
}

func listRoots(context.Context, none) (rootList, error) {
	return rootList{append([]string{}, roots()...)}, nil
}

// resolve returns the absolute path that a caller means. It is the host that
// keeps paths inside the folders; what is said here is only easier to
// understand.
func resolve(p string) (string, error) {
	list := roots()
	if len(list) == 0 {
		return "", errors.New("this server was given no folders: ask the operator to start it with --mount HOSTDIR:/data:rw")
	}
	if !strings.HasPrefix(p, "/") {
		p = list[0] + "/" + p
	}
	p = path.Clean(p)
	for _, root := range list {
		if root == "/" || p == root || strings.HasPrefix(p, root+"/") {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is outside of the folders of this server: %s", p, strings.Join(list, ", "))
}

// isRoot reports whether p is one of the folders themselves.
func isRoot(p string) bool { return slices.Contains(roots(), p) }

// entryType names what a directory's entry is.
func entryType(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m.IsRegular():
		return "file"
	case m&fs.ModeSymlink != 0:
		return "link"
	}
	return "other"
}
