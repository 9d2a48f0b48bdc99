package cli_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
)

// The modules that the scripts need beside the samples are assembled here:
// nothing that a toolchain builds is as small, or as broken.

func leb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func name(s string) string { return leb(len(s)) + s }

func section(id byte, content string) string { return string(id) + leb(len(content)) + content }

func vector(elems ...string) string { return leb(len(elems)) + strings.Join(elems, "") }

// i32 is i32.const of a number below 64.
func i32(n byte) string { return "\x41" + string(n) }

func word(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// reactor returns a module whose handler has the given body and whose memory
// begins with data. The types are 0: (i32), 1: (i32, i32), 2: (i32 × 4) → i32.
func reactor(body, data string, imports ...string) string {
	code := "\x00" + body + "\x0b" // no locals
	return "\x00asm\x01\x00\x00\x00" +
		section(1, vector("\x60\x01\x7f\x00", "\x60\x02\x7f\x7f\x00", "\x60\x04\x7f\x7f\x7f\x7f\x01\x7f")) +
		section(2, vector(imports...)) +
		section(3, vector("\x00")) +
		section(5, vector("\x00\x01")) +
		section(7, vector(name("memory")+"\x02\x00", name("mcpwasm_v1_handle")+"\x00"+leb(len(imports)))) +
		section(10, vector(leb(len(code))+code)) +
		section(11, vector("\x00"+i32(0)+"\x0b"+name(data)))
}

// writeModules writes the modules into a folder: strange imports what no host
// has; failing writes a line to its standard error and answers everything with
// an error; trapping writes twelve lines and traps.
func writeModules(dir string) error {
	const line, answer = "the key is missing\n", `{"error":{"code":-32603,"message":"no weather today"}}`
	lines := strings.Repeat("at first\n", 2) + strings.Repeat("it goes on\n", 9) + line
	// The vector for fd_write and room for what it wrote stand before the text.
	written := func(text string) string { return word(12) + word(len(text)) + word(0) + text }
	imports := []string{
		name("mcpwasm_v1") + name("answer_write") + "\x00\x01",
		name("wasi_snapshot_preview1") + name("fd_write") + "\x00\x02",
	}
	write := i32(2) + i32(0) + i32(1) + i32(8) + "\x10\x01" + "\x1a"
	for file, module := range map[string]string{
		"strange.wasm":  reactor("", "", name("env")+name("nothing")+"\x00\x00"),
		"failing.wasm":  reactor(write+i32(12+byte(len(line)))+i32(byte(len(answer)))+"\x10\x00", written(line)+answer, imports...),
		"trapping.wasm": reactor(write+"\x00", written(lines), imports...),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(module), 0o600); err != nil {
			return err
		}
	}
	return nil
}
