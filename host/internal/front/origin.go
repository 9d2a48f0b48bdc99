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
	h.Set("Access-Control-Allow-Headers", "Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name")
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
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
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
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil {
		return false
	}
	return (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, r.Host)
}
