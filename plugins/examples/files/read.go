package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// maxText bounds what read_file returns, and what is edited, in bytes.
const maxText = 1 << 20

type pathIn struct {
	Path string `json:"path" jsonschema:"absolute, or relative to the first folder" minLength:"1"`
}

type entry struct {
	Path     string    `json:"path"`
	Type     string    `json:"type" jsonschema:"file, directory, link or other"`
	Size     int64     `json:"size,omitempty" jsonschema:"of a file, in bytes"`
	Modified time.Time `json:"modified"`
}

func entryOf(p string, i fs.FileInfo) entry {
	e := entry{Path: p, Type: entryType(i.Mode()), Modified: i.ModTime().UTC()}
	if i.Mode().IsRegular() {
		e.Size = i.Size()
	}
	return e
}

func info(_ context.Context, in pathIn) (entry, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return entry{}, err
	}
	i, err := os.Lstat(p)
	if err != nil {
		return entry{}, err
	}
	return entryOf(p, i), nil
}

type listing struct {
	Entries []entry `json:"entries"`
}

func listDirectory(_ context.Context, in pathIn) (listing, error) {
	p, err := resolve(in.Path)
	if err != nil {
		return listing{}, err
	}
	entries, err := os.ReadDir(p)
	if err != nil {
		return listing{}, err
	}
	l := listing{Entries: []entry{}}
	for _, e := range entries {
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return listing{}, err
		}
		l.Entries = append(l.Entries, entryOf(path.Join(p, e.Name()), i))
	}
	return l, nil
}

type readIn struct {
	Path   string `json:"path" jsonschema:"absolute, or relative to the first folder" minLength:"1"`
	Offset int    `json:"offset,omitempty" jsonschema:"how many lines to leave out at the start" minimum:"0"`
	Head   int    `json:"head,omitempty" jsonschema:"how many lines at most" minimum:"1"`
	Tail   int    `json:"tail,omitempty" jsonschema:"only so many lines at the end; not together with head or offset" minimum:"1"`
}

func read(ctx context.Context, in readIn) (*pdk.ToolResult, error) {
	if in.Tail > 0 && (in.Head > 0 || in.Offset > 0) {
		return nil, errors.New("tail goes neither with head nor with offset")
	}
	p, err := resolve(in.Path)
	if err != nil {
		return nil, err
	}
	if mimeType := imageType(p); mimeType != "" {
		b, err := readAll(p)
		if err != nil {
			return nil, err
		}
		return &pdk.ToolResult{Content: []pdk.Content{pdk.Image(b, mimeType)}}, nil
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := readLines(ctx, f, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return pdk.TextResult(text), nil
}

// readAll reads a file of at most maxText bytes.
func readAll(p string) ([]byte, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("%s has more than %d bytes", p, maxText)
	}
	return b, err
}

// readText is readAll for text.
func readText(p string) (string, error) {
	b, err := readAll(p)
	if err == nil && !isText(b) {
		err = fmt.Errorf("%s is not a text file", p)
	}
	return string(b), err
}

// isText reports whether b is UTF-8 without NUL.
func isText(b []byte) bool { return utf8.Valid(b) && !strings.Contains(string(b), "\x00") }

// imageType returns the MIME type of an image by its file's name, "" for
// anything else.
func imageType(p string) string {
	switch strings.ToLower(path.Ext(p)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	}
	return ""
}

// readResource reads the resource file:///PATH.
func readResource(_ context.Context, _ string, variables map[string]string) ([]pdk.ResourceContents, error) {
	p, err := resolve("/" + variables["path"])
	if err != nil {
		return nil, nil // outside of the folders there are no resources
	}
	b, err := readAll(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case imageType(p) != "":
		return []pdk.ResourceContents{{Blob: b, MIMEType: imageType(p)}}, nil
	case !isText(b):
		return []pdk.ResourceContents{{Blob: b, MIMEType: "application/octet-stream"}}, nil
	}
	return []pdk.ResourceContents{{Text: string(b), MIMEType: "text/plain"}}, nil
}
