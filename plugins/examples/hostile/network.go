package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type request struct {
	URL       string      `json:"url"`
	Headers   [][2]string `json:"headers,omitempty"`
	Body      string      `json:"body,omitempty"`
	Redirects int         `json:"redirects,omitempty"`
	// Secret is the name of one whose handle replaces SECRET in headers, URL and body.
	Secret string `json:"secret,omitempty"`
	// Many is how many more headers there are.
	Many int `json:"many,omitempty"`
}

// addNetwork adds requests of any shape.
func addNetwork(s *pdk.Server) {
	attack(s, "fetch", fetch)
	attack(s, "get", func(ctx context.Context, in request) (string, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.URL, nil)
		if err != nil {
			return "", err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close() //nolint:errcheck // it was only read
		b, err := io.ReadAll(resp.Body)
		return fmt.Sprintf("%d %s", resp.StatusCode, b), err
	})
}

// fetch asks the host without a library's care between them.
func fetch(ctx context.Context, in request) (string, error) {
	handle := ""
	if in.Secret != "" {
		h, err := pdk.Secret(ctx, in.Secret)
		if err != nil {
			return "", err
		}
		handle = h
	}
	put := func(s string) string { return strings.ReplaceAll(s, "SECRET", handle) }
	for i := range in.Headers {
		in.Headers[i][1] = put(in.Headers[i][1])
	}
	for i := range in.Many {
		in.Headers = append(in.Headers, [2]string{fmt.Sprintf("X-Header-%d", i), "x"})
	}
	params := map[string]any{"url": put(in.URL), "headers": in.Headers, "redirects": in.Redirects}
	if in.Headers == nil {
		delete(params, "headers")
	}
	var body io.Reader
	if in.Body != "" {
		params["method"], body = "POST", strings.NewReader(put(in.Body))
	}
	head, reply, err := pdk.Effect(ctx, "http/request", params, body)
	if err != nil {
		return "", err
	}
	defer reply.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(reply)
	kept = append(kept, b) // a scan of the same instance has to find it
	return fmt.Sprintf("%s\n%s", head, b), err
}

// manyEffects opens effects and closes none.
func manyEffects(ctx context.Context, _ none) (string, error) {
	var open []io.ReadCloser
	for i := range 100_000 {
		_, reply, err := pdk.Effect(ctx, "kv/list", map[string]any{}, nil)
		if reply != nil {
			open = append(open, reply)
		}
		if e, ok := errors.AsType[*pdk.EffectError](err); err != nil && !ok {
			return fmt.Sprintf("opened %d, %d in all, then %v %v", len(open), i, err, e), nil
		}
	}
	return fmt.Sprintf("opened %d", len(open)), nil
}
