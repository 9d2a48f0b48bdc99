// Command effectreactor is a reactor that asks its host for things.
package main

import (
	"encoding/json"
	"unsafe"

	"github.com/mcpwasm/mcpwasm/runtime/wasm/testdata/guests/effects"
)

//go:wasmimport mcpwasm_v1 message_read
func messageRead(ptr unsafe.Pointer)

//go:wasmimport mcpwasm_v1 answer_write
func answerWrite(ptr unsafe.Pointer, n uint32)

func init() { effects.Start() }

func main() {}

//go:wasmexport mcpwasm_v1_handle
func handle(size uint32) {
	b := make([]byte, size)
	messageRead(unsafe.Pointer(unsafe.SliceData(b)))
	var m struct {
		Params struct {
			Name      string
			Arguments effects.Args
		}
	}
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	answer := `{"result":` + effects.Act(m.Params.Name, m.Params.Arguments) + `}`
	answerWrite(unsafe.Pointer(unsafe.StringData(answer)), uint32(len(answer)))
}
