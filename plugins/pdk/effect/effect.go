package effect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxRequestBytes bounds a request without its body.
const MaxRequestBytes = 128 << 10

// Conn is one effect under way. Reading gives the reply, writing takes the
// request's body, CloseWrite says that the body is complete. Close gives up what
// is not done, and ends reads and writes that wait.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Opener starts an effect. request is one JSON object {"method":…,"params":…,
// "body":…}, which the opener may keep.
type Opener func(ctx context.Context, request []byte) (Conn, error)

type openerKey struct{}

// WithOpener returns a context in which effects are opened by open and not by
// the host that the program runs in.
func WithOpener(ctx context.Context, open Opener) context.Context {
	return context.WithValue(ctx, openerKey{}, open)
}

// Do performs an effect. params is a value that encodes as a JSON object, or nil.
// body follows the request, unless it is nil; it is read while the reply may
// already be coming in, and closed if it is an io.Closer, in any case.
//
// The result is the reply's JSON object, reply the bytes that come after it. The
// caller closes reply; reading it to its end will do. An error is an [*Error], the
// context's cause, or that of reading body. Ending ctx ends the effect,
// the reading of reply included.
//
// At most 64 effects are open at once. Do waits for one of them to be closed
// before it opens another.
func Do(ctx context.Context, method string, params any, body io.Reader) (result json.RawMessage, reply io.ReadCloser, err error) {
	x := &exchange{ctx: ctx, body: body}
	result, err = x.start(method, params)
	if err != nil {
		err = x.reason(err)
		x.end()
		return nil, nil, err
	}
	return result, x, nil
}

// start sends the request and reads the reply's first line.
func (x *exchange) start(method string, params any) (json.RawMessage, error) {
	request, err := encodeRequest(method, params, x.body != nil)
	if err != nil {
		return nil, err
	}
	if err := x.open(request); err != nil {
		return nil, err
	}
	if x.body != nil {
		go x.send()
	}
	line, err := x.r.ReadBytes('\n')
	if err != nil {
		return nil, brokenOff(err)
	}
	return parseHead(line)
}

func encodeRequest(method string, params any, body bool) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Method string `json:"method"`
		Params any    `json:"params,omitempty"`
		Body   bool   `json:"body,omitempty"`
	}{method, params, body})
	switch {
	case err != nil:
		return nil, &Error{Kind: ErrInvalid, Message: fmt.Sprintf("encode %s: %v", method, err)}
	case b.Len() > MaxRequestBytes:
		return nil, &Error{Kind: ErrLimit, Message: fmt.Sprintf("%s: a request has at most %d bytes before its body, this one has %d", method, MaxRequestBytes, b.Len())}
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// parseHead reads a reply's first line: an object with either result or error.
func parseHead(line []byte) (json.RawMessage, error) {
	var head struct {
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
	}
	err := json.Unmarshal(line, &head)
	if err == nil && (head.Error == nil) == (head.Result == nil) {
		err = errors.New("want either result or error")
	}
	if err == nil && head.Error == nil && !bytes.HasPrefix(head.Result, []byte("{")) {
		err = errors.New("the result is no object")
	}
	switch {
	case err != nil:
		return nil, &Error{Kind: ErrFailed, Message: fmt.Sprintf("the host's reply makes no sense: %v", err)}
	case head.Error != nil:
		return nil, head.Error
	}
	return head.Result, nil
}

// opener returns what opens effects in ctx.
func opener(ctx context.Context) Opener {
	if open, ok := ctx.Value(openerKey{}).(Opener); ok && open != nil {
		return open
	}
	return openHost
}

// brokenOff says what the end of a reply in the wrong place means.
func brokenOff(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the host's reply broke off: %w", err)
}
