// Package egress lets guests send HTTP requests: it performs "http/request" of the
// guest contract (docs/guest-contract.md, section 12).
//
// A [Client] belongs to one server. It sends a request only where a grant of the
// operator covers it, for a server with a manifest the package asked for it, and the
// policy allows it; every hop of a redirect is decided again, and so is what is left of
// a body when the call was allowed something else meanwhile. Beyond that it promises:
//
//   - What is decided on is what is sent: scheme, host, port and path are brought
//     into one form first, and nothing else reads the guest's text.
//   - The address that is dialled is checked, each time, after the name was
//     resolved. One that is not public is reached through a grant by address only.
//   - Nothing of the host's environment takes part: no proxy, no cookies, no
//     credentials.
//   - A secret is put in place of its handle on the way out, for the targets that
//     it was granted for, and replaced in all that comes back.
//   - Bodies are streamed, and every length and time has a limit.
package egress

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Defaults of [Limits].
const (
	DefaultRequestBytes  = 16 << 20
	DefaultResponseBytes = 16 << 20
	DefaultHeaderBytes   = 64 << 10
	DefaultTime          = 30 * time.Second
)

// Secrets are what the client wants of a server's secrets. Errors are
// *plugins.EffectError.
type Secrets interface {
	// May reports whether any secret was granted for t, so that a body has to be
	// looked through.
	May(t effect.Target) bool
	// Holds reports whether text has the handle of a secret, in any form that
	// Expand would replace.
	Holds(text string) bool
	// Expand replaces the handles in text by the values and reports whether there
	// were any. A handle whose secret is not granted for the target or for the place
	// is a denial, and so is one that the policy refuses.
	Expand(ctx context.Context, u effect.Use, text string) (out string, used bool, err error)
	// ExpandReader does so in a stream, with the place "body"; errors come out of
	// Read.
	ExpandReader(ctx context.Context, u effect.Use, r io.Reader) io.Reader
	// Learn makes all values known to Scrub. Whoever is asked may have one that was
	// sent before this process started.
	Learn(ctx context.Context) error
	// Scrub replaces the values that are known, in every form in which an upstream
	// may echo them.
	Scrub(text string) string
	// Shows reports whether text has one of them, whatever the case of its letters.
	Shows(text string) bool
	// ScrubReader does so in a stream.
	ScrubReader(r io.Reader) io.Reader
}

// Config says what one server may send.
type Config struct {
	// Server is the server's name, for the text of denials.
	Server string
	// Granted is what the operator granted. Grants that [Check] refuses cover
	// nothing.
	Granted []plugins.HTTPGrant
	// Asked is what the package's manifest asks for. Nil says that there is no
	// manifest, so that the grants alone decide; an empty list asks for nothing.
	Asked []plugins.HTTPRequest
	// Labels are the operator's for the policy, by what they are for in the form of
	// [plugins.ParseHTTPGrant]: a request has those of every entry that would cover it
	// as a grant.
	Labels map[string][]string
	// Secrets are the server's secrets, nil if it has none.
	Secrets Secrets
	Limits  Limits
}

// Limits bound each request of a guest. A zero is the default, never "no limit".
type Limits struct {
	// RequestBytes bounds the body that the guest sends. Default 16 MiB.
	RequestBytes int64
	// ResponseBytes bounds the body of the response, unpacked. Default 16 MiB.
	ResponseBytes int64
	// HeaderBytes bounds status line and headers of a response. Default 64 KiB.
	HeaderBytes int64
	// Time bounds a request from its start to the end of its response, redirects
	// included. Default 30 s. A guest may ask for less.
	Time time.Duration
}

func (l Limits) withDefaults() Limits {
	l.RequestBytes = orDefault(l.RequestBytes, DefaultRequestBytes)
	l.ResponseBytes = orDefault(l.ResponseBytes, DefaultResponseBytes)
	l.HeaderBytes = orDefault(l.HeaderBytes, DefaultHeaderBytes)
	l.Time = orDefault(l.Time, DefaultTime)
	return l
}

func orDefault[T ~int64](v, byDefault T) T {
	if v <= 0 {
		return byDefault
	}
	return v
}

// Client performs the requests of one server's guests. Its connections are not
// shared with any other server's. It is safe for concurrent use.
type Client struct {
	grants    grants
	secrets   Secrets
	limits    Limits
	transport *http.Transport
	dial      dialFunc // net.Dialer's; tests put a network of their own there
	// closed ends with Close.
	closed context.Context
	close  context.CancelFunc
}

var _ effect.Handler = (*Client)(nil)

// New returns a client. It is closed with [Client.Close].
func New(cfg Config) *Client {
	c := &Client{grants: newGrants(cfg), secrets: cfg.Secrets, limits: cfg.Limits.withDefaults()}
	c.closed, c.close = context.WithCancel(context.Background())
	c.dial = c.newDialer().DialContext
	c.transport = c.newTransport(nil)
	return c
}

// newTransport returns a transport that trusts roots, nil for the system's.
func (c *Client) newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // whatever the host's environment says
		DialContext:            c.dialContext,
		TLSClientConfig:        tlsConfig(roots),
		TLSHandshakeTimeout:    handshakeTime,
		ExpectContinueTimeout:  time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: c.limits.HeaderBytes,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// Close ends the requests that are under way and the connections.
func (c *Client) Close() {
	c.close()
	c.transport.CloseIdleConnections()
}

// Perform sends one request and streams its response. The reply's head is written
// when the response's headers have come. An error is always a
// *plugins.EffectError, without a secret in it.
//
// If the request's body is blocked in a Read when Perform returns, it still is; no
// other Read follows. Whoever made the body has to end that one.
func (c *Client) Perform(ctx context.Context, call effect.Call, r effect.Request, reply *effect.Reply) error {
	x, err := c.newExchange(call, r)
	if err == nil {
		err = x.perform(ctx, reply)
	}
	if err == nil {
		return nil
	}
	e := explain(err, x)
	if c.secrets != nil {
		e.Message, e.Grant = c.secrets.Scrub(e.Message), c.secrets.Scrub(e.Grant)
	}
	return e
}
