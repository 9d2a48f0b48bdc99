package egress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// follow sends the request and follows as many redirects as the guest wants. One
// more is a response like any other.
func (x *exchange) follow(ctx context.Context) (*http.Response, error) {
	for {
		resp, err := x.send(ctx)
		if err != nil || x.redirects == 0 || !x.redirected(resp) {
			return resp, err
		}
		x.redirects--
		// A short rest is read, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		_ = resp.Body.Close()
		from := x.location.place()
		if err := x.move(resp); err != nil {
			return nil, redirectError(from, err)
		}
		if err := x.permit(ctx); err != nil {
			return nil, err
		}
	}
}

// redirectError is a denial of what a response led to.
func redirectError(from string, err error) error {
	e, ok := errors.AsType[*plugins.EffectError](err)
	if !ok {
		return err
	}
	return effect.Denied(e.Grant, "%s redirects to where it must not be followed: %s", from, e.Message)
}

// redirected reports whether a response is a redirect that can be followed: one
// that wants the body again cannot, once that has gone by.
func (x *exchange) redirected(resp *http.Response) bool {
	if resp.Header.Get("Location") == "" {
		return false
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return x.body.again()
	}
	return false
}

// move turns the request into the one that a redirect asks for (RFC 9110, 15.4),
// and looks at the grants for it. Another origin gets no secret.
func (x *exchange) move(resp *http.Response) error {
	text, _, _ := strings.Cut(resp.Header.Get("Location"), "#")
	if strings.Contains(text, `\`) {
		return invalidf("url: has a backslash")
	}
	ref, err := url.Parse(text)
	if err != nil {
		return invalidf("url: %v", reason(err))
	}
	// Hosts are brought into lower case, and cut short in errors: no message has
	// one that could not be scrubbed any more.
	secret := x.scrub(text) != text || x.shows(text)
	next, err := parseLocation(x.location.url(x.location.query).ResolveReference(ref).String())
	switch {
	case err != nil && secret:
		return invalidf("url: is no good one, and has a secret")
	case err != nil:
		return err
	}
	if x.secret && !secret && x.location.scheme == schemeHTTPS && next.scheme == schemeHTTP {
		return effect.Errorf(plugins.EffectDenied, "%s is not encrypted, and a secret was sent", next.place())
	}
	if !next.sameOrigin(&x.location) {
		if secret {
			return effect.Errorf(plugins.EffectDenied, "the URL is of another origin, and has a secret")
		}
		x.dropSecrets()
	}
	x.location = next
	// 301 and 302 are treated as every browser does: like 303.
	if resp.StatusCode <= http.StatusSeeOther {
		if x.method != http.MethodHead {
			x.method = http.MethodGet
		}
		x.dropBody()
	}
	return x.granted()
}

// dropSecrets drops the headers that have a secret, and all that are credentials.
func (x *exchange) dropSecrets() {
	x.headers = slices.DeleteFunc(x.headers, func(h header) bool {
		return slices.Contains(credentials, known(h.name)) || holdsSecret(h.value, x.holds)
	})
}

// dropBody drops the body and what described it.
func (x *exchange) dropBody() {
	x.body = &body{}
	x.headers = slices.DeleteFunc(x.headers, func(h header) bool {
		return strings.HasPrefix(known(h.name), "Content-") || slices.Contains(overrides, known(h.name))
	})
}
