// Command reactor is a guest of contract v1, without a PDK, whose tools behave
// well or badly as their names say. An argument makes it fail before that.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

//go:wasmimport mcpwasm_v1 message_read
func messageRead(ptr unsafe.Pointer)

//go:wasmimport mcpwasm_v1 answer_write
func answerWrite(ptr unsafe.Pointer, n uint32)

//go:wasmimport mcpwasm_v1 notify
func notify(ptr unsafe.Pointer, n uint32) uint32

//go:wasmimport mcpwasm_v1 cancelled
func cancelled() uint32

func main() {}

// mode is how the guest fails at its start or in its handshake, "" for not at
// all.
var mode string

func init() {
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "start-hang":
		for {
		}
	case "start-exit":
		fmt.Fprintln(os.Stderr, "no licence")
		os.Exit(3)
	case "start-trap":
		panic("not today")
	}
}

// names are the tools, in no order.
var names = []string{"ok", "raw", "fail", "wait", "garbage", "twice", "silent", "noise", "loop", "exit", "trap", "hog", "huge", "flood", "stderr"}

type message struct {
	Method string
	Params struct {
		Name      string
		Arguments json.RawMessage
		Meta      struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
}

const done = `{"result":{"content":[{"type":"text","text":"ok"}]}}`

func answer(s string) { answerWrite(unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))) }

func send(s string) uint32 { return notify(unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))) }

//go:wasmexport mcpwasm_v1_handle
func handle(size uint32) {
	b := make([]byte, size)
	messageRead(unsafe.Pointer(unsafe.SliceData(b)))
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	switch m.Method {
	case "server/discover":
		discover()
	case "tools/list":
		list()
	case "tools/call":
		call(m)
	default:
		answer(`{"error":{"code":-32601,"message":"Method not found: ` + m.Method + `"}}`)
	}
}

func discover() {
	switch mode {
	case "discover-nonsense":
		answer(`{"result":{"capabilities":"all of them"}}`)
	case "discover-garbage":
		answer(`capabilities`)
	case "discover-error":
		answer(`{"error":{"code":-5,"message":"not in the mood"}}`)
	case "discover-loop":
		for {
		}
	default:
		answer(`{"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},` +
			`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"reactor","version":"1"}}}}`)
	}
}

// echo is the only tool in the mode of its name: it answers with its arguments as they
// arrived, as text.
const echo = `{"name":"echo","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"n":{"type":"integer"},` +
	`"x":{"type":"number"},"options":{"type":"object","properties":{"mode":{"type":"string"}}},"any":{}}}}`

// list gives definitions with fields that no host knows.
func list() {
	if mode == "echo" {
		answer(`{"result":{"tools":[` + echo + `]}}`)
		return
	}
	defs := make([]string, len(names))
	for i, n := range names {
		defs[i] = `{"name":"` + n + `","inputSchema":{"type":"object","x-limit":9007199254740993},"x-unknown":[1e400,null]}`
	}
	answer(`{"result":{"tools":[` + strings.Join(defs, ",") + `]}}`)
}

var sink [][]byte

func call(m message) {
	var arguments struct{ Result, Error json.RawMessage }
	if len(m.Params.Arguments) > 0 {
		if err := json.Unmarshal(m.Params.Arguments, &arguments); err != nil {
			panic(err)
		}
	}
	switch m.Params.Name {
	case "ok":
		answer(done)
	case "echo":
		text, err := json.Marshal(string(m.Params.Arguments))
		if err != nil {
			panic(err)
		}
		answer(`{"result":{"content":[{"type":"text","text":` + string(text) + `}]}}`)
	case "raw":
		answer(`{"result":` + string(arguments.Result) + `}`)
	case "fail":
		answer(`{"error":` + string(arguments.Error) + `}`)
	case "wait":
		send(`{"method":"notifications/progress","params":{"progressToken":` + string(m.Params.Meta.ProgressToken) + `,"progress":1}}`)
		for cancelled() == 0 {
		}
		fmt.Fprintln(os.Stderr, "the call was cancelled")
		answer(done)
	default:
		misbehave(m.Params.Name)
	}
}

func misbehave(name string) {
	switch name {
	case "garbage":
		answer(`{"result":`)
	case "twice":
		answer(done)
		answer(done)
	case "silent":
	case "noise":
		fmt.Println(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		answer(done)
	case "loop":
		for {
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(7)
	case "trap":
		panic("on purpose")
	case "hog":
		for {
			sink = append(sink, make([]byte, 1<<20))
		}
	case "huge":
		answer(`{"result":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`)
	case "flood":
		for {
			send(`{"method":"notifications/message","params":{"level":"error","data":"` + strings.Repeat("x", 1000) + `"}}`)
		}
	case "stderr":
		for range 10_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("y", 99))
		}
		answer(done)
	}
}
