// Command reactor is a guest that behaves as the name of the tool says.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
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

// calls counts the messages that this instance has seen.
var calls int

func answer(s string) { answerWrite(unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))) }

func send(s string) uint32 { return notify(unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))) }

func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return recurse(n+1) + 1
}

var sink [][]byte

//go:wasmexport mcpwasm_v1_handle
func handle(size uint32) {
	b := make([]byte, size)
	messageRead(unsafe.Pointer(unsafe.SliceData(b)))
	var m struct {
		Method string
		Params struct {
			Name      string
			Arguments map[string]any
		}
	}
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	calls++
	act(m.Params.Name, string(b))
}

func act(name, message string) {
	switch name {
	case "echo":
		answer(`{"result":{"message":` + message + `}}`)
	case "calls":
		answer(fmt.Sprintf(`{"result":{"calls":%d,"resultType":"x"}}`, calls))
	case "env":
		b, _ := json.Marshal(map[string]any{"args": os.Args, "env": os.Environ(), "year": time.Now().Year()})
		answer(`{"result":` + string(b) + `}`)
	case "error":
		answer(`{"error":{"code":-5,"message":"no","data":[1]}}`)
	case "loop":
		for {
		}
	case "silent":
	case "twice":
		answer(`{"result":{}}`)
		answer(`{"result":{}}`)
	case "garbage":
		answer(`{"result":`)
	case "noanswer":
		answer(`{"result":{},"error":{"code":1,"message":""}}`)
	case "exit":
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(7)
	case "panic":
		panic("on purpose")
	case "null":
		answerWrite(unsafe.Pointer(uintptr(0xfffffff0)), 100)
	case "recurse":
		recurse(0)
	case "hog":
		for {
			sink = append(sink, make([]byte, 1<<20))
		}
	case "huge":
		answer(`{"result":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`)
	case "flood":
		for {
			send(`{"method":"notifications/message","params":{"level":"info","data":"` + strings.Repeat("x", 1000) + `"}}`)
		}
	case "stderr":
		for range 1000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("y", 99))
		}
		answer(`{"result":{}}`)
	case "notify":
		taken := []uint32{
			send(`{"method":"notifications/progress","params":{"progress":1}}`),
			send(`{"method":"notifications/tools/list_changed"}`),
			send(`{"method":"tools/call"}`),
			send(`{"method":"notifications/message","params":[]}`),
			send(`{"method":"notifications/message","id":1}`),
			send(`nonsense`),
			send(`{"method":"notifications/message","params":{}}`),
		}
		b, _ := json.Marshal(taken)
		answer(`{"result":{"taken":` + string(b) + `}}`)
	case "sleep":
		time.Sleep(time.Hour)
	case "nap":
		time.Sleep(time.Millisecond)
		answer(`{"result":{}}`)
	case "polite":
		for cancelled() == 0 {
		}
		answer(`{"result":{}}`)
	}
}
