package pdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// Effects is a host for tests: it performs what a server asks for, as
// docs/guest-contract.md says ("Effects"). The zero value denies everything. It
// takes the words of the contract strictly, but grants whole capabilities only:
// which hosts a request may go to is not tested here.
type Effects struct {
	// HTTP makes the requests. Nil denies them. http.DefaultTransport reaches an
	// httptest.Server.
	HTTP http.RoundTripper
	// KV holds keys and values. Nil denies them.
	KV *KV
	// Secrets are values by name. A handle is put in only in headers, and to any
	// host. Others are denied.
	Secrets map[string]string
}

// call is one request of a guest.
type call struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Body   bool            `json:"body"`

	body io.Reader
	w    io.Writer
}

// Open is an effect.Opener.
func (e *Effects) Open(ctx context.Context, request []byte) (effect.Conn, error) {
	c := &call{}
	if err := strict(request, c); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	body, bodyIn := io.Pipe()
	replyOut, reply := io.Pipe()
	c.body, c.w = body, reply
	if !c.Body {
		_ = bodyIn.Close()
	}
	go func() {
		defer cancel()
		err := e.perform(ctx, c)
		// What the guest still sends is not waited for.
		_ = body.CloseWithError(io.ErrClosedPipe)
		_ = reply.CloseWithError(err)
	}()
	return &conn{replyOut, bodyIn, cancel}, nil
}

// conn is the guest's end of an effect.
type conn struct {
	*io.PipeReader
	body   *io.PipeWriter
	cancel context.CancelFunc
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) { return c.body.Write(p) }

// CloseWrite implements effect.Conn.
func (c *conn) CloseWrite() error { return c.body.Close() }

// Close implements io.Closer.
func (c *conn) Close() error {
	c.cancel()
	_ = c.body.CloseWithError(io.ErrUnexpectedEOF)
	return c.PipeReader.CloseWithError(io.ErrClosedPipe)
}

// perform answers a request; its error breaks the reply off.
func (e *Effects) perform(ctx context.Context, c *call) error {
	err := e.dispatch(ctx, c)
	if told := (*effect.Error)(nil); errors.As(err, &told) {
		return writeLine(c.w, map[string]any{"error": told})
	}
	return err
}

func (e *Effects) dispatch(ctx context.Context, c *call) error {
	area, _, _ := strings.Cut(c.Method, "/")
	switch {
	case c.Method == "http/request" && e.HTTP != nil:
		return e.request(ctx, c)
	case c.Method == "http/request":
		return denied("--allow-http HOST", "http is not granted")
	case area == "kv" && e.KV != nil:
		return e.KV.perform(c)
	case area == "kv":
		return denied("--kv", "the key-value store is not granted")
	case c.Method == "secret/handle":
		return e.secret(c)
	}
	return invalid("unknown method %q", c.Method)
}

func (e *Effects) secret(c *call) error {
	var p struct {
		Name string `json:"name"`
	}
	if err := strict(c.Params, &p); err != nil {
		return err
	}
	if _, ok := e.Secrets[p.Name]; !ok {
		return denied("--secret "+p.Name+"=…", "secret %q is not granted", p.Name)
	}
	return reply(c.w, map[string]string{"handle": handle(p.Name)})
}

// handle returns what stands for a secret.
func handle(name string) string { return fmt.Sprintf("handle_%x_", name) }

// expand puts secrets in the place of their handles.
func (e *Effects) expand(s string) string {
	for name, value := range e.Secrets {
		s = strings.ReplaceAll(s, handle(name), value)
	}
	return s
}

// strict decodes an object with known members.
func strict(raw []byte, v any) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return invalid("%v", err)
	}
	return nil
}

func reply(w io.Writer, result any) error { return writeLine(w, map[string]any{"result": result}) }

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func invalid(format string, args ...any) error {
	return &effect.Error{Kind: effect.ErrInvalid, Message: fmt.Sprintf(format, args...)}
}

func denied(grant, format string, args ...any) error {
	return &effect.Error{Kind: effect.ErrDenied, Message: fmt.Sprintf(format, args...), Grant: grant}
}
