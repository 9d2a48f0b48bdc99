package main

import (
	"maps"
	"strings"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest" //nolint:staticcheck // modules read like the specification
)

// modules are all guests by their names.
func modules() map[string][]byte {
	all := map[string][]byte{}
	for name, g := range running() {
		all[name] = g.wasm()
	}
	maps.Copy(all, bombs())
	maps.Copy(all, malformed())
	return all
}

// running are guests that compile and then use what they should not.
func running() map[string]guest {
	const table = "\x70\x00\x00" // of functions, without a maximum
	grow := func(n int32) string { return "\xd0\x70" + i32(n) + "\xfc\x0f\x00" }
	mustFail := func(code string) string { return code + i32(-1) + "\x47" + ifThen + "\x00" + end }
	fill := i32(0) + i32(0xff) + i32(64<<20-1) + "\xfc\x0b\x00" // memory.fill
	return map[string]guest{
		"loop": {attack: loop + "\x0c\x00" + end},
		// Each function calls the next twice: 2^60 calls without a loop.
		"chain": {attack: call(funcOwn), functions: chain(60)},
		// The same through a table, where no call graph shows it.
		"chain-indirect": {
			attack: i32(0) + "\x11\x02\x00", functions: chainIndirect(60),
			table: Section(Table, Vector("\x70\x00\x3c")), elements: Section(Element, Vector("\x00"+i32(0)+end+Vector(owned(60)...))),
		},
		// fib(60): recursion that is never deep.
		"fibonacci": {attack: i32(60) + call(funcOwn) + drop, functions: []function{{typ: typeFull, code: fibonacci}}},
		// 12,000 frames, each with work to do on the way back.
		"unwind":          {attack: i32(12_000) + call(funcOwn) + drop, functions: []function{{typ: typeFull, code: unwind}}},
		"recursion":       {attack: i32(0) + call(funcOwn) + drop, functions: []function{{typ: typeFull, code: local(0) + call(funcOwn)}}},
		"recursion-wide":  {attack: i32(0) + call(funcOwn) + drop, functions: []function{wideFrame(funcOwn, 500)}},
		"fill":            {memory: "\x01\x01" + Leb(1024), attack: i32(1023) + "\x40\x00" + drop + strings.Repeat(fill, 2000)},
		"copy":            {memory: "\x01\x01" + Leb(1024), attack: i32(1023) + "\x40\x00" + drop + strings.Repeat(i32(1)+i32(0)+i32(64<<20-2)+"\xfc\x0a\x00\x00", 2000)},
		"memory-grow":     {memory: "\x00\x01", attack: loop + i32(16) + "\x40\x00" + i32(-1) + "\x47\x0d\x00" + end},
		"memory-grow-max": {memory: "\x00\x01", attack: mustFail(i32(-1) + "\x40\x00")},
		"table-grow-4e9":  {table: Section(Table, Vector(table)), attack: mustFail(grow(-294967296))},
		"table-grow-5e8":  {table: Section(Table, Vector(table)), attack: mustFail("\xd2" + Leb(funcOwn) + i32(500_000_000) + "\xfc\x0f\x00"), functions: []function{{typ: typeNone}}, exports: []string{Exported("f", FuncExport, funcOwn)}},
		"table-grow-step": {table: Section(Table, Vector(table)), attack: loop + grow(1000) + i32(-1) + "\x47\x0d\x00" + end},
		"start-loop":      {functions: []function{{typ: typeNone, code: loop + "\x0c\x00" + end}}, start: Section(Start, Leb(funcOwn))},
		"start-chain":     {functions: chain(60), start: Section(Start, Leb(funcOwn))},
		"read-nowhere":    {attack: i32(-1) + call(funcRead)},
		"answer-nowhere":  {attack: i32(-16) + i32(4096) + call(funcAnswer)},
		"answer-4gb":      {attack: i32(0) + i32(-1) + call(funcAnswer)},
		"answer-twice":    {attack: answer(2)},
	}
}

// chain is n functions, each of which calls the next twice.
func chain(n int) []function {
	fs := make([]function, n)
	for i := range fs[:n-1] {
		fs[i] = function{typ: typeNone, code: strings.Repeat(call(funcOwn+i+1), 2)}
	}
	fs[n-1].typ = typeNone
	return fs
}

func chainIndirect(n int) []function {
	fs := chain(n)
	for i := range fs[:n-1] {
		fs[i].code = strings.Repeat(i32(int32(i+1))+"\x11\x02\x00", 2)
	}
	return fs
}

func owned(n int) []string {
	indices := make([]string, n)
	for i := range indices {
		indices[i] = Leb(funcOwn + i)
	}
	return indices
}

// fibonacci is f(n) = n < 2 ? n : f(n-1) + f(n-2).
var fibonacci = local(0) + i32(2) + "\x48" + "\x04\x7f" + local(0) + "\x05" +
	local(0) + i32(1) + "\x6b" + call(funcOwn) + local(0) + i32(2) + "\x6b" + call(funcOwn) + "\x6a" + end

// unwind is f(n) = n == 0 ? 0 : work(f(n-1)), where work takes a few thousand
// instructions.
var unwind = local(0) + "\x45" + "\x04\x7f" + i32(0) + "\x05" + local(0) + i32(1) + "\x6b" + call(funcOwn) +
	strings.Repeat(local(0)+"\x6e"+local(0)+"\x6a", 5000) + end

// wideFrame calls itself with many values at hand, which fill its frame.
func wideFrame(self, values int) function {
	return function{typ: typeFull, code: repeat(values, func(i int) string { return i32(int32(4*i)) + "\x28\x02\x00" }) +
		local(0) + call(self) + strings.Repeat("\x6a", values)}
}
