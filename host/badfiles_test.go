package host_test

import (
	"os"
	"path/filepath"
	"testing"
)

// badFiles writes files that cannot be run to a folder and returns, for each, a
// part of the error that is due.
func badFiles(t *testing.T, dir, good string) map[string]string {
	t.Helper()
	module, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	const header = "\x00asm\x01\x00\x00\x00"
	files := map[string]struct{ content, want string }{
		"empty.wasm":     {"", "the file is empty"},
		"text.wasm":      {"#!/bin/sh\necho hello\n", "it is not WebAssembly"},
		"header.wasm":    {header[:6], "WebAssembly"},
		"truncated.wasm": {string(module[:len(module)/2]), "truncated"},
		"component.wasm": {"\x00asm\x0d\x00\x01\x00", "component"},
		"version.wasm":   {"\x00asm\x02\x00\x00\x00", "version"},
		// Sections: a type without parameters and results; an import of it; a
		// memory; a function of it; exports; its body.
		"imports.wasm": {header + "\x01\x04\x01\x60\x00\x00" + "\x02\x0c\x01\x03env\x04boom\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" +
			"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x01" + "\x0a\x04\x01\x02\x00\x0b", "env.boom"},
		"nothing.wasm": {header, "export"},
	}
	want := map[string]string{"missing.wasm": "there is no such file", "folder": "it is a folder"}
	for name, f := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = f.want
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	return want
}
