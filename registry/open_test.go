package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// stdioModule exports a memory and _start.
var stdioModule = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + // type () → ()
	"\x03\x02\x01\x00" + // one function
	"\x05\x03\x01\x00\x01" + // one memory of a page
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" +
	"\x0a\x04\x01\x02\x00\x0b")

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	path := write(t, "Date_Times.wasm", stdioModule)
	a, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const digest = "sha256:87799c1b578e1ef444797b90bd09efe88f1af0b1810d578f9ccf03df9b1de499"
	if a.Name != "date-times" || a.Source != path || a.Module.Shape != plugins.ShapeStdio || a.Digest != digest {
		t.Errorf("Open: name %q, source %q, shape %q, digest %q", a.Name, a.Source, a.Module.Shape, a.Digest)
	}
	if string(a.Wasm) != string(stdioModule) {
		t.Error("the binary is not the file's")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, source, want string }{
		{"nothing", "", "no such file"},
		{"missing", filepath.Join(dir, "x.wasm"), "no such file"},
		{"reference", "ghcr.io/someone/weather:1", "oci://"},
		{"reference with scheme", "oci://ghcr.io/someone/weather", "oci://"},
		{"folder", dir, "folder"},
		{"empty", write(t, "x.wasm", nil), "empty"},
		{"text", write(t, "x.wasm", []byte("#!/bin/sh\n")), "not a module"},
		{"component", write(t, "x.wasm", []byte("\x00asm\x0d\x00\x01\x00")), "component"},
		{"cut off", write(t, "x.wasm", stdioModule[:len(stdioModule)-20]), "not a module"},
		{"device", os.DevNull, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.source, Options{})
			if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestOpenTooLarge(t *testing.T) {
	path := write(t, "x.wasm", stdioModule)
	_, err := Open(t.Context(), path, Options{MaxBytes: int64(len(stdioModule)) - 1})
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v, want one about the size", err)
	}
	if _, err := Open(t.Context(), path, Options{MaxBytes: int64(len(stdioModule))}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestReadAllBoundsAGrowingFile(t *testing.T) {
	_, err := readAll(t.Context(), strings.NewReader(strings.Repeat("x", 100)), 10, 50)
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v, want one about the size", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, write(t, "x.wasm", stdioModule), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestNameOf(t *testing.T) {
	tests := []struct{ source, want string }{
		{"bin/hello.wasm", "hello"},
		{"Über_Weather 2.WASM", "ber-weather-2"},
		{"7zip.wasm", "server-7zip"},
		{".wasm", "server"},
		{strings.Repeat("a", 31) + "-b.wasm", strings.Repeat("a", 31)},
	}
	for _, tt := range tests {
		if got := nameOf(tt.source); got != tt.want {
			t.Errorf("nameOf(%q) = %q, want %q", tt.source, got, tt.want)
		}
	}
}
