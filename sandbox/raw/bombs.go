package main

import (
	"strings"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest" //nolint:staticcheck // modules read like the specification
)

const typeInt = "\x7f"

// bombs are valid guests that are small and cost minutes or gigabytes to compile
// or to bring up.
func bombs() map[string][]byte {
	own := func(f ...function) []byte { return guest{functions: f}.wasm() }
	touch := func(i int) string { return local(i) + i32(1) + "\x6a\x21" + Leb(i) }
	none := func(code string) function { return function{typ: typeNone, code: code} }
	wide := func(n int, code string) function {
		return function{typ: typeNone, locals: Vector(Leb(n) + typeInt), code: code}
	}
	return map[string][]byte{
		"bomb-locals":       own(wide(4_000_000_000, "")),
		"bomb-locals-many":  own(many(100_000, wide(50_000, ""))...),
		"bomb-loops":        own(wide(1000, repeat(2000, func(i int) string { return loop + touch(i%1000) })+strings.Repeat(local(0)+"\x0d\x00"+end, 2000))),
		"bomb-ifs":          own(wide(1000, repeat(50_000, func(i int) string { return local(0) + ifThen + touch(i%1000) + end }))),
		"bomb-nest":         own(none(strings.Repeat(block, 200_000) + strings.Repeat(end, 200_000))),
		"bomb-table":        own(none(block + i32(0) + "\x0e" + Repeated(2_000_000, "\x00") + "\x00" + end)),
		"bomb-straight":     own(wide(1, strings.Repeat(touch(0), 3_000_000))),
		"bomb-functions":    own(many(2_000_000, none(""))...),
		"bomb-exports":      guest{functions: many(1, none("")), exports: split1e6()}.wasm(),
		"bomb-imports":      guest{imports: manyImports(1_000_000)}.wasm(),
		"bomb-globals":      guest{globals: Section(Global, Repeated(2_000_000, typeInt+"\x00"+i32(0)+end))}.wasm(),
		"bomb-tables":       guest{table: Section(Table, Repeated(1000, "\x70\x00"+Leb(1_000_000)))}.wasm(),
		"bomb-table-size":   guest{table: Section(Table, Vector("\x70\x00"+Leb(4_000_000_000)))}.wasm(),
		"bomb-memory-size":  guest{memory: "\x00" + Leb(65536)}.wasm(),
		"bomb-memories":     []byte(strings.Replace(string(guest{}.wasm()), Section(Memory, "\x01\x00\x01"), Section(Memory, Repeated(1000, "\x00\x01")), 1)),
		"bomb-segments":     guest{elements: Section(Element, Repeated(2_000_000, "\x01\x00\x00"))}.wasm(),
		"bomb-custom":       guest{custom: strings.Repeat(Section(Custom, Name("x")), 20_000)}.wasm(),
		"bomb-data-outside": guest{data: segment(-1, "x")}.wasm(),
		"bomb-element-out": guest{
			table:    Section(Table, Vector("\x70\x00\x01")),
			elements: Section(Element, Vector("\x00"+i32(100)+end+Vector(Leb(funcHandle)))),
		}.wasm(),
	}
}

func many(n int, f function) []function {
	fs := make([]function, n)
	for i := range fs {
		fs[i] = f
	}
	return fs
}

func split1e6() []string {
	exports := make([]string, 1_000_000)
	for i := range exports {
		exports[i] = Exported(numbered(i), FuncExport, funcOwn)
	}
	return exports
}

func manyImports(n int) []string {
	imports := make([]string, n)
	for i := range imports {
		imports[i] = Imported("mcpwasm_v1", "cancelled", typeNone)
	}
	return imports
}
