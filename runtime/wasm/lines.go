package wasm

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/mcpwasm/mcpwasm/runtime"
)

// lines takes what a guest writes to its standard error and hands it on line by
// line, up to a number of bytes for each message.
type lines struct {
	most int
	emit func(string) // may be nil

	mu      sync.Mutex
	left    int
	dropped int
	partial []byte
	tail    string // the last line that was not empty
	cause   string // the first line of a message that begins as Go's fatal errors do
}

func newLines(most int, emit func(string)) *lines {
	if emit == nil {
		emit = func(string) {}
	}
	return &lines{most: most, left: most, emit: emit}
}

// maxLine bounds a line that is never ended.
const maxLine = 8 << 10

// Write never fails: what is too much is dropped and counted.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := b[:min(len(b), l.left)]
	l.left -= len(keep)
	l.dropped += len(b) - len(keep)
	for len(keep) > 0 {
		n := bytes.IndexByte(keep, '\n')
		if n < 0 {
			n = len(keep)
		}
		n = min(n, maxLine-len(l.partial))
		l.partial = append(l.partial, keep[:n]...)
		keep = keep[n:]
		ended := len(keep) > 0 && keep[0] == '\n'
		if ended {
			keep = keep[1:]
		}
		if ended || len(l.partial) == maxLine {
			l.flush()
		}
	}
	return len(b), nil
}

func (l *lines) flush() {
	line := strings.TrimSuffix(string(l.partial), "\r")
	l.partial = l.partial[:0]
	if strings.TrimSpace(line) != "" {
		l.tail = line
	}
	for _, p := range []string{"panic: ", "fatal error: ", "runtime: "} {
		if strings.HasPrefix(line, p) && l.cause == "" {
			l.cause = line
		}
	}
	l.emit(line)
}

// end is the end of a message: a line without its newline is handed on, what
// was dropped is told, and the next message has the full amount again.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.flush()
	}
	if l.dropped > 0 {
		l.emit(fmt.Sprintf("… %d more bytes were dropped (limit stderr=%s)", l.dropped, runtime.FormatBytes(l.most)))
	}
	l.left, l.dropped = l.most, 0
	l.cause = ""
}

// last returns the line that is likely to say why the guest ended: Go's panic
// message rather than the stack after it, else the last line.
func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.cause != "":
		return l.cause
	case len(bytes.TrimSpace(l.partial)) > 0:
		return string(l.partial)
	}
	return l.tail
}

// fatal returns the first line that reads like the end of a Go program, or "".
func (l *lines) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}
