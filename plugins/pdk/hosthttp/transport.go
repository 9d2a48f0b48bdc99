package hosthttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// Transport is an http.RoundTripper that has the host make the requests. The zero
// value is ready, and safe for concurrent use.
//
// The request's context ends the request, the reading of the response's body
// included. Bodies stream in both directions. Errors are as with [effect.Do].
type Transport struct{}

var _ http.RoundTripper = Transport{}

// request is the params of http/request (docs/guest-contract.md).
type request struct {
	Method        string      `json:"method"`
	URL           string      `json:"url"`
	Headers       [][2]string `json:"headers,omitempty"`
	ContentLength *int64      `json:"contentLength,omitempty"`
}

// response is its result.
type response struct {
	Status        int         `json:"status"`
	Protocol      string      `json:"protocol"`
	Headers       [][2]string `json:"headers"`
	ContentLength *int64      `json:"contentLength"`
}

// RoundTrip implements http.RoundTripper.
func (Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	params, err := requestOf(r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	var body io.Reader
	if sendsBody(r) {
		body = r.Body
	}
	result, reply, err := effect.Do(r.Context(), "http/request", params, body)
	if err != nil {
		return nil, err
	}
	resp, err := responseOf(r, result)
	if err != nil {
		_ = reply.Close()
		return nil, err
	}
	if resp.Body = reply; !hasBody(resp) {
		_ = reply.Close()
		resp.Body = http.NoBody
	}
	return resp, nil
}

func sendsBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// requestOf returns what the host is asked for. What it cannot be asked for is an
// error, and never left out.
func requestOf(r *http.Request) (*request, error) {
	switch {
	case r.URL == nil:
		return nil, errors.New("request without a URL")
	case len(r.Trailer) > 0:
		return nil, errors.New("request with trailers: the host sends none")
	case r.Host != "" && r.Host != r.URL.Host:
		return nil, fmt.Errorf("request to %s under the name %s: the host name is the URL's", r.URL.Host, r.Host)
	}
	u := *r.URL
	u.Fragment, u.RawFragment = "", ""
	if u.User != nil && r.Header.Get("Authorization") != "" {
		u.User = nil // http.Client has made a header of it
	}
	p := &request{Method: r.Method, URL: u.String(), Headers: headersOf(r.Header)}
	if p.Method == "" {
		p.Method = http.MethodGet
	}
	if sendsBody(r) && r.ContentLength > 0 {
		p.ContentLength = &r.ContentLength
	}
	return p, nil
}

// headersOf returns the headers that are sent: all but those that net/http and
// its users set for the sake of a connection, which is the host's. Others that
// are the host's too, such as Cookie, go out and are refused there.
func headersOf(h http.Header) [][2]string {
	var list [][2]string
	for name, values := range h {
		for _, v := range values {
			if !ofConnection(http.CanonicalHeaderKey(name), v) {
				list = append(list, [2]string{name, v})
			}
		}
	}
	return list
}

// ofConnection says whether a header is about the connection or how the body is
// written on it, and says nothing that the host would do otherwise.
func ofConnection(name, value string) bool {
	switch name {
	case "Accept-Encoding", "Content-Length", "Host", "Transfer-Encoding", "Trailer":
		return true
	case "Connection":
		return strings.EqualFold(value, "close") || strings.EqualFold(value, "keep-alive")
	case "User-Agent":
		return value == "" // how net/http is told to send none
	}
	return false
}

// responseOf returns the response without its body.
func responseOf(r *http.Request, result json.RawMessage) (*http.Response, error) {
	var w response
	if err := json.Unmarshal(result, &w); err != nil {
		return nil, fmt.Errorf("the host's reply to http/request: %w", err)
	}
	if w.Status < 200 || w.Status > 999 {
		return nil, fmt.Errorf("the host's reply to http/request has the status %d", w.Status)
	}
	resp := &http.Response{
		Status:        strings.TrimSpace(fmt.Sprintf("%d %s", w.Status, http.StatusText(w.Status))),
		StatusCode:    w.Status,
		Proto:         w.Protocol,
		Header:        make(http.Header, len(w.Headers)),
		ContentLength: -1,
		Request:       r,
	}
	if major, minor, ok := http.ParseHTTPVersion(w.Protocol); ok {
		resp.ProtoMajor, resp.ProtoMinor = major, minor
	}
	for _, h := range w.Headers {
		resp.Header.Add(h[0], h[1])
	}
	if w.ContentLength != nil {
		resp.ContentLength = *w.ContentLength
	}
	return resp, nil
}

// hasBody says whether a response has one (RFC 9110, section 6.4.1).
func hasBody(resp *http.Response) bool {
	return resp.Request.Method != http.MethodHead && resp.ContentLength != 0 &&
		resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified
}
