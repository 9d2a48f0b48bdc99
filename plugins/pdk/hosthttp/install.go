package hosthttp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// install makes t ask the host. t stays an *http.Transport, because there are
// libraries that take http.DefaultTransport for one.
func install(t *http.Transport) {
	t.Proxy = nil
	// Not nil: net/http would set up HTTP/2 and register that for https.
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.ForceAttemptHTTP2 = false
	t.RegisterProtocol("http", Transport{})
	t.RegisterProtocol("https", Transport{})
	// A clone of t forgets what was registered.
	t.DialContext = refuse
	t.DialTLSContext = refuse
}

var errDial = errors.New("there are no sockets in a guest, and this transport is a copy of http.DefaultTransport that would use one: use hosthttp.Transport in its place")

func refuse(context.Context, string, string) (net.Conn, error) { return nil, errDial }
