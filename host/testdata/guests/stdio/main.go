// Command stdio is an ordinary program that speaks MCP of 2026-07-28 on its
// standard streams, and behaves well or badly as the names of its tools say. An
// argument makes it fail before that.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type request struct {
	ID     json.RawMessage
	Method string
	Params struct{ Name string }
}

// names are the tools, in no order.
var names = []string{"ok", "garbage", "twice", "otherid", "noise", "babble", "silent", "loop", "exit", "trap", "hog", "huge", "flood", "stderr"}

const done = `{"resultType":"complete","content":[{"type":"text","text":"ok"}]}`

func main() {
	mode := ""
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
	case "start-banner":
		fmt.Println("Welcome to the server!")
	case "start-stderr":
		for range 10_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("y", 99))
		}
	}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var r request
		if json.Unmarshal([]byte(line), &r) == nil && r.ID != nil {
			serve(r, mode)
		}
	}
}

func respond(id json.RawMessage, result string) {
	fmt.Println(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":` + result + `}`)
}

func serve(r request, mode string) {
	switch {
	case mode == "nonsense":
		respond(r.ID, `{"answer":42}`)
	case mode == "future":
		respond(r.ID, `{"supportedVersions":["2031-01-01"],"capabilities":{}}`)
	case r.Method == "server/discover":
		respond(r.ID, `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},`+
			`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"stdio","version":"1"}}}`)
	case r.Method == "tools/list":
		list(r.ID)
	case r.Method == "tools/call":
		call(r)
	default:
		fmt.Println(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"error":{"code":-32601,"message":"Method not found: ` + r.Method + `"}}`)
	}
}

func list(id json.RawMessage) {
	defs := make([]string, len(names))
	for i, n := range names {
		defs[i] = `{"name":"` + n + `","inputSchema":{"type":"object"}}`
	}
	respond(id, `{"resultType":"complete","tools":[`+strings.Join(defs, ",")+`]}`)
}

var sink [][]byte

func call(r request) {
	switch r.Params.Name {
	case "ok":
		respond(r.ID, done)
	case "garbage":
		fmt.Println(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":`)
	case "twice":
		respond(r.ID, done)
		respond(r.ID, `{"resultType":"complete","content":[{"type":"text","text":"and again"}]}`)
	case "otherid":
		respond(json.RawMessage(`987654321`), done)
	case "noise":
		fmt.Println("just talking")
		respond(r.ID, done)
	case "babble":
		for range 1000 {
			fmt.Println("just talking")
		}
	case "silent":
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
		respond(r.ID, `{"resultType":"complete","x":"`+strings.Repeat("x", 1<<20)+`"}`)
	case "flood":
		for range 20_000 {
			fmt.Println(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"` + strings.Repeat("x", 1000) + `"}}`)
		}
		respond(r.ID, done)
	case "stderr":
		for range 10_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("y", 99))
		}
		respond(r.ID, done)
	}
}
