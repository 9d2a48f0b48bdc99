package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"oras.land/oras-go/v2/registry/remote/retry"
)

// limits bound how long a registry is waited for.
type limits struct {
	dial, tls time.Duration
	// answer is the time until the headers, from the last byte that was sent.
	answer time.Duration
	// stall is how long a body may send nothing.
	stall time.Duration
	// Of a body at least minRate bytes a second come, averaged over each window of
	// the time for which it was waited. So a server cannot stay below stall for ever.
	window  time.Duration
	minRate int64
	// metadata is the time for all that is not a transfer of content, and that for
	// which content is waited that is small: signatures, configs, our manifest.
	metadata time.Duration
	// retries is how often a request is sent again; minWait and maxWait are the
	// times between, also where the registry asks for more.
	retries          int
	minWait, maxWait time.Duration
}

var defaultLimits = limits{
	dial: 10 * time.Second, tls: 10 * time.Second,
	answer: 30 * time.Second, stall: 30 * time.Second, window: time.Minute, minRate: 1 << 10, metadata: 2 * time.Minute,
	retries: 3, minWait: 200 * time.Millisecond, maxWait: 5 * time.Second,
}

// maxHeaderBytes bounds the headers of a response.
const maxHeaderBytes = 256 << 10

// errStalled ends a request whose server has gone silent. It is a [net.Error].
var errStalled error = stalledError{}

type stalledError struct{}

func (stalledError) Error() string   { return "it does not answer any more" }
func (stalledError) Timeout() bool   { return true }
func (stalledError) Temporary() bool { return true }

// errSlow ends a request whose server sends next to nothing.
var errSlow = errors.New("it sends too slowly")

// retryPolicy sends again what may succeed the second time. A server that has
// gone silent once is not waited for again.
func (l limits) retryPolicy() retry.Policy {
	return &retry.GenericPolicy{
		Retryable: func(resp *http.Response, err error) (bool, error) {
			if err != nil {
				return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF), nil
			}
			switch resp.StatusCode {
			case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
				http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
				return true, nil
			}
			return false, nil
		},
		Backoff: retry.DefaultBackoff, MinWait: l.minWait, MaxWait: l.maxWait, MaxRetry: l.retries,
	}
}

// transports sends each request as the settings of its host say, so that a
// registry's own roots do not count where it redirects to. It is an
// [http.RoundTripper].
type transports struct {
	limits limits
	other  *http.Transport
	named  map[string]*http.Transport // by canonical host
	plain  map[string]bool
}

func newTransports(l limits) *transports {
	return &transports{limits: l, other: l.transport(), named: map[string]*http.Transport{}, plain: map[string]bool{}}
}

func (l limits) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: l.dial}).DialContext,
		TLSHandshakeTimeout:    l.tls,
		ResponseHeaderTimeout:  l.answer,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// Content is named by the digest of its bytes as they are sent.
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     30 * time.Second,
		ReadBufferSize:      64 << 10,
		WriteBufferSize:     64 << 10,
	}
}

// add makes the transport of a registry.
func (t *transports) add(name string, s Registry) error {
	if s.PlainHTTP {
		t.plain[canonicalHost("http", name)] = true
	}
	if !s.SkipVerify && s.CA == "" {
		return nil
	}
	tr := t.limits.transport()
	tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.SkipVerify}
	if s.CA != "" {
		pool, err := readCA(s.CA)
		if err != nil {
			return fmt.Errorf("registry %q: ca: %w", name, err)
		}
		tr.TLSClientConfig.RootCAs = pool
	}
	t.named[canonicalHost("https", name)] = tr
	return nil
}

// canonicalHost is a host as the tables have it: without the scheme's own port.
func canonicalHost(scheme, host string) string {
	host = strings.ToLower(host)
	if host == "docker.io" { // which is reached by another name
		host = "registry-1.docker.io"
	}
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// sameOrigin reports whether two addresses are of one server.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && canonicalHost(a.Scheme, a.Host) == canonicalHost(b.Scheme, b.Host)
}

// RoundTrip implements [http.RoundTripper].
func (t *transports) RoundTrip(req *http.Request) (*http.Response, error) {
	host := canonicalHost(req.URL.Scheme, req.URL.Host)
	if req.URL.Scheme == "http" && !t.plain[host] {
		if req.Body != nil {
			_ = req.Body.Close() // it is not sent
		}
		return nil, &plainError{host}
	}
	tr := t.other
	if own, ok := t.named[host]; ok && req.URL.Scheme == "https" {
		tr = own
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	// It runs while a connection is made, and then from the last piece of the
	// request that was taken until the answer.
	wait := t.limits.dial + t.limits.tls + t.limits.answer
	watch := time.AfterFunc(wait, func() { cancel(errStalled) })
	sent := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		sent.Body = &sentBody{req.Body, func() { watch.Reset(wait) }}
	}
	resp, err := tr.RoundTrip(sent)
	watch.Stop()
	if err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		cancel(nil)
		return nil, err
	}
	resp.Request = req
	resp.Body = &watchedBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, limits: t.limits}
	return resp, nil
}

// plainError refuses HTTP with a host for which it was not asked for.
type plainError struct{ host string }

func (e *plainError) Error() string {
	return fmt.Sprintf("it leads to http://%s, which is not encrypted and not named under registries with plainHTTP", shorten(e.host))
}

// Is makes it one of [ErrRefused].
func (e *plainError) Is(target error) bool { return target == ErrRefused }

// sentBody tells when a piece of a request was taken.
type sentBody struct {
	io.ReadCloser
	taken func()
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.taken()
	return b.ReadCloser.Read(p)
}

// watchedBody ends the request when the server sends nothing for a while, or too
// little. The time between reads does not count.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limits limits
	timer  *time.Timer
	waited time.Duration // in the window
	came   int64         // in the window
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.limits.stall, func() { b.cancel(errStalled) })
	} else {
		b.timer.Reset(b.limits.stall)
	}
	start := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.waited += time.Since(start)
	b.came += int64(n)
	if b.waited >= b.limits.window {
		if err == nil && float64(b.came) < float64(b.limits.minRate)*b.waited.Seconds() {
			b.cancel(errSlow)
			return n, errSlow
		}
		b.waited, b.came = 0, 0
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
