package egress

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// maxRedirects is how many redirects a guest can have followed.
const maxRedirects = 10

// params are those of "http/request".
type params struct {
	Method        string     `json:"method"`
	URL           string     `json:"url"`
	Headers       [][]string `json:"headers"`
	ContentLength *int64     `json:"contentLength"`
	Redirects     int        `json:"redirects"`
	TimeoutMs     int64      `json:"timeoutMs"`
}

// exchange is one request of a guest, with the redirects that it leads to.
type exchange struct {
	c         *Client
	call      effect.Call
	method    string
	location  location
	headers   []header
	body      *body
	redirects int // how many are left to follow
	time      time.Duration
	// methods are those that it could be taken for, on this hop; as is what the policy
	// was asked about for each of them.
	methods    []string
	as         []*cel.HTTP
	permission *effect.Permission
	// guarded says that the other side knows a secret, or could: its answers have
	// to be readable.
	guarded bool
	// secret says that a secret was sent, by this request or one that led to it.
	secret bool
}

func (c *Client) newExchange(call effect.Call, r effect.Request) (*exchange, error) {
	var p params
	if err := effect.Decode(r.Params, &p); err != nil {
		return nil, err
	}
	x := &exchange{c: c, call: call, method: p.Method, redirects: p.Redirects, time: c.limits.Time}
	if err := x.check(p); err != nil {
		return nil, err
	}
	var err error
	if x.location, err = parseLocation(p.URL); err != nil {
		return nil, err
	}
	if x.headers, err = parseHeaders(p.Headers, x.holds); err != nil {
		return nil, err
	}
	x.body, err = newBody(r, p.ContentLength, c.limits.RequestBytes)
	return x, err
}

// check looks at what needs no look at anything else, and sets the defaults.
func (x *exchange) check(p params) error {
	if x.method == "" {
		x.method = http.MethodGet
	}
	switch {
	case !formMethod.MatchString(x.method):
		return invalidf("method %.40q: want one in upper case", x.method)
	case slices.Contains([]string{"CONNECT", "TRACE", "TRACK", "PRI"}, x.method):
		return invalidf("method %s: is not for guests", x.method)
	case p.Redirects < 0 || p.Redirects > maxRedirects:
		return invalidf("redirects: want 0 to %d", maxRedirects)
	case p.TimeoutMs < 0:
		return invalidf("timeoutMs: is negative")
	}
	if limit := x.time.Milliseconds(); p.TimeoutMs > 0 && p.TimeoutMs < limit {
		x.time = time.Duration(p.TimeoutMs) * time.Millisecond
	}
	return nil
}

// perform sends the request and its reply.
func (x *exchange) perform(ctx context.Context, reply *effect.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, x.time)
	defer cancel()
	defer context.AfterFunc(x.c.closed, cancel)()
	if err := x.granted(); err != nil { // before the guest's body is waited for
		return err
	}
	if err := x.permit(ctx); err != nil {
		return err
	}
	if err := x.learn(ctx); err != nil { // before anything can come back
		return err
	}
	x.body.start(ctx)
	if x.redirects > 0 || x.may() {
		if err := x.body.keep(); err != nil {
			return err
		}
	}
	resp, err := x.follow(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	return x.answer(ctx, resp, reply)
}

// granted looks at the grants, for all that a server might take the request for.
func (x *exchange) granted() error {
	var err error
	if x.methods, err = x.allMethods(); err != nil {
		return err
	}
	for _, m := range x.methods {
		if err := x.c.grants.decide(m, &x.location); err != nil {
			return err
		}
	}
	if x.holds(x.location.host) || x.holds(x.location.path) {
		return effect.Errorf(plugins.EffectDenied, "url: a secret may stand in the query, not in host or path")
	}
	return nil
}

// allMethods are those that a server might take the request for, each once, its own
// first.
func (x *exchange) allMethods() ([]string, error) {
	methods := []string{x.method}
	for _, h := range x.headers {
		if !slices.Contains(overrides, known(h.name)) {
			continue
		}
		m := strings.ToUpper(strings.TrimSpace(h.value))
		if !formMethod.MatchString(m) {
			return nil, invalidf("header %s: want one method", h.name)
		}
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	return methods, nil
}

// send sends the request to where it goes now, which was decided.
func (x *exchange) send(ctx context.Context) (*http.Response, error) {
	if err := x.permission.Check(ctx); err != nil { // the body may have been long in coming
		return nil, err
	}
	x.guarded = x.guarded || x.may()
	req, err := x.request(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := req.Header["Range"]; ok && x.guarded {
		return nil, effect.Errorf(plugins.EffectDenied, "header Range: a secret is sent there, and a part of an answer could have a part of it")
	}
	resp, err := x.c.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
		return nil, effect.Errorf(plugins.EffectUnreachable, "%s switches to another protocol, which nobody asked for", x.location.authority())
	}
	return resp, nil
}

// request makes the request of one hop, secrets in place.
func (x *exchange) request(ctx context.Context) (*http.Request, error) {
	headers, err := x.expandHeaders(ctx)
	if err != nil {
		return nil, err
	}
	query, err := x.expand(ctx, x.use(placeOfQuery, url.QueryEscape), x.location.query)
	if err != nil {
		return nil, err
	}
	req := &http.Request{Method: x.method, URL: x.location.url(query), Header: headers, ProtoMajor: 1, ProtoMinor: 1}
	if err := x.setBody(ctx, req); err != nil {
		return nil, err
	}
	x.guarded = x.guarded || x.secret
	return req.WithContext(ctx), nil
}

// may reports whether a secret could go to where the request goes now.
func (x *exchange) may() bool {
	return x.c.secrets != nil && x.c.secrets.May(x.location.target())
}

// holds reports whether a text has the handle of a secret.
func (x *exchange) holds(text string) bool {
	return x.c.secrets != nil && x.c.secrets.Holds(text)
}

// learn makes every value known that an answer may have: even where no secret is
// sent, the other side may have got one elsewhere, or long ago.
func (x *exchange) learn(ctx context.Context) error {
	if x.c.secrets == nil {
		return nil
	}
	return x.c.secrets.Learn(ctx)
}

// use is a place of the request, to where it goes now, that secrets are put into.
func (x *exchange) use(place string, escape func(string) string) effect.Use {
	return effect.Use{Call: x.call, Target: x.location.target(), As: x.as, Place: place, Escape: escape}
}

// expand puts secrets in place of their handles.
func (x *exchange) expand(ctx context.Context, u effect.Use, text string) (string, error) {
	if x.c.secrets == nil {
		return text, nil
	}
	out, used, err := x.c.secrets.Expand(ctx, u, text)
	x.secret = x.secret || used
	return out, err
}

// shows reports whether a text has a secret's value, whatever became of the case of
// its letters.
func (x *exchange) shows(text string) bool {
	return x.c.secrets != nil && x.c.secrets.Shows(text)
}

func (x *exchange) scrub(text string) string {
	if x.c.secrets == nil {
		return text
	}
	return x.c.secrets.Scrub(text)
}
