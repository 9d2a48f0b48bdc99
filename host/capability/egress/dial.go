package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
)

// Bounds of what happens before a request can be sent.
const (
	dialTime      = 10 * time.Second // to resolve a name and to connect
	handshakeTime = 10 * time.Second // for TLS
)

// localAddrs are what "localhost" stands for (RFC 6761, 6.3), without asking a
// resolver.
var localAddrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// public knows the addresses of the internet: it refuses those of the IANA
// special-purpose registries, and what only machines of one cloud can reach: the
// address of Azure's platform is of a public range.
var public = ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32")))

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (c *Client) newDialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second, ControlContext: c.control}
}

func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// notPublicError is why an address was not dialled.
type notPublicError struct{ addr netip.AddrPort }

func (e *notPublicError) Error() string {
	return fmt.Sprintf("%s is not a public address", e.addr.Addr())
}

// literalKey marks the context of a dial whose host is not resolved, with the
// addresses that it may lead to.
type literalKey struct{}

// control is called with each address before it is dialled ([net.Dialer]).
func (c *Client) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %q: %w", address, err)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	literal, _ := ctx.Value(literalKey{}).([]netip.Addr)
	if slices.Contains(literal, to.Addr()) || c.grants.opens(to) || public.SafeAddr(to.Addr()) == nil {
		return nil
	}
	return &notPublicError{to}
}

// dialContext connects to where the transport wants to: to a name, after a look at
// its addresses, or to an address, which nothing but a grant for just it has let
// through (grants.decide).
func (c *Client) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if host == localhost {
		return c.dialLocal(ctx, network, port)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		ctx = context.WithValue(ctx, literalKey{}, []netip.Addr{addr})
	}
	conn, err := c.dial(ctx, network, address)
	if refused, ok := errors.AsType[*notPublicError](err); ok {
		return nil, effect.Denied("--allow-http "+refused.addr.String(),
			"%s resolves to %s, which is not a public address: grant it by address", address, refused.addr.Addr())
	}
	return conn, err
}

// dialLocal connects to this machine, by IPv4 or else by IPv6.
func (c *Client) dialLocal(ctx context.Context, network, port string) (net.Conn, error) {
	ctx = context.WithValue(ctx, literalKey{}, localAddrs)
	var problems []error
	for _, addr := range localAddrs {
		conn, err := c.dial(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		problems = append(problems, err)
	}
	return nil, problems[0] // the other one's says the same, or that there is no IPv6
}
