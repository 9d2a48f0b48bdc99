package egress

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Bounds in bytes: of a URL, and of a host before it is brought into ASCII, which
// takes quadratic time.
const (
	maxURL  = 16 << 10
	maxHost = 1 << 10
)

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
	localhost   = "localhost"
)

// location is where a request goes, in the one form that is decided on and sent.
type location struct {
	scheme string // "https" or "http"
	// host is a lower-case ASCII name, or an address as netip.Addr writes it.
	host string
	// addr is the address that host is; invalid where it is a name.
	addr netip.Addr
	port int    // never 0
	path string // escaped and normal, see normalPath; never empty
	// query is what follows the "?", escaped; secrets are still handles.
	query string
}

func invalidf(format string, args ...any) *plugins.EffectError {
	return effect.Errorf(plugins.EffectInvalid, format, args...)
}

// parseLocation reads an absolute URL (RFC 3986) strictly. What two readers could
// take for two things is refused.
func parseLocation(raw string) (location, error) {
	if len(raw) > maxURL {
		return location{}, effect.Errorf(plugins.EffectLimit, "url: longer than %d bytes", maxURL)
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != schemeHTTP && scheme != schemeHTTPS {
		return location{}, invalidf("url: want an absolute one with https or http")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	switch {
	case strings.ContainsAny(raw, `\`):
		return location{}, invalidf(`url: has a backslash: write "/", or %%5C in the query`)
	case strings.Contains(raw, "#"):
		return location{}, invalidf("url: has a fragment, which is not sent")
	case strings.Contains(authority, "@"):
		return location{}, invalidf("url: has a user: credentials are put into a header")
	case strings.Contains(authority, "%"):
		return location{}, invalidf("url: the host has a percent sign: no escapes and no zones there")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return location{}, invalidf("url: %v", reason(err))
	}
	return fromURL(scheme, u)
}

// reason is an error of package url without the URL.
func reason(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func fromURL(scheme string, u *url.URL) (location, error) {
	l := location{scheme: scheme, port: defaultPort(scheme), path: normalPath(u.EscapedPath()), query: escapeQuery(u.RawQuery)}
	var err error
	if l.host, l.addr, err = normalHost(u.Hostname(), strings.HasPrefix(u.Host, "[")); err != nil {
		return location{}, err
	}
	if _, port, ok := strings.Cut(u.Host[strings.LastIndexByte(u.Host, ']')+1:], ":"); ok {
		if l.port, err = strconv.Atoi(port); err != nil || l.port < 1 || l.port > 65535 || strconv.Itoa(l.port) != port {
			return location{}, invalidf("url: port %q: want 1 to 65535", port)
		}
	}
	if l.url(l.query).EscapedPath() != l.path {
		return location{}, invalidf("url: the path cannot be sent as it is")
	}
	return l, nil
}

// normalHost brings a host into the form of [plugins.HTTPGrant].
func normalHost(host string, bracketed bool) (string, netip.Addr, error) {
	if bracketed {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", addr, invalidf("host [%s]: want an IPv6 address without a zone", host)
		}
		addr = addr.Unmap()
		return addr.String(), addr, nil
	}
	name, err := asciiName(host)
	if err != nil {
		return "", netip.Addr{}, invalidf("host %.100q: %v", host, err)
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.String(), addr, nil
	}
	// Resolvers read 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 as addresses. A name
	// whose last label is a number is none (WHATWG URL, "ends in a number").
	if last := name[strings.LastIndexByte(name, '.')+1:]; numeric(last) {
		return "", netip.Addr{}, invalidf("host %q: write an address as four decimal numbers", host)
	}
	return name, netip.Addr{}, nil
}

func numeric(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// asciiName returns a host name in lower case and ASCII, without the dot at its
// end.
func asciiName(host string) (string, error) {
	switch {
	case len(host) > maxHost:
		return "", errors.New("is too long")
	case !utf8.ValidString(host):
		return "", errors.New("is not UTF-8")
	}
	name := strings.ToLower(host)
	if strings.IndexFunc(host, func(r rune) bool { return r > 0x7f }) >= 0 || strings.Contains(name, "xn--") {
		var err error
		// The whole profile is for names that need it: it refuses "--" and "_",
		// which names in ASCII do have.
		if name, err = idna.Lookup.ToASCII(host); err != nil {
			return "", errors.New("is no internationalised name (RFC 5891)")
		}
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return "", errors.New("want 1 to 253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errors.New(`want labels of letters, digits, "-" and "_"`)
		}
	}
	return name, nil
}

func defaultPort(scheme string) int {
	if scheme == schemeHTTP {
		return 80
	}
	return 443
}

// authority is host and port as they stand in a URL.
func (l *location) authority() string {
	if l.port != defaultPort(l.scheme) {
		return net.JoinHostPort(l.host, strconv.Itoa(l.port))
	}
	if l.addr.Is6() {
		return "[" + l.host + "]"
	}
	return l.host
}

// url is the URL with a query of its own, where secrets may be in place.
func (l *location) url(query string) *url.URL {
	path, err := url.PathUnescape(l.path)
	if err != nil {
		path = l.path // normalPath leaves valid escapes alone
	}
	return &url.URL{Scheme: l.scheme, Host: l.authority(), Path: path, RawPath: l.path, RawQuery: query}
}

func (l *location) String() string { return l.url(l.query).String() }

// place is the URL without the query, for messages.
func (l *location) place() string { return l.scheme + "://" + l.authority() + l.path }

// loopback reports whether no other machine is on the way.
func (l *location) loopback() bool { return l.host == localhost || l.addr.IsLoopback() }

func (l *location) target() effect.Target {
	return effect.Target{Scheme: l.scheme, Host: l.host, Port: l.port, Loopback: l.loopback()}
}

// sameOrigin reports whether scheme, host and port agree.
func (l *location) sameOrigin(o *location) bool {
	return l.scheme == o.scheme && l.host == o.host && l.port == o.port
}
