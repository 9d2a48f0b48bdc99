package front

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// checkOrigin refuses what a web page of another origin, or of a name that was
// rebound to this address, could have sent (MCP basic/transports/streamable-http,
// "Security & Endpoint"). Origin is checked even when Host is right, and Host on
// loopback even when there is no Origin.
func (f *Front) checkOrigin(w http.ResponseWriter, r *http.Request) bool {
	if !f.hostAllowed(r) {
		httpError(w, http.StatusForbidden, "", plugins.CodeInvalidRequest, "Host "+quoted(r.Host)+" is not allowed")
		return false
	}
	origins, sent := r.Header["Origin"]
	if !sent {
		return true
	}
	if len(origins) != 1 || !f.originAllowed(origins[0], r) {
		httpError(w, http.StatusForbidden, "", plugins.CodeInvalidRequest, "Origin "+quoted(strings.Join(origins, ", "))+" is not allowed")
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Expose-Headers", headerSession)
	h.Add("Vary", "Origin")
	return true
}

func quoted(s string) string { return string(wire.Quote(s)) }

func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, GET, DELETE")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, *")
	w.WriteHeader(http.StatusNoContent)
}

func (f *Front) hostAllowed(r *http.Request) bool {
	if slices.Contains(f.cfg.AllowedHosts, r.Host) {
		return true
	}
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !isLoopback(addr.String()) {
		return true // not reached through a loopback name, so not rebound to one
	}
	return isLoopback(r.Host)
}

// isLoopback reports whether a host, with or without a port, is this machine's
// own.
func isLoopback(hostport string) bool {
	host := hostOf(hostport)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (f *Front) originAllowed(origin string, r *http.Request) bool {
	if slices.Contains(f.cfg.AllowedOrigins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	// A page of any name is of the endpoint's own origin once that name is
	// rebound to this address; an address and a loopback name cannot be.
	return u.Scheme == scheme && strings.EqualFold(u.Host, r.Host) &&
		(isAddress(r.Host) || isLoopback(r.Host) || slices.Contains(f.cfg.AllowedHosts, r.Host))
}

// isAddress reports whether a host, with or without a port, is an IP address.
func isAddress(hostport string) bool { return net.ParseIP(hostOf(hostport)) != nil }

// hostOf returns a host without its port and brackets.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
