package egress

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// result is the head of the reply.
type result struct {
	Status        int         `json:"status"`
	Protocol      string      `json:"protocol"`
	URL           string      `json:"url"`
	Headers       [][2]string `json:"headers"`
	ContentLength int64       `json:"contentLength"`
}

// answer sends the response to the guest, as it comes.
func (x *exchange) answer(ctx context.Context, resp *http.Response, reply *effect.Reply) error {
	if err := x.readable(resp); err != nil {
		return err
	}
	limit := x.c.limits.ResponseBytes
	if resp.ContentLength > limit && x.method != http.MethodHead {
		return tooLong(limit)
	}
	if x.c.secrets != nil && x.method != http.MethodHead {
		// Scrubbing may change the length.
		resp.ContentLength = -1
		resp.Header.Del(contentLength)
	}
	head := result{resp.StatusCode, resp.Proto, x.scrub(x.location.String()), x.replyHeaders(resp.Header), resp.ContentLength}
	if err := reply.Head(head); err != nil {
		return replyError{err}
	}
	var r io.Reader = &bounded{ctx: ctx, r: resp.Body, left: limit, limit: limit}
	if x.c.secrets != nil {
		r = x.c.secrets.ScrubReader(r)
	}
	return stream(reply, r)
}

// readable refuses what could hide a secret: the host asks for gzip and unpacks
// it, so that nothing else should be left.
func (x *exchange) readable(resp *http.Response) error {
	coding := strings.TrimSpace(strings.Join(resp.Header.Values(contentEncoding), ","))
	if !x.guarded || coding == "" || strings.EqualFold(coding, "identity") || x.method == http.MethodHead {
		return nil
	}
	return effect.Errorf(plugins.EffectUnreachable,
		"%s answers with the content coding %q: it cannot be looked through for the secret that was sent",
		x.location.authority(), x.scrub(coding))
}

func tooLong(limit int64) *plugins.EffectError {
	return effect.Errorf(plugins.EffectLimit, "the response's body is longer than %d bytes", limit)
}

// bounded gives an error where a body is longer than its limit, and where it ends
// because its time does: a server that sees the connection being closed may still
// end its answer properly, in the midst of what it has to say.
type bounded struct {
	ctx         context.Context // of the request
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return max(n+int(b.left), 0), tooLong(b.limit)
	}
	if err == io.EOF && b.ctx.Err() != nil {
		return n, b.ctx.Err()
	}
	return n, err
}

// replyError is a failure on the guest's side.
type replyError struct{ error }

func (e replyError) Unwrap() error { return e.error }

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// stream writes what is read at once.
func stream(w io.Writer, r io.Reader) error {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return replyError{err}
			}
		}
		if err == io.EOF { // and no error that wraps it: that is a body cut off
			return nil
		}
		if err != nil {
			return err
		}
	}
}
