package front

import (
	"sync"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// batch collects the answers to an array of messages (MCP 2025-03-26,
// basic/index, "Batches") and writes them as one array.
type batch struct {
	write func([]byte) error // called once; nil where nothing is answered

	mu      sync.Mutex
	waiting int
	out     []byte
}

func newBatch(n int, write func([]byte) error) *batch {
	return &batch{write: write, waiting: n}
}

// done takes the answer to one message, which may be none.
func (b *batch) done(id wire.ID, a plugins.Answer) {
	if noAnswer(a) {
		b.skip()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sep := byte(',')
	if len(b.out) == 0 {
		sep = '['
	}
	b.out = wire.Message{Kind: wire.Response, ID: id, Answer: a}.Append(append(b.out, sep))
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
	out := b.out
	if len(out) > 0 {
		out = append(out, ']')
	}
	// A client that is gone is told of nowhere.
	_ = b.write(out)
}
