package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// DefaultMaxBytes is the largest module that [Open] reads unless told otherwise.
const DefaultMaxBytes = 256 << 20

// ErrSource is wrapped by every error of [Open] that is about the source or
// what is in it; only a cancelled context is not.
var ErrSource = errors.New("cannot open the server")

// Options of [Open]. The zero value is safe.
type Options struct {
	// MaxBytes is the largest module that is read. Default [DefaultMaxBytes].
	MaxBytes int64
}

// Artifact is a module that can be run.
type Artifact struct {
	// Source is what it was opened by, unchanged.
	Source string
	// Name is what the source calls it, in the form that a server's name has in
	// the configuration ([a-z][a-z0-9-]{0,31}): "hello" for "dir/hello.wasm".
	Name string
	// Digest is "sha256:" and the 64 hexadecimal digits of the binary's hash.
	Digest string
	// Wasm is the binary; it must not be changed.
	Wasm []byte
	// Module is what [plugins.Inspect] reads off the binary.
	Module plugins.Module
	// Manifest is what its package says about it, nil where it has none.
	Manifest *plugins.Manifest
	// Package is the digest of the package's OCI manifest, "" for a plain file.
	Package string
}

// Open gets the artifact that a source names on this machine: the path of a .wasm
// file, also through symbolic links, or an OCI layout folder with a package. The
// file's content counts, not its ending. Of a folder with several packages one is
// named by FOLDER:TAG or FOLDER@DIGEST. Nobody has to vouch for either. An
// error says in one line what is there instead and what is accepted.
func Open(ctx context.Context, source string, o Options) (Artifact, error) {
	if err := ctx.Err(); err != nil {
		return Artifact{}, err
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if dir, identifier, err := splitLayout(source); err == nil {
		return openLayout(ctx, source, dir, identifier, o.MaxBytes)
	}
	wasm, err := readFile(ctx, source, o.MaxBytes)
	if err != nil {
		if ctx.Err() != nil {
			return Artifact{}, ctx.Err()
		}
		return Artifact{}, fmt.Errorf("%w %q: %w", ErrSource, source, err)
	}
	return Parse(source, wasm)
}

// Parse makes an artifact of a binary that is in memory already. source is what
// errors call it and what the name is made of.
func Parse(source string, wasm []byte) (Artifact, error) {
	module, err := plugins.Inspect(wasm)
	if err != nil {
		return Artifact{}, fmt.Errorf("%w %q: %w", ErrSource, source, err)
	}
	sum := sha256.Sum256(wasm)
	return Artifact{
		Source: source,
		Name:   nameOf(source),
		Digest: "sha256:" + hex.EncodeToString(sum[:]),
		Wasm:   wasm,
		Module: module,
	}, nil
}

// readFile reads a regular file of a bounded size. It is checked before it is
// opened, because opening a pipe waits for its writer, and again afterwards,
// because it may have been replaced.
func readFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, describe(path, err)
	}
	if err := checkFile(info, limit); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, describe(path, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err = f.Stat(); err != nil {
		return nil, describe(path, err)
	}
	if err := checkFile(info, limit); err != nil {
		return nil, err
	}
	return readAll(ctx, f, info.Size(), limit)
}

func checkFile(info fs.FileInfo, limit int64) error {
	switch {
	case info.IsDir():
		return errors.New("it is a folder: name the .wasm file")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file: name a .wasm file")
	case info.Size() == 0:
		return errors.New("the file is empty: build or copy it again")
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("the file is larger than the %d bytes allowed", limit)
}

// readAll reads in pieces, so that it ends when the caller does, and no more
// than the limit, should the file grow meanwhile.
func readAll(ctx context.Context, r io.Reader, size, limit int64) ([]byte, error) {
	const piece = 1 << 20
	buf := make([]byte, 0, size+1)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), len(buf)+piece)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, tooLarge(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// describe says what is wrong with a path without repeating it.
func describe(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && looksLikeReference(path):
		return errors.New("there is no such file; a package in a registry is named without a path, or by oci://HOST/REPOSITORY")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("the file may not be read: check its permissions")
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// looksLikeReference reports whether somebody meant an image in a registry.
func looksLikeReference(s string) bool {
	if strings.Contains(s, "://") || strings.Contains(s, "@sha256:") {
		return true
	}
	host, rest, ok := strings.Cut(s, "/")
	return ok && rest != "" && host != "." && host != ".." && filepath.Ext(s) != ".wasm" &&
		(strings.Contains(host, ".") || strings.Contains(host, ":") || host == "localhost")
}

// nameOf makes a server's name of a source.
func nameOf(source string) string {
	base := strings.ToLower(filepath.Base(source))
	base = strings.TrimSuffix(base, ".wasm")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, base)
	name = strings.Trim(name, "-")
	if name == "" || name[0] < 'a' {
		name = "server-" + name
	}
	return strings.Trim(name[:min(len(name), 32)], "-")
}
