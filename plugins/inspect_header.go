package plugins

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderBytes is how much [CheckHeader] looks at.
const HeaderBytes = 512

// CheckHeader is [Inspect] of a module's beginning: its first [HeaderBytes], or all
// of a shorter one. The error wraps [ErrModule].
func CheckHeader(b []byte) error {
	if err := checkHeader(b); err != nil {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	return nil
}

// headerLen is the length of the magic number, the version and the layer.
const headerLen = 8

// checkHeader accepts a core module's header of version 1 and says what else
// the bytes are. A component's header is told apart by its layer
// (component-model, "Binary", "Component Definitions").
func checkHeader(b []byte) error {
	if len(b) == 0 {
		return errors.New("it is empty")
	}
	if !bytes.HasPrefix(b, []byte("\x00asm")) {
		return fmt.Errorf("it is not WebAssembly but %s; give a .wasm file built for wasip1", looksLike(b))
	}
	if len(b) < headerLen {
		return errors.New("damaged WebAssembly: it ends within its header; build or download it again")
	}
	version, layer := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	switch {
	case layer == 1:
		return errors.New("it is a component (WASI preview 2 or later); components run on wasmtime, not here: build it as a core module, for wasip1")
	case layer != 0 || version != 1:
		return fmt.Errorf("it is WebAssembly of version %d, layer %d; build it as a core module of version 1, for wasip1", version, layer)
	}
	return nil
}

// signatures are the beginnings of files that are likely to be given by
// mistake.
var signatures = []struct{ prefix, name string }{
	{"\x7fELF", "a native program (ELF)"},
	{"\xcf\xfa\xed\xfe", "a native program (Mach-O)"},
	{"\xca\xfe\xba\xbe", "a native program (Mach-O)"},
	{"MZ", "a native program (Windows)"},
	{"\x1f\x8b", "a gzip archive; unpack it"},
	{"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it"},
	{"BZh", "a bzip2 archive; unpack it"},
	{"\xfd7zXZ", "an xz archive; unpack it"},
	{"PK\x03\x04", "a zip archive; unpack it"},
	{"version https://git-lfs", "a Git LFS pointer; fetch the file with git lfs pull"},
	{"#!", "a script"},
	{"!<arch>", "an object archive"},
}

// looksLike says what bytes that are not WebAssembly seem to be.
func looksLike(b []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(b, []byte(s.prefix)) {
			return s.name
		}
	}
	if len(b) > 262 && string(b[257:262]) == "ustar" {
		return "a tar archive; unpack it"
	}
	head := bytes.ToLower(bytes.TrimLeft(b[:min(len(b), 512)], "\ufeff \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")):
		return "an HTML page; was the download an error page?"
	case bytes.HasPrefix(head, []byte("<")):
		return "XML"
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[")):
		return "JSON"
	case bytes.HasPrefix(head, []byte("(module")), bytes.HasPrefix(head, []byte("(component")):
		return "WebAssembly's text format; assemble it with wat2wasm"
	}
	return "something else"
}
