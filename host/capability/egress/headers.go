package egress

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Bounds of the headers that a guest sends.
const (
	maxHeaders      = 128
	maxHeaderBytes  = 64 << 10 // names and values together
	placeOfHeader   = "header"
	placeOfQuery    = "query"
	placeOfBody     = "body"
	basic           = "Basic"
	userAgent       = "User-Agent"
	hostUserAgent   = "mcpwasm"
	contentType     = "Content-Type"
	contentEncoding = "Content-Encoding"
	contentLength   = "Content-Length"
)

// hopByHop are the headers of one connection (RFC 9110, 7.6.1; RFC 9112, 6 and
// RFC 7540, 3.2.1 have the last ones).
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Transfer-Encoding", "Upgrade", "Trailer", "Http2-Settings",
}

// hostHeaders are the other headers that the host sends itself, or that are only a
// proxy's to say.
var hostHeaders = []string{"Host", contentLength, "Accept-Encoding", "Expect", "Forwarded"}

// hostPrefixes are what the names of others begin with: those that make some servers
// take a request for one to another path or from another place than it is.
var hostPrefixes = []string{"X-Forwarded-", "X-Original-", "X-Rewrite-"}

// credentials are the headers that only a secret may stand in.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// overrides are headers that make some servers take a request for one of another
// method; a request is decided for that one too.
var overrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// header is one that the guest sends, its name in canonical form.
type header struct{ name, value string }

// known is the name by which a header is decided on. Servers that hand headers to
// programs as variables (RFC 3875, 4.1.18) write "_" for "-", some of them for any
// other sign as well: "X_Original.URL" is X-Original-Url to what reads them.
func known(name string) string {
	return http.CanonicalHeaderKey(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name))
}

// isHosts reports whether a header, by its known name, is not for guests to send.
func isHosts(name string) bool {
	return slices.Contains(hopByHop, name) || slices.Contains(hostHeaders, name) ||
		slices.ContainsFunc(hostPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// parseHeaders checks a guest's headers. holds reports whether a text has the
// handle of a secret.
func parseHeaders(list [][]string, holds func(string) bool) ([]header, error) {
	if len(list) > maxHeaders {
		return nil, effect.Errorf(plugins.EffectLimit, "headers: more than %d", maxHeaders)
	}
	headers := make([]header, 0, len(list))
	total := 0
	for _, pair := range list {
		if len(pair) != 2 {
			return nil, invalidf(`headers: want pairs ["name","value"]`)
		}
		if total += len(pair[0]) + len(pair[1]); total > maxHeaderBytes {
			return nil, effect.Errorf(plugins.EffectLimit, "headers: more than %d bytes", maxHeaderBytes)
		}
		if err := checkHeader(pair[0], pair[1], holds); err != nil {
			return nil, err
		}
		headers = append(headers, header{http.CanonicalHeaderKey(pair[0]), pair[1]})
	}
	return headers, nil
}

func checkHeader(name, value string, holds func(string) bool) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return invalidf("headers: %.100q is no name", name)
	}
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case holds(name):
		return effect.Errorf(plugins.EffectDenied, "headers: a secret may not stand in a name")
	case strings.IndexFunc(value, unicode.IsControl) >= 0:
		return invalidf("header %s: has control characters", canonical)
	case isHosts(known(name)):
		return invalidf("header %s: is the host's", canonical)
	case slices.Contains(credentials, known(name)) && !holdsSecret(value, holds):
		return effect.Errorf(plugins.EffectDenied, "header %s: is the host's: put the handle of a secret into it; "+
			"who runs the server gives it the token as a secret: --secret NAME=… and --env KEY=secret:NAME", canonical)
	}
	return nil
}

// holdsSecret looks behind the base64 of a Basic credential as well.
func holdsSecret(value string, holds func(string) bool) bool {
	if holds(value) {
		return true
	}
	pair, ok := basicPair(value)
	return ok && holds(pair)
}

// basicPair decodes "Basic …" (RFC 7617).
func basicPair(value string) (string, bool) {
	scheme, encoded, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, basic) {
		return "", false
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	return string(pair), err == nil
}

// expandHeaders puts the secrets into the headers.
func (x *exchange) expandHeaders(ctx context.Context) (http.Header, error) {
	out := http.Header{}
	for _, h := range x.headers {
		value, err := x.expandHeader(ctx, h.value)
		if err != nil {
			return nil, err
		}
		if strings.IndexFunc(value, unicode.IsControl) >= 0 {
			return nil, effect.Errorf(plugins.EffectFailed, "header %s: the secret has control characters, a line end for one", h.name)
		}
		out[h.name] = append(out[h.name], value)
	}
	if _, ok := out[userAgent]; !ok {
		out.Set(userAgent, hostUserAgent)
	}
	return out, nil
}

func (x *exchange) expandHeader(ctx context.Context, value string) (string, error) {
	pair, ok := basicPair(value)
	if !ok || !x.holds(pair) {
		return x.expand(ctx, x.use(placeOfHeader, nil), value)
	}
	pair, err := x.expand(ctx, x.use(placeOfHeader, nil), pair)
	return basic + " " + base64.StdEncoding.EncodeToString([]byte(pair)), err
}

// replyHeaders are a response's headers as the guest gets them: in the order of
// their names, without those of the connection and those whose name has a secret:
// net/http has changed the case of a name, so that it cannot be scrubbed.
func (x *exchange) replyHeaders(h http.Header) [][2]string {
	dropped := slices.Clone(hopByHop)
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			dropped = append(dropped, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	out := [][2]string{}
	for name, values := range h {
		if slices.Contains(dropped, name) || x.shows(name) {
			continue
		}
		for _, v := range values {
			out = append(out, [2]string{name, x.scrub(v)})
		}
	}
	slices.SortStableFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}
