package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// nameServer is a DNS server on loopback that knows one name. Each question for
// IPv4 takes the next answer; the last one stays.
type nameServer struct {
	net.PacketConn
	mu      sync.Mutex
	name    string
	answers []string
	asked   atomic.Int64
}

func newNameServer(t *testing.T, name string, answers ...string) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &nameServer{PacketConn: conn, name: name + ".", answers: answers}
	go s.serve()
	return s
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		s.asked.Add(1)
		s.answer(&m)
		if out, err := m.Pack(); err == nil {
			_, _ = s.WriteTo(out, from)
		}
	}
}

func (s *nameServer) answer(m *dnsmessage.Message) {
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	q := m.Questions[0]
	if q.Name.String() != s.name {
		m.RCode = dnsmessage.RCodeNameError
		return
	}
	if q.Type != dnsmessage.TypeA {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := netip.MustParseAddr(s.answers[0])
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 0},
		Body:   &dnsmessage.AResource{A: addr.As4()},
	}}
}

// resolve makes a client ask the name server, with the dialer that it has.
func (s *nameServer) resolve(c *Client) {
	d := c.newDialer()
	d.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.LocalAddr().String())
	}}
	c.dial = d.DialContext
}

func port(t testing.TB, s *standIn) int {
	t.Helper()
	_, p, err := net.SplitHostPort(s.addr())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDialer tries the real dialer with a real resolver.
func TestDialer(t *testing.T) {
	t.Parallel()
	server := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	p := port(t, server)
	url := "http://name.test:" + strconv.Itoa(p) + "/once"
	name := plugins.HTTPGrant{Scheme: "http", Host: "name.test", Port: p}

	t.Run("private", func(t *testing.T) {
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{name}})
		newNameServer(t, "name.test", "127.0.0.1").resolve(c)
		e := fails(t, c, get(url), denied, "resolves to 127.0.0.1, which is not a public address: grant it by address")
		if want := "--allow-http 127.0.0.1:" + strconv.Itoa(p); e.Grant != want {
			t.Errorf("the missing grant is %q, want %q", e.Grant, want)
		}
		if server.bytes.Load() != 0 {
			t.Error("the server got something")
		}
	})
	t.Run("rebinding", func(t *testing.T) {
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{name, {Host: "127.0.0.1", Port: p}}})
		newNameServer(t, "name.test", "127.0.0.1", "127.0.0.2").resolve(c)
		must(t, c, get(url))
		fails(t, c, get(url), denied, "resolves to 127.0.0.2")
	})
	t.Run("localhost granted", func(t *testing.T) {
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{name, {Host: "localhost", Port: p}}})
		names := newNameServer(t, "name.test", "127.0.0.1")
		names.resolve(c)
		must(t, c, get("http://localhost:"+strconv.Itoa(p)))
		if names.asked.Load() != 0 {
			t.Error("a resolver was asked for localhost")
		}
		must(t, c, get(url))
	})
	t.Run("unknown name", func(t *testing.T) {
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "*"}}})
		newNameServer(t, "name.test", "127.0.0.1").resolve(c)
		fails(t, c, get("https://other.test/"), plugins.EffectUnreachable, "no such name")
	})
	t.Run("address", func(t *testing.T) {
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "127.0.0.1", Port: p, Path: "/v1", Methods: []string{"GET"}}}})
		must(t, c, get("http://"+server.addr()+"/v1/x"))
		fails(t, c, get("http://"+server.addr()+"/v2"), denied, "no grant covers it")
	})
}

// TestResolverHangs: a resolver that is silent costs no more than the time limit.
func TestResolverHangs(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "*"}}})
	(&nameServer{PacketConn: silent}).resolve(c)
	fails(t, c, get("https://name.test/").with("timeoutMs", 50), plugins.EffectTimeout, "took too long")
}

func TestLocalhost(t *testing.T) {
	t.Parallel()
	server := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
	c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "localhost"}}})
	var dialled []string
	c.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if err := c.control(ctx, network, address, nil); err != nil {
			return nil, err
		}
		if address != "[::1]:80" {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, server.addr())
	}
	must(t, c, get("http://localhost/"))
	if len(dialled) != 2 || dialled[0] != "127.0.0.1:80" {
		t.Errorf("dialled %q", dialled)
	}
}

// secure returns a client and a server for https://example.com, which the client
// trusts if it should.
func secure(t testing.TB, cfg Config, handler http.Handler, start func(*httptest.Server)) (*Client, *standIn) {
	server := newStandIn(t, handler, start)
	if cfg.Granted == nil {
		cfg.Granted = []plugins.HTTPGrant{{Host: "example.com"}}
	}
	c := newClient(t, cfg)
	(&internet{declared: server.addr()}).join(c)
	roots := x509.NewCertPool()
	roots.AddCert(server.server.Certificate())
	c.transport = c.newTransport(roots)
	return c, server
}

func startHTTP2(s *httptest.Server) {
	s.EnableHTTP2 = true
	s.StartTLS()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	url := "https://example.com/"
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).StartTLS, "HTTP/2.0": startHTTP2,
	} {
		t.Run(name, func(t *testing.T) {
			c, server := secure(t, Config{}, http.HandlerFunc(declaredHandler), start)
			for range 3 {
				r := must(t, c, get(url).with("method", "POST").sending("data"))
				if e := echoed(t, r); r.Protocol != name || e.Protocol != name || e.Body != "data" || e.Host != "example.com" {
					t.Errorf("%s to %s: %+v", r.Protocol, e.Protocol, e)
				}
			}
			if n := server.conns.Load(); n != 1 {
				t.Errorf("%d connections for three requests", n)
			}
		})
	}
	t.Run("another server's connections", func(t *testing.T) {
		c, server := secure(t, Config{}, http.HandlerFunc(declaredHandler), startHTTP2)
		other := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "example.com"}}})
		other.transport.TLSClientConfig, other.dial = c.transport.TLSClientConfig, c.dial
		must(t, c, get(url))
		must(t, other, get(url))
		if n := server.conns.Load(); n != 2 {
			t.Errorf("%d connections, want one for each server", n)
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		c, _ := secure(t, Config{}, http.HandlerFunc(declaredHandler), (*httptest.Server).StartTLS)
		c.transport = c.newTransport(nil)
		fails(t, c, get(url), plugins.EffectUnreachable, "certificate is not valid")
	})
	t.Run("certificate of another name", func(t *testing.T) {
		c, _ := secure(t, Config{Granted: []plugins.HTTPGrant{{Host: "other.test"}}}, http.HandlerFunc(declaredHandler), startHTTP2)
		fails(t, c, get("https://other.test/"), plugins.EffectUnreachable, "certificate is not valid")
	})
	t.Run("TLS 1.1", func(t *testing.T) {
		c, _ := secure(t, Config{}, http.HandlerFunc(declaredHandler), func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // the point of the test
			s.StartTLS()
		})
		fails(t, c, get(url), plugins.EffectUnreachable, "protocol version")
	})
	t.Run("no TLS", func(t *testing.T) {
		server := newStandIn(t, http.HandlerFunc(declaredHandler), (*httptest.Server).Start)
		c := newClient(t, Config{Granted: []plugins.HTTPGrant{{Host: "example.com"}}})
		(&internet{declared: server.addr()}).join(c)
		fails(t, c, get(url), plugins.EffectUnreachable, "does not look like a TLS handshake")
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	c, _ := secure(t, Config{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}), startHTTP2)
	go func() {
		<-arrived
		c.Close()
	}()
	fails(t, c, get("https://example.com/"), plugins.EffectFailed, "is being stopped")
}
