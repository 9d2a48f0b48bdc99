package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/fold"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// What a server may print between two answers that is no message.
const (
	noiseLines = 64
	noiseBytes = 64 << 10
	noiseCut   = 1 << 10
)

type noiseCount struct{ lines, bytes int }

var errLong = errors.New("line too long")

// read is the reading goroutine: it ends with the stream.
func (p *Peer) read(r io.Reader) {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(br, p.limits.AnswerBytes+envelope)
		switch {
		case errors.Is(err, errLong):
			p.failRunning(p.limitError("answer", p.limits.AnswerBytes, "it wrote a line that is longer"))
			continue
		case len(line) > 0:
			p.takeLine(line)
		}
		if err != nil {
			p.fail(p.endError(err))
			return
		}
	}
}

func (p *Peer) endError(err error) *runtime.GuestError {
	if errors.Is(err, io.EOF) {
		return p.guestError(runtime.KindExit, "it ended (its standard output was closed)")
	}
	return p.guestError(runtime.KindExit, "its standard output could not be read: %v", err)
}

// readLine returns the next line, in memory of its own and without white space
// around it. A line of more than limit bytes is skipped: errLong. The last line
// may come with the stream's error.
func readLine(br *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := br.ReadSlice('\n')
		if long = long || len(line)+len(part) > limit; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && err == nil {
			err = errLong
		}
		return bytes.TrimSpace(line), err
	}
}

// takeLine takes one line of the server's output that is not empty.
func (p *Peer) takeLine(line []byte) {
	switch {
	case p.ended():
	case line[0] == '{':
		p.takeObject(line)
	case line[0] == '[' && p.spoken().version == "2025-03-26" && wire.Check(line) == nil:
		p.takeBatch(line)
	default:
		p.takeNoise(line)
	}
}

// takeBatch takes a JSON-RPC batch, which servers of 2025-03-26 may send
// (2025-03-26, basic/index, "Batching").
func (p *Peer) takeBatch(line []byte) {
	parts, err := wire.ParseArray(line)
	if err != nil {
		p.takeNoise(line)
		return
	}
	for _, part := range parts {
		p.takeObject(bytes.Clone(part)) // what is kept of it must not keep the whole line
	}
}

func (p *Peer) takeObject(line []byte) {
	m, err := wire.ParseMessage(line)
	if err != nil {
		p.takeMalformed(line, m, err)
		return
	}
	switch m.Kind {
	case wire.Response:
		p.takeAnswer(m)
	case wire.Request:
		p.takeRequest(m)
	case wire.Notification:
		p.takeNotification(m, len(line))
	}
}

// takeMalformed takes a line that starts like a message and is none.
func (p *Peer) takeMalformed(line []byte, m wire.Message, err error) {
	if o, ok := parseLine(line); ok && !looksLikeRPC(o) {
		p.takeNoise(line)
		return
	}
	detail := p.guestError(runtime.KindProtocol, "it answered with what is no answer: %s", plainError(err))
	if k := p.callByID(m.ID); k != nil {
		p.finish(k, plugins.Answer{}, k.errorFor(detail))
		return
	}
	p.failRunning(detail)
}

func parseLine(line []byte) (wire.Object, bool) {
	if wire.Check(line) != nil {
		return wire.Object{}, false
	}
	o, err := wire.ParseObject(line)
	return o, err == nil
}

// looksLikeRPC reports whether any of JSON-RPC's members is there, however it
// is spelled. Servers that log JSON to their output write objects without.
func looksLikeRPC(o wire.Object) bool {
	for _, m := range o.Members() {
		switch fold.Simple(m.Name) {
		case "jsonrpc", "id", "method", "result", "error":
			return true
		}
	}
	return false
}

// plainError returns an error's text without JSON-RPC's code.
func plainError(err error) string {
	var e *plugins.Error
	if errors.As(err, &e) {
		return cut(e.Message)
	}
	return cut(err.Error())
}

// cut makes a server's text fit for one line of an error.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "") + "…"
	}
	q := strconv.Quote(s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

// takeNoise counts a line that is no message, and ends a server that prints too
// many.
func (p *Peer) takeNoise(line []byte) {
	p.noise.lines++
	p.noise.bytes += len(line)
	if p.cfg.Noise != nil {
		p.cfg.Noise(strings.ToValidUTF8(string(line[:min(len(line), noiseCut)]), "\uFFFD"))
	}
	if p.noise.lines > noiseLines || p.noise.bytes > noiseBytes {
		p.fail(p.guestError(runtime.KindProtocol, "it prints to its standard output what is no MCP message, more than %d lines or %d bytes: %s",
			noiseLines, noiseBytes, cut(string(line))))
	}
}

// takeAnswer takes a response to one of our requests.
func (p *Peer) takeAnswer(m wire.Message) {
	p.noise = noiseCount{}
	if m.ID.IsZero() {
		p.failRunning(p.guestError(runtime.KindProtocol, "%s", withoutID(m.Answer)))
		return
	}
	if k := p.callByID(m.ID); k != nil && !p.answered(k) {
		if a := p.fromServer(k, m.Answer); !p.hold(k, a) {
			p.finish(k, a, nil)
		}
		return
	}
	id, ok := intID(m.ID)
	p.mu.Lock()
	asked := ok && id > 0 && id <= p.lastID
	late := asked && p.gone.take(id)
	p.mu.Unlock()
	switch {
	case late:
	case asked:
		p.fault("it answered the id %d a second time", id)
	default:
		p.failRunning(p.guestError(runtime.KindProtocol, "it answered the id %s, which it was never asked", cut(string(m.ID))))
	}
}

// withoutID says what an answer without an id means: an error has none when the
// request's could not be read (JSON-RPC 2.0, section 5).
func withoutID(a plugins.Answer) string {
	if a.Error == nil {
		return "it answered without an id"
	}
	return "it could not read a message: " + cut(a.Error.Message)
}

func intID(id wire.ID) (int64, bool) {
	n, err := strconv.ParseInt(string(id), 10, 64)
	return n, err == nil
}
