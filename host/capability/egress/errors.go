package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// explain puts an error into words for the guest. x is nil where there was no
// request yet.
func explain(err error, x *exchange) *plugins.EffectError {
	if x != nil && x.body != nil {
		if e := x.body.problem.Load(); e != nil {
			return clone(e)
		}
	}
	if e, ok := errors.AsType[*plugins.EffectError](err); ok {
		return clone(e)
	}
	if _, ok := errors.AsType[replyError](err); ok {
		return effect.Errorf(plugins.EffectFailed, "the reply could not be written")
	}
	if x == nil {
		return effect.Errorf(plugins.EffectFailed, "the request could not be made")
	}
	kind, cause := x.cause(err)
	return effect.Errorf(kind, "%s: %s", x.location.authority(), cause)
}

// clone copies an error that others may hold, so that it can be scrubbed.
func clone(e *plugins.EffectError) *plugins.EffectError {
	c := *e
	return &c
}

// cause is the kind of an error of the network and what it says.
func (x *exchange) cause(err error) (kind, text string) {
	if x.c.closed.Err() != nil {
		return plugins.EffectFailed, "the server is being stopped"
	}
	if errors.Is(err, context.Canceled) {
		return plugins.EffectFailed, "the call was cancelled"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return plugins.EffectTimeout, "took too long"
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return plugins.EffectUnreachable, "there is no such name"
		}
		return plugins.EffectUnreachable, "the name could not be resolved"
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return plugins.EffectUnreachable, "its certificate is not valid: " + x.plain(e.Err.Error())
	}
	text = err.Error()
	// Neither version of the protocol has a type for it (TestHeaderFlood).
	if strings.Contains(text, "response headers exceeded") || strings.Contains(text, "header list larger than") {
		return plugins.EffectLimit, "the response's headers are too large"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return plugins.EffectUnreachable, "it closed the connection"
	}
	return plugins.EffectUnreachable, x.plain(root(err).Error())
}

// root is the innermost error: the outer ones repeat addresses.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// plain makes one short line of a text that may have the other side's bytes in it.
// Secrets go first, while they are still whole; what net/http quotes is of no use.
func (x *exchange) plain(text string) string {
	text, _, _ = strings.Cut(x.scrub(text), `"`)
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(text, "."))
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}
