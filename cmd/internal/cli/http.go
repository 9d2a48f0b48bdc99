package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/host"
)

// Times of the HTTP server. A response may stream for as long as it likes; what
// is bounded is how long a client may take to ask.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// drainTimeout is how long requests under way may go on after the server
	// was told to end.
	drainTimeout = 3 * time.Second
)

// endpoint is the path of MCP over HTTP.
const endpoint = "/mcp"

// frontFlags say how clients reach a server.
type frontFlags struct {
	http    string
	origins repeated[origin]
	hosts   []string
}

func (f *frontFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.http, "http", "", "serve HTTP at `ADDR`, host:port; a port alone means 127.0.0.1")
	f.origins.parse = parseOrigin
	cmd.Flags().Var(&f.origins, "allow-origin", "accept browsers' requests from this `ORIGIN`; may be repeated")
	cmd.Flags().StringArrayVar(&f.hosts, "allow-host", nil, "accept requests for this `HOST` name; may be repeated")
}

func (f *frontFlags) options() host.HTTPOptions {
	o := host.HTTPOptions{AllowedHosts: f.hosts}
	for _, v := range f.origins.values {
		o.AllowedOrigins = append(o.AllowedOrigins, v.String())
	}
	return o
}

// origin is what a browser sends as Origin (RFC 6454, 6.2).
type origin string

func (o origin) String() string { return string(o) }

// parseOrigin reads SCHEME://HOST[:PORT]. What a browser would write otherwise is
// refused, since it is compared as it is.
func parseOrigin(text string) (origin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") ||
		text != strings.ToLower(u.Scheme+"://"+u.Host) || strings.Contains(text, "*") {
		return "", errors.New("want SCHEME://HOST[:PORT] in lower case, without a path and wildcards: https://app.example.com")
	}
	return origin(text), nil
}

// listenAddress completes an address: a port alone is bound to loopback.
func listenAddress(addr string) (string, error) {
	if _, err := strconv.ParseUint(addr, 10, 16); err == nil {
		addr = ":" + addr
	}
	hostname, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", usage("for example --http 127.0.0.1:8080", "--http %q: want host:port", addr)
	}
	if hostname == "" {
		hostname = "127.0.0.1"
	}
	return net.JoinHostPort(hostname, port), nil
}

// network keeps an IPv4 address from being widened to IPv6, which 0.0.0.0 would
// be.
func network(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// listenFailure says how to get a port where this one is taken.
func listenFailure(err error) error {
	const windowsInUse = syscall.Errno(10048) // WSAEADDRINUSE
	hint := ""
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsInUse) {
		hint = "--http 127.0.0.1:0 takes a free port"
	}
	return &failure{ExitFailure, fmt.Errorf("serve HTTP: %w", err), hint}
}

// serveHTTP serves until ctx is done, and then closes the host and lets requests
// under way finish.
func (f *frontFlags) serveHTTP(ctx context.Context, s Streams, h *host.Host) error {
	addr, err := listenAddress(f.http)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, network(addr), addr)
	if err != nil {
		return listenFailure(err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		say(s, "warning: %s can be reached from other machines, and there is no authorisation", a)
	}
	say(s, "serving MCP at http://%s%s", listener.Addr(), endpoint)
	mux := http.NewServeMux()
	mux.Handle(endpoint, h.Handler())
	// Requests do not end with ctx at once: they have drainTimeout to finish.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	// Closing the host ends the streams that would otherwise stay open, and
	// waits for its calls, which shutDown bounds.
	closed := make(chan error, 1)
	go func() { closed <- h.Close() }()
	return errors.Join(shutDown(server, cancel), <-closed)
}

// shutDown ends a server: it takes no new requests, and cancels those that do not
// finish in time.
func shutDown(server *http.Server, cancelRequests func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err == nil {
		return nil
	}
	cancelRequests()
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("end HTTP server: %w", err)
	}
	return nil
}
