package main

import (
	"strings"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest" //nolint:staticcheck // modules read like the specification
)

// malformed are files that are no modules, and modules that ask for what nobody
// has.
func malformed() map[string][]byte {
	good := string(guest{}.wasm())
	replace := func(old, by string) []byte { return []byte(strings.Replace(good, old, by, 1)) }
	return map[string][]byte{
		"bad-empty":        {},
		"bad-half":         []byte(good[:len(good)/2]),
		"bad-section-size": []byte(Header + "\x01\xff\xff\xff\xff\x0f"),
		"bad-custom-1gb":   []byte(good + "\x00" + Leb(1<<30) + Name("big")),
		"bad-count":        []byte(Header + Section(Import, "\xff\xff\xff\xff\x0f")),
		"bad-leb":          []byte(Header + "\x01\xff\xff\xff\xff\xff\xff\x01"),
		"bad-order":        []byte(good + Section(Type, "\x00")),
		"bad-code":         guest{attack: "\x6a"}.wasm(),
		"bad-opcode":       guest{attack: "\xff"}.wasm(),
		"bad-component":    []byte("\x00asm\x0d\x00\x01\x00"),
		"bad-handler-type": replace(Section(Function, "\x01\x00"), Section(Function, "\x01\x02")),
		"bad-name": guest{functions: many(1, function{typ: typeNone}),
			exports: []string{Exported("a\x00b\x1b[31m\xe2\x80\xae", FuncExport, funcOwn)}}.wasm(),
		"bad-import":        guest{imports: []string{Imported("env", "system\n\x1b[31m", typeI32)}}.wasm(),
		"bad-import-socket": guest{imports: []string{Imported("wasi_snapshot_preview1", "sock_open", typeTwo)}}.wasm(),
		"bad-import-type":   guest{imports: []string{Imported("wasi_snapshot_preview1", "fd_write", typeNone)}}.wasm(),
		"bad-import-global": guest{imports: []string{Name("env") + Name("__memory_base") + "\x03\x7f\x00"}}.wasm(),
	}
}
