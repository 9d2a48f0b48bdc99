package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// standIn is a server on loopback that counts what it gets, below HTTP.
type standIn struct {
	net.Listener
	server       *httptest.Server
	conns, bytes atomic.Int64
}

func newStandIn(t testing.TB, handler http.Handler, start func(*httptest.Server)) *standIn {
	t.Helper()
	s := &standIn{server: httptest.NewUnstartedServer(handler)}
	s.Listener, s.server.Listener = s.server.Listener, s
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse it are what is tested
	start(s.server)
	t.Cleanup(s.server.Close)
	return s
}

func (s *standIn) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err == nil {
		s.conns.Add(1)
		conn = countingConn{conn, &s.bytes}
	}
	return conn, err
}

func (s *standIn) addr() string { return s.Addr().String() }

type countingConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// publicAddr is where the names of the tests live, unless they say otherwise.
const publicAddr = "93.184.216.34"

// internet stands for the network below the address check: names resolve to what
// a test says, and whatever address passes the check leads to a stand-in: the
// declared one for publicAddr, the trap for every other.
type internet struct {
	mu sync.Mutex
	// names have one answer for each lookup; the last one stays.
	names          map[string][][]string
	declared, trap string
	control        func(ctx context.Context, network, address string) error
}

// answer is what a name resolves to now.
func (i *internet) answer(host string) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}
	}
	answers, ok := i.names[host]
	if !ok {
		return []string{publicAddr}
	}
	if len(answers) > 1 {
		i.names[host] = answers[1:]
	}
	return answers[0]
}

// dial does what net.Dialer does: each address is checked, then dialled.
func (i *internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var first error
	for _, a := range i.answer(host) {
		err := i.control(ctx, network, net.JoinHostPort(a, port))
		if err == nil {
			to := i.trap
			if a == publicAddr {
				to = i.declared
			}
			var conn net.Conn
			if conn, err = new(net.Dialer).DialContext(ctx, network, to); err == nil {
				return conn, nil
			}
		}
		if first == nil {
			first = &net.OpError{Op: "dial", Net: network, Err: err}
		}
	}
	return nil, first
}

// join puts a client into the network.
func (i *internet) join(c *Client) {
	i.control = func(ctx context.Context, network, address string) error { return c.control(ctx, network, address, nil) }
	c.dial = i.dial
}

// newClient returns a client that lives as long as its test.
func newClient(t testing.TB, cfg Config) *Client {
	t.Helper()
	c := New(cfg)
	t.Cleanup(c.Close)
	return c
}

// response is a reply, read as a guest does.
type response struct {
	result
	body string
}

func (r response) header(name string) string {
	for _, h := range r.Headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

// request is what a guest sends.
type request struct {
	params map[string]any
	body   io.Reader
}

func get(url string) request { return request{params: map[string]any{"url": url}} }

func (r request) with(name string, value any) request {
	p := map[string]any{name: value}
	for k, v := range r.params {
		if _, ok := p[k]; !ok {
			p[k] = v
		}
	}
	return request{p, r.body}
}

func (r request) sending(body string) request { return request{r.params, strings.NewReader(body)} }

func (r request) effect(t testing.TB) effect.Request {
	t.Helper()
	raw, err := json.Marshal(r.params)
	if err != nil {
		t.Fatal(err)
	}
	params, err := wire.ParseObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	req := effect.Request{Method: plugins.EffectHTTP, Params: params, Body: r.body, HasBody: r.body != nil}
	if r.body == nil {
		req.Body = strings.NewReader("")
	}
	return req
}

// allowed is a call that may do everything.
func allowed() effect.Call { return effect.Call{Decide: effecttest.Allow}.Begin() }

// perform returns what a guest gets, and why the reply broke off or was none.
func perform(t testing.TB, c *Client, r request) (response, *plugins.EffectError) {
	t.Helper()
	return performFor(t, c, allowed(), r)
}

// performFor is perform for a call.
func performFor(t testing.TB, c *Client, call effect.Call, r request) (response, *plugins.EffectError) {
	t.Helper()
	var out bytes.Buffer
	reply := effect.NewReply(&out)
	err := c.Perform(t.Context(), call, r.effect(t), reply)
	var e *plugins.EffectError
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("error %T, want *plugins.EffectError", err)
	}
	if !reply.Begun() {
		if e == nil {
			t.Fatal("neither reply nor error")
		}
		return response{}, e
	}
	line, rest, _ := strings.Cut(out.String(), "\n")
	var head struct{ Result result }
	if err := json.Unmarshal([]byte(line), &head); err != nil {
		t.Fatal(err)
	}
	return response{head.Result, rest}, e
}

// must is perform for requests that succeed.
func must(t testing.TB, c *Client, r request) response {
	t.Helper()
	resp, err := perform(t, c, r)
	if err != nil {
		t.Fatalf("%s: %s", err.Kind, err.Message)
	}
	return resp
}

// fails is perform for requests that do not.
func fails(t testing.TB, c *Client, r request, kind, text string) *plugins.EffectError {
	t.Helper()
	resp, err := perform(t, c, r)
	if err == nil {
		t.Fatalf("status %d, want an error of the kind %s", resp.Status, kind)
	}
	if err.Kind != kind || !strings.Contains(err.Message, text) {
		t.Fatalf("%s: %s; want %s: …%s…", err.Kind, err.Message, kind, text)
	}
	return err
}

// declaredHandler is the server that tests may reach. /to redirects where its
// query says, /once closes its connection, anything else echoes the request.
func declaredHandler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/to":
		status := http.StatusFound
		if _, err := fmt.Sscan(r.FormValue("status"), &status); err != nil && r.FormValue("status") != "" {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", r.FormValue("url"))
		w.WriteHeader(status)
	case "/once":
		w.Header().Set("Connection", "close")
	default:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		echo := map[string]any{"method": r.Method, "uri": r.RequestURI, "host": r.Host, "headers": r.Header,
			"body": string(body), "length": r.ContentLength, "protocol": r.Proto}
		_ = json.NewEncoder(w).Encode(echo)
	}
}

// echo is what declaredHandler answers.
type echo struct {
	Method, URI, Host, Body, Protocol string
	Headers                           http.Header
	Length                            int64
}

func echoed(t testing.TB, r response) echo {
	t.Helper()
	var e echo
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	return e
}
