package main

import (
	"fmt"
	"strings"

	. "github.com/mcpwasm/mcpwasm/internal/wasmtest" //nolint:staticcheck // modules read like the specification
)

// Where a guest keeps its message, and its answers one behind the other.
const (
	messageAt = 0x4000
	answersAt = 0x100
)

var answers = [3]string{
	`{"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private",` +
		`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"raw","version":"1"}}}}`,
	`{"result":{"tools":[{"name":"attack","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}}`,
	`{"result":{"content":[{"type":"text","text":"survived"}]}}`,
}

// Instructions.
const (
	block  = "\x02\x40"
	loop   = "\x03\x40"
	ifThen = "\x04\x40"
	end    = "\x0b"
	ret    = "\x0f"
	drop   = "\x1a"
)

func i32(n int32) string { return "\x41" + Sleb(int64(n)) }
func call(f int) string  { return "\x10" + Leb(f) }
func local(i int) string { return "\x20" + Leb(i) }

// Types and functions that every guest has; its own functions follow.
const (
	typeI32  = 0 // (i32) → ()
	typeTwo  = 1 // (i32, i32) → ()
	typeNone = 2 // () → ()
	typeFull = 3 // (i32) → (i32)

	funcRead   = 0
	funcAnswer = 1
	funcHandle = 2
	funcOwn    = 3
)

// function is one of a guest's own.
type function struct {
	typ          int
	locals, code string
}

// guest is a reactor that behaves until its tool is called.
type guest struct {
	// attack is the tool: instructions that leave nothing on the stack. A guest
	// whose attack comes back answers "survived".
	attack string
	// locals of the handler, encoded; none by default. Local 0 is the size.
	locals    string
	functions []function // from funcOwn on
	// Further sections, encoded with their ids; empty for none.
	table, globals, start, elements, data string
	memory                                string // the limits, by default one page
	imports                               []string
	exports                               []string
	custom                                string
}

// answer is the code that answers with one of answers.
func answer(i int) string {
	at := answersAt
	for _, a := range answers[:i] {
		at += len(a)
	}
	return i32(int32(at)) + i32(int32(len(answers[i]))) + call(funcAnswer)
}

// when is the code that does something if a message has a byte at an offset.
func when(offset int, c byte, then string) string {
	return i32(int32(messageAt+offset)) + "\x2d\x00\x00" + i32(int32(c)) + "\x46" + ifThen + then + ret + end
}

// wasm assembles the guest. What tells its messages apart is behind
// {"method":" : "server/…", "tools/l…" and "tools/c…".
func (g guest) wasm() []byte {
	handle := i32(messageAt) + call(funcRead) +
		when(11, 's', answer(0)) + when(17, 'l', answer(1)) + g.attack + answer(2)
	types := []int{typeI32}
	bodies := []string{Body(or(g.locals, NoLocals), handle)}
	for _, f := range g.functions {
		types = append(types, f.typ)
		bodies = append(bodies, Body(or(f.locals, NoLocals), f.code))
	}
	indices := make([]string, len(types))
	for i, t := range types {
		indices[i] = Leb(t)
	}
	imports := append([]string{
		Imported("mcpwasm_v1", "message_read", typeI32), Imported("mcpwasm_v1", "answer_write", typeTwo)}, g.imports...)
	exports := append([]string{
		Exported("memory", MemoryExport, 0), Exported("mcpwasm_v1_handle", FuncExport, funcHandle+len(g.imports))}, g.exports...)
	return []byte(Header + g.custom +
		Section(Type, Vector("\x60\x01\x7f\x00", "\x60\x02\x7f\x7f\x00", "\x60\x00\x00", "\x60\x01\x7f\x01\x7f")) +
		Section(Import, Vector(imports...)) +
		Section(Function, Vector(indices...)) +
		g.table +
		Section(Memory, Vector(or(g.memory, "\x00\x01"))) +
		g.globals +
		Section(Export, Vector(exports...)) +
		g.start + g.elements +
		Section(Code, Vector(bodies...)) +
		Section(Data, Vector(append([]string{segment(answersAt, strings.Join(answers[:], ""))}, split(g.data)...)...)))
}

// segment is an active data segment.
func segment(at int32, bytes string) string {
	return "\x00" + i32(at) + end + Name(bytes)
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// repeat makes n strings out of their numbers.
func repeat(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

func numbered(i int) string { return fmt.Sprintf("export%d", i) }
