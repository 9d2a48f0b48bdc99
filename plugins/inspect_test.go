package plugins_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

const wasmHeader = "\x00asm\x01\x00\x00\x00"

func leb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func wasmName(s string) string { return leb(len(s)) + s }

func section(id byte, content string) string {
	return string(id) + leb(len(content)) + content
}

func vector(elems ...string) string { return leb(len(elems)) + strings.Join(elems, "") }

func importFunc(module, name string) string {
	return wasmName(module) + wasmName(name) + "\x00\x00"
}

func export(name string, kind byte) string { return wasmName(name) + string(kind) + "\x00" }

// module is a module with the given imports and with the given functions and
// the memory exported.
func module(imports []string, funcs ...string) string {
	exports := []string{export("memory", 2)}
	for _, f := range funcs {
		exports = append(exports, export(f, 0))
	}
	return wasmHeader + section(1, "\x01\x60\x00\x00") + section(2, vector(imports...)) +
		section(5, "\x01\x00\x11") + section(7, vector(exports...))
}

func TestInspect(t *testing.T) {
	extism := []string{importFunc("extism:host/env", "alloc")}
	wasi := []string{importFunc("wasi_snapshot_preview1", "fd_write")}
	tests := []struct {
		name     string
		wasm     string
		shape    plugins.Shape
		contract int
		err      string // a part of it
	}{
		{"reactor", module(wasi, "mcpwasm_v1_handle", "_initialize"), plugins.ShapeReactor, 1, ""},
		{"reactor without initialisation", module(nil, "mcpwasm_v1_handle"), plugins.ShapeReactor, 1, ""},
		{"reactor of two versions", module(nil, "mcpwasm_v2_handle", "mcpwasm_v1_handle"), plugins.ShapeReactor, 1, ""},
		{"reactor before extism", module(extism, "mcpwasm_v1_handle"), plugins.ShapeReactor, 1, ""},
		{"stdio", module(wasi, "_start"), plugins.ShapeStdio, 0, ""},
		{"extism", module(extism, "describe", "call"), plugins.ShapeExtism, 0, ""},
		{"newer only", module(nil, "mcpwasm_v3_handle", "mcpwasm_v2_handle"), "", 0, "it speaks versions 2, 3 of the guest contract, this host speaks version 1"},
		{"version zero is none", module(nil, "mcpwasm_v0_handle"), "", 0, "exports neither"},
		{"version with a leading zero is none", module(nil, "mcpwasm_v01_handle"), "", 0, "exports neither"},
		{"nothing known", module(wasi, "main"), "", 0, "exports neither mcpwasm_v1_handle"},
		{"imports but no handler", module([]string{importFunc("mcpwasm_v1", "notify")}, "_start"), "", 0, "exports no function mcpwasm_v1_handle"},
		{"program and reactor", module(nil, "mcpwasm_v1_handle", "_start"), "", 0, "both a program"},
		{"no memory", wasmHeader + section(7, vector(export("_start", 0))), "", 0, "no memory named"},
		{"handler that is a global", wasmHeader + section(7, vector(export("mcpwasm_v1_handle", 3))), "", 0, "exports neither"},
		{"header only", wasmHeader, "", 0, "exports neither"},
		{"empty", "", "", 0, "it is empty"},
		{"component", "\x00asm\x0d\x00\x01\x00", "", 0, "it is a component"},
		{"version 2", "\x00asm\x02\x00\x00\x00", "", 0, "version 2"},
		{"half a header", "\x00asm\x01", "", 0, "ends within its header"},
		{"ELF", "\x7fELF\x02\x01\x01", "", 0, "native program (ELF)"},
		{"gzip", "\x1f\x8b\x08", "", 0, "gzip"},
		{"zip", "PK\x03\x04", "", 0, "zip archive"},
		{"HTML", "\n <!DOCTYPE HTML><html>", "", 0, "HTML page"},
		{"JSON", `{"mcpServers":{}}`, "", 0, "JSON"},
		{"text format", "(module)", "", 0, "text format"},
		{"tar", strings.Repeat("\x00", 257) + "ustar\x0000", "", 0, "tar archive"},
		{"anything", "hello", "", 0, "something else"},
		{"truncated", module(wasi, "_start")[:40], "", 0, "damaged"},
		{"unknown section", wasmHeader + section(60, ""), "", 0, "unknown id 60"},
		{"second export section", wasmHeader + section(7, "\x00") + section(7, "\x00"), "", 0, `a second section "export"`},
		{"export twice", module(nil, "_start", "_start"), "", 0, `export "_start" stands there twice`},
		{"export of an unknown kind", wasmHeader + section(7, vector(export("x", 9))), "", 0, "unknown kind 9"},
		{"import of an unknown kind", wasmHeader + section(2, vector("\x01a\x01b\x09")), "", 0, "unknown kind 9"},
		{"claims 4e9 imports", wasmHeader + section(2, "\xff\xff\xff\xff\x0f"), "", 0, "it ends too early"},
		{"number too long", wasmHeader + "\x02\xff\xff\xff\xff\xff\x0f", "", 0, "too long"},
		{"number too large", wasmHeader + "\x02\xff\xff\xff\xff\x7f", "", 0, "too large"},
		{"name is not UTF-8", wasmHeader + section(0, "\x01\xff"), "", 0, "not UTF-8"},
		{"bytes after the exports", wasmHeader + section(7, "\x00\x00"), "", 0, "1 bytes too many"},
		{"too many sections", wasmHeader + strings.Repeat(section(0, "\x00"), 10_001), "", 0, "more than 10000 sections"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := plugins.Inspect([]byte(tt.wasm))
			if tt.err != "" {
				if !errors.Is(err, plugins.ErrModule) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want ErrModule with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Shape != tt.shape || m.Contract != tt.contract {
				t.Errorf("have %s, contract %d, want %s, %d", m.Shape, m.Contract, tt.shape, tt.contract)
			}
		})
	}
}

func TestInspectContents(t *testing.T) {
	every := vector(
		importFunc("wasi_snapshot_preview1", "fd_read"),
		wasmName("env")+wasmName("t1")+"\x01\x70\x01\x01\x05",        // funcref table, 1 to 5
		wasmName("env")+wasmName("t2")+"\x01\x63\x70\x00\x01",        // (ref null func) table
		wasmName("env")+wasmName("m")+"\x02\x03\x01\x02",             // shared memory
		wasmName("env")+wasmName("g")+"\x03\x7f\x01",                 // mutable i32
		wasmName("env")+wasmName("e")+"\x04\x00\x00",                 // tag
		wasmName("env")+wasmName("p")+"\x02\x08\x01\x00",             // custom page size
		wasmName("env")+wasmName("h")+"\x03\x64\xff\xff\xff\x00\x00", // (ref typeidx)
	)
	wasm := wasmHeader + section(0, wasmName("producers")+"abc") + section(2, every) +
		section(5, "\x01\x01\x11\x20") + section(7, vector(export("memory", 2), export("_start", 0), export("t", 4)))
	m, err := plugins.Inspect([]byte(wasm))
	if err != nil {
		t.Fatal(err)
	}
	wantImports := []plugins.Import{
		{"wasi_snapshot_preview1", "fd_read", "func"}, {"env", "t1", "table"}, {"env", "t2", "table"}, {"env", "m", "memory"},
		{"env", "g", "global"}, {"env", "e", "tag"}, {"env", "p", "memory"}, {"env", "h", "global"},
	}
	if !slices.Equal(m.Imports, wantImports) {
		t.Errorf("imports %v, want %v", m.Imports, wantImports)
	}
	wantExports := []plugins.Export{{"memory", "memory"}, {"_start", "func"}, {"t", "tag"}}
	if !slices.Equal(m.Exports, wantExports) {
		t.Errorf("exports %v, want %v", m.Exports, wantExports)
	}
	wantSections := []plugins.Section{{"producers", true, 13}, {"import", false, len(every)}, {"memory", false, 4}, {"export", false, 23}}
	if !slices.Equal(m.Sections, wantSections) {
		t.Errorf("sections %v, want %v", m.Sections, wantSections)
	}
	if m.Size != len(wasm) || m.MemoryPages != 17 {
		t.Errorf("size %d, %d pages, want %d, 17", m.Size, m.MemoryPages, len(wasm))
	}
}

// TestInspectTruncated cuts a good module at every byte.
func TestInspectTruncated(t *testing.T) {
	whole := module([]string{importFunc("wasi_snapshot_preview1", "fd_write")}, "_start")
	for n := range len(whole) {
		if _, err := plugins.Inspect([]byte(whole[:n])); !errors.Is(err, plugins.ErrModule) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte(module([]string{importFunc("extism:host/env", "alloc")}, "mcpwasm_v1_handle")))
	f.Add([]byte(module([]string{wasmName("env") + wasmName("t") + "\x01\x63\x70\x01\x01\x05"}, "_start")))
	f.Add([]byte(wasmHeader + section(0, wasmName("producers"))))
	f.Add([]byte("\x00asm\x0d\x00\x01\x00"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := plugins.Inspect(b)
		if err != nil {
			if !errors.Is(err, plugins.ErrModule) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if m.Shape == "" || (m.Contract != 0) != (m.Shape == plugins.ShapeReactor) {
			t.Errorf("have shape %q with contract %d", m.Shape, m.Contract)
		}
		total := 8
		for _, s := range m.Sections {
			total += s.Size + 2
		}
		if total > len(b) {
			t.Errorf("sections of %d bytes in a module of %d", total, len(b))
		}
	})
}
