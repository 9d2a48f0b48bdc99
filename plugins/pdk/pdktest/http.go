package pdktest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// hostsOwn are the headers that a guest may not set (docs/guest-contract.md,
// "http/request").
var hostsOwn = []string{
	"Host", "Content-Length", "Accept-Encoding", "Cookie",
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

type httpParams struct {
	Method        string      `json:"method"`
	URL           string      `json:"url"`
	Headers       [][2]string `json:"headers"`
	ContentLength *int64      `json:"contentLength"`
	Redirects     int         `json:"redirects"`
	TimeoutMs     int64       `json:"timeoutMs"`
}

// request performs http/request. It follows no redirects.
func (e *Effects) request(ctx context.Context, c *call) error {
	r, err := e.outgoing(ctx, c)
	if err != nil {
		return err
	}
	resp, err := e.HTTP.RoundTrip(r)
	if err != nil {
		return &effect.Error{Kind: effect.ErrUnreachable, Message: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	headers := [][2]string{}
	for name, values := range resp.Header {
		for _, v := range values {
			headers = append(headers, [2]string{name, v})
		}
	}
	if err := reply(c.w, map[string]any{
		"status": resp.StatusCode, "protocol": resp.Proto, "url": r.URL.String(),
		"headers": headers, "contentLength": resp.ContentLength,
	}); err != nil {
		return err
	}
	_, err = io.Copy(c.w, resp.Body)
	return err
}

func (e *Effects) outgoing(ctx context.Context, c *call) (*http.Request, error) {
	var p httpParams
	if err := strict(c.Params, &p); err != nil {
		return nil, err
	}
	if p.Redirects != 0 {
		return nil, invalid("this host follows no redirects")
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, p.URL, nil)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if r.URL.User != nil || r.URL.Fragment != "" {
		return nil, invalid("url: %s has a user or a fragment", p.URL)
	}
	for _, h := range p.Headers {
		if err := e.header(r, h[0], h[1]); err != nil {
			return nil, err
		}
	}
	if c.Body {
		r.Body, r.ContentLength = io.NopCloser(c.body), -1
		if p.ContentLength != nil {
			r.ContentLength = *p.ContentLength
		}
	}
	return r, nil
}

func (e *Effects) header(r *http.Request, name, value string) error {
	key := http.CanonicalHeaderKey(name)
	expanded := e.expand(value)
	switch {
	case slices.Contains(hostsOwn, key):
		return invalid("the header %s is the host's", name)
	case strings.HasSuffix(key, "Authorization") && expanded == value:
		return denied("--secret NAME=…", "the header %s holds no handle of a secret", name)
	}
	r.Header.Add(key, expanded)
	return nil
}
