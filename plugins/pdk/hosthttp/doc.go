// Package hosthttp carries net/http over the host: the requests of a guest go
// out from there, to where the operator has granted.
//
// In a guest, importing it is enough. Its init function gives
// http.DefaultTransport the host for "http" and "https", so that http.Get,
// http.DefaultClient and every client that was written on top of them run as
// they are:
//
//	import _ "github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp"
//
// A client with a transport of its own needs [Transport] in its place, since
// there are no sockets in a guest. Transport works natively as well, in a test
// that brings a host (package pdktest).
//
// The host decides about every request. What it denies is an error that
// errors.Is finds by [effect.ErrDenied] and whose text names the grant that is
// missing.
//
// TLS, connections, compression and HTTP/2 are the host's. An Authorization
// header holds the handle of a secret (pdk.Secret, or the placeholder in a
// variable of the environment), and there are no cookies. Redirects are
// followed by the http.Client, each as a request of its own.
package hosthttp
