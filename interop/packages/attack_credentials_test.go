package packages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// bystander is another host that an attacker sends clients to. It notes what it is
// told.
type bystander struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	told     []string // headers and fields with a secret
}

func newBystander(t *testing.T, content []byte) *bystander {
	t.Helper()
	b := &bystander{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.requests++
		_ = r.ParseForm() // what cannot be parsed has no fields
		for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
			if v := r.Header.Get(name); v != "" {
				b.told = append(b.told, r.Method+" "+r.URL.Path+": "+name+": "+v)
			}
		}
		if text := r.URL.String() + r.Form.Encode(); strings.Contains(text, "correct") || strings.Contains(text, "password") {
			b.told = append(b.told, r.Method+" "+text)
		}
		_, _ = w.Write(content) // the client may have left
	}))
	t.Cleanup(b.Close)
	return b
}

// TestCredentialsStayHome has a registry that is given a password send the client
// elsewhere, in every way that the protocol has. The other host may be asked, and
// is never told the password or a token.
func TestCredentialsStayHome(t *testing.T) {
	for _, x := range []struct {
		name string
		// meddle sends the client to the other host.
		meddle func(other string, a *arena) meddling
		// push is set where the client writes.
		push bool
		// runs is set where the answer is of use to an honest registry, too: content
		// may be elsewhere.
		runs bool
	}{
		{name: "content on a host that is named", runs: true, meddle: func(other string, a *arena) meddling {
			a.configure(byKey("k.pub"), &a.m.registry, &registry{host: strings.TrimPrefix(other, "http://")})
			return onPath(modulePath(a), func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) })
		}},
		{name: "content elsewhere", meddle: func(other string, a *arena) meddling {
			return onPath(modulePath(a), func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) })
		}},
		{name: "manifest elsewhere", meddle: func(other string, a *arena) meddling {
			return onPath("/manifests/"+a.pkg.Digest, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusMovedPermanently) })
		}},
		{name: "everything elsewhere", meddle: func(other string, _ *arena) meddling {
			return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
				http.Redirect(w, r, other+r.URL.Path, http.StatusPermanentRedirect)
				return true
			}
		}},
		{name: "next page elsewhere", meddle: func(other string, a *arena) meddling {
			return onPath(referrersPath(a), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", mediaTypeIndex)
				w.Header().Set("Link", "<"+other+`/v2/next>; rel="next"`)
				_, _ = w.Write([]byte(`{"schemaVersion":2,"mediaType":"` + mediaTypeIndex + `","manifests":[]}`)) // the client may have left
			})
		}},
		{name: "upload elsewhere", push: true, meddle: func(other string, _ *arena) meddling {
			return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
				if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") {
					http.NotFound(w, r)
					return true
				}
				if r.Method != http.MethodPost {
					return false
				}
				w.Header().Set("Location", other+"/v2/upload/1")
				w.WriteHeader(http.StatusAccepted)
				return true
			}
		}},
		{name: "upload redirected", push: true, meddle: func(other string, _ *arena) meddling {
			return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
				if r.Method != http.MethodPut {
					return false
				}
				http.Redirect(w, r, other+r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := newArena(t)
			a.sign(a.pkg)
			a.write("docker/config.json", []byte(`{"auths":{"`+a.m.host+`":{"username":"`+someUser+`","password":"`+somePassword+`"}}}`), 0o600)
			other := newBystander(t, published.content[a.layer(mediaTypeWasm).Digest])
			meddle := x.meddle(other.URL, a)
			asked := false
			a.m.from(func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
				if user, password, ok := r.BasicAuth(); !ok || user != someUser || password != somePassword {
					w.Header().Set("WWW-Authenticate", `Basic realm="meddler"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				asked = true
				return meddle(w, r, real)
			})
			switch {
			case x.runs:
				a.mustRun("user", a.byDigest())
			case x.push:
				a.fails("mcpwasm", "push", "--cache-dir", shared, guest, a.m.host+"/"+a.repository+"/pushed:1.0.0")
			default:
				a.mustRefuse("user", "add", "--yes", "--name", "canary", a.ref())
			}
			if !asked {
				t.Error("the registry was not told the password: nothing is shown")
			}
			other.mu.Lock()
			defer other.mu.Unlock()
			if len(other.told) > 0 {
				t.Errorf("the other host was told: %v", other.told)
			}
			t.Logf("the other host was asked %d times", other.requests)
		})
	}
}
