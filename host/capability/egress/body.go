package egress

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// maxKept bounds the body that is held in memory, to be sent with its length after
// secrets were put in, or to be sent again.
const maxKept = 1 << 20

// body is what the guest sends. The zero value is none.
type body struct {
	r      io.Reader // nil where there is none
	length int64     // -1: not known
	whole  *string   // all of it, where it was kept
	sent   bool
	// problem is why reading ended early, if it did: the transport does not always
	// pass it on.
	problem atomic.Pointer[plugins.EffectError]
}

func newBody(r effect.Request, length *int64, limit int64) (*body, error) {
	switch {
	case length != nil && *length < 0:
		return nil, invalidf("contentLength: is negative")
	case !r.HasBody && length != nil && *length > 0:
		return nil, invalidf("contentLength: there is no body")
	case !r.HasBody:
		return &body{}, nil
	case length != nil && *length > limit:
		return nil, tooLarge(limit)
	}
	b := &body{length: -1}
	if length != nil {
		b.length = *length
	}
	b.r = &counted{r: r.Body, b: b, limit: limit, length: b.length}
	return b, nil
}

func tooLarge(limit int64) *plugins.EffectError {
	return effect.Errorf(plugins.EffectLimit, "the request's body is longer than %d bytes", limit)
}

// counted ends a body that is longer than it may be, or not as long as was said.
type counted struct {
	r             io.Reader
	b             *body
	n             int64
	limit, length int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	switch {
	case c.n > c.limit:
		return c.fail(tooLarge(c.limit))
	case c.length >= 0 && (c.n > c.length || err == io.EOF && c.n < c.length):
		return c.fail(invalidf("contentLength: is %d, and the body has another length", c.length))
	case err != nil && err != io.EOF:
		return c.fail(effect.Errorf(plugins.EffectFailed, "the request's body broke off"))
	}
	return n, err
}

func (c *counted) fail(e *plugins.EffectError) (int, error) {
	c.b.problem.Store(e)
	return 0, e
}

// start makes reading end with ctx. A guest may take as long as it likes between
// two bytes, and net/http waits for a Read that it has begun.
func (b *body) start(ctx context.Context) {
	if b.r == nil {
		return
	}
	from := b.r
	r, w := io.Pipe()
	b.r = r
	go func() {
		_, err := io.Copy(w, from)
		w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
}

// keep reads the body into memory, unless it is too large for that.
func (b *body) keep() error {
	if b.r == nil {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(b.r, maxKept+1))
	text := string(data)
	if len(text) <= maxKept {
		b.whole = &text
	} else {
		b.r = io.MultiReader(strings.NewReader(text), b.r)
	}
	return err
}

// again reports whether the body can be sent (once more).
func (b *body) again() bool { return b.r == nil || b.whole != nil || !b.sent }

// setBody gives a request its body, secrets in place.
func (x *exchange) setBody(ctx context.Context, req *http.Request) error {
	b := x.body
	if b.r == nil {
		return nil
	}
	escape := escapeFor(req.Header.Get(contentType))
	if b.whole != nil {
		text, err := x.expand(ctx, x.use(placeOfBody, escape), *b.whole)
		if err != nil {
			return err
		}
		req.ContentLength = int64(len(text))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		if req.Body = http.NoBody; text != "" {
			req.Body, _ = req.GetBody()
		}
		return nil
	}
	b.sent = true
	var r io.Reader = permitted{ctx, b.r, x.permission}
	req.ContentLength = b.length
	if x.may() {
		r, req.ContentLength = x.c.secrets.ExpandReader(ctx, x.use(placeOfBody, escape), r), -1
		x.secret = true // nobody knows before it was sent
	}
	req.Body = io.NopCloser(noting{r, b}) // it ends with ctx
	if req.ContentLength == 0 {
		req.ContentLength = -1 // 0 with a body is "not known" to net/http, which would wait
	}
	return nil
}

// noting keeps why a body ended early.
type noting struct {
	r io.Reader
	b *body
}

func (n noting) Read(p []byte) (int, error) {
	count, err := n.r.Read(p)
	if e, ok := errors.AsType[*plugins.EffectError](err); ok {
		n.b.problem.Store(e)
	}
	return count, err
}

// escapeFor returns how a value is written within a body of the given type.
func escapeFor(contentType string) func(string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return nil
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return escapeJSON
	case kind == "application/x-www-form-urlencoded":
		return url.QueryEscape
	}
	return nil
}

// escapeJSON writes a text as it stands within the quotes of a JSON string.
func escapeJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return "" // a string always encodes
	}
	return string(quoted[1 : len(quoted)-1])
}
