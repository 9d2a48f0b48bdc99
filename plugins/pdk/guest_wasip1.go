//go:build wasip1

package pdk

import (
	"context"
	"unsafe"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// The functions of the host, docs/guest-contract.md, "Imports".

//go:wasmimport mcpwasm_v1 message_read
//go:noescape
func messageRead(ptr unsafe.Pointer)

//go:wasmimport mcpwasm_v1 answer_write
//go:noescape
func answerWrite(ptr unsafe.Pointer, size int32)

//go:wasmimport mcpwasm_v1 notify
//go:noescape
func hostNotify(ptr unsafe.Pointer, size int32) int32

//go:wasmimport mcpwasm_v1 cancelled
//go:noescape
func hostCancelled() int32

// inbox holds the message that is worked on. It is kept between messages, as
// long as it is not large.
var inbox []byte

// keepInbox is the largest inbox that is kept, in bytes.
const keepInbox = 1 << 20

// handleV1 is the export by which the host has one message of the given size
// answered.
//
//go:wasmexport mcpwasm_v1_handle
func handleV1(size int32) {
	message := takeMessage(int(size))
	ctx, end := WithHost(context.Background(), Host{
		Notify:    func(b []byte) bool { return hostNotify(unsafe.Pointer(unsafe.SliceData(b)), int32(len(b))) == 0 },
		Cancelled: func() bool { return hostCancelled() != 0 },
	})
	b := answer(ctx, served, message)
	end()
	effect.CloseAll()
	answerWrite(unsafe.Pointer(unsafe.SliceData(b)), int32(len(b)))
	if cap(inbox) > keepInbox {
		inbox = nil
	}
}

func takeMessage(size int) []byte {
	if cap(inbox) < size {
		inbox = make([]byte, size, max(size, 4<<10))
	}
	message := inbox[:size]
	messageRead(unsafe.Pointer(unsafe.SliceData(message)))
	return message
}
