package front

import (
	"bytes"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// batch collects the answers to an array of messages (MCP 2025-03-26,
// basic/index, "Batches") and writes them as one array, in the order of the messages.
type batch struct {
	write func([]byte) error // called once; nil where nothing is answered

	mu      sync.Mutex
	waiting int
	answers [][]byte // by the message's place; nil where there is none
}

func newBatch(n int, write func([]byte) error) *batch {
	return &batch{write: write, waiting: n, answers: make([][]byte, n)}
}

// done takes the answer to the message at a place, which may be none.
func (b *batch) done(place int, id wire.ID, a plugins.Answer) {
	if noAnswer(a) {
		b.skip()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[place] = wire.Message{Kind: wire.Response, ID: id, Answer: a}.Append(nil)
	b.finish()
}

// skip counts a message that gets no answer.
func (b *batch) skip() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish()
}

func (b *batch) finish() {
	b.waiting--
	if b.waiting > 0 {
		return
	}
	var out []byte
	answers := slices.DeleteFunc(b.answers, func(a []byte) bool { return a == nil })
	if len(answers) > 0 {
		out = slices.Concat([]byte{'['}, bytes.Join(answers, []byte{','}), []byte{']'})
	}
	// A client that is gone is told of nowhere.
	_ = b.write(out)
}
