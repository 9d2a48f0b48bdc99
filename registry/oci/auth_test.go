package oci_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// credentials writes a Docker configuration with a user and a password for hosts.
func credentials(t *testing.T, hosts ...string) string {
	t.Helper()
	var auths []string
	for _, h := range hosts {
		auths = append(auths, fmt.Sprintf("%q: {%q: %q}", h, "auth", base64.StdEncoding.EncodeToString([]byte("user:secret"))))
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(`{"auths": {`+strings.Join(auths, ",")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// recorder keeps the Authorization headers that a server got.
type recorder struct {
	http.Handler
	mu   sync.Mutex
	got  []string
	asks int
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asks++
	if a := req.Header.Get("Authorization"); a != "" {
		r.got = append(r.got, a)
	}
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, req)
}

func (r *recorder) seen() (headers []string, requests int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got), r.asks
}

const basic = "Basic dXNlcjpzZWNyZXQ="

// guarded asks for a user and a password.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// withCredentials returns a repository at a host, with credentials for it.
func withCredentials(t *testing.T, host string, others ...string) oci.Target {
	t.Helper()
	c := plain(append(others, host)...)
	c.DockerConfig = credentials(t, host)
	remotes, err := oci.NewHasty(c, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return remotes.Repository(oci.Reference{Registry: host, Repository: "acme/weather"})
}

func TestBasic(t *testing.T) {
	host := serve(t, guarded(memoryRegistry(ociserver.Options{})))
	a := newArtifact(t, "application/x", nil, []byte("module"))
	a.push(t, withCredentials(t, host))
	if _, err := withCredentials(t, host).Resolve(t.Context(), a.descriptor.Digest); err != nil {
		t.Error(err)
	}
	_, err := repository(t, plain(host), host).Resolve(t.Context(), a.descriptor.Digest)
	oneLine(t, err, "access denied", "mcpwasm login "+host)
	if !errors.Is(err, oci.ErrDenied) {
		t.Errorf("not ErrDenied: %v", err)
	}
}

// tokens is a token service and a registry that asks for its tokens.
func tokens(t *testing.T) (host, tokenHost string, service *recorder) {
	service = &recorder{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"token":"granted"}`) })}
	tokenHost = serve(t, service)
	h := memoryRegistry(ociserver.Options{})
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer granted" {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, tokenHost))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})), tokenHost, service
}

func TestBearer(t *testing.T) {
	host, tokenHost, service := tokens(t)
	a := newArtifact(t, "application/x", nil, []byte("module"))
	a.push(t, withCredentials(t, host, tokenHost))
	got, _ := service.seen()
	for _, header := range got {
		if header != basic {
			t.Errorf("the token service got %q, and not what is kept for the registry", header)
		}
	}
	if len(got) == 0 {
		t.Error("the token service got no credentials")
	}
}

func TestBearerRealm(t *testing.T) {
	t.Run("anonymous", func(t *testing.T) {
		host, tokenHost, service := tokens(t)
		_, err := repository(t, plain(host, tokenHost), host).Resolve(t.Context(), "1.0")
		if !errors.Is(err, oci.ErrNotFound) {
			t.Error(err)
		}
		if got, _ := service.seen(); len(got) > 0 {
			t.Errorf("the token service got %q", got)
		}
	})
	t.Run("unencrypted and not named", func(t *testing.T) {
		host, tokenHost, service := tokens(t)
		_, err := withCredentials(t, host).Resolve(t.Context(), "1.0")
		oneLine(t, err, "it leads to http://"+tokenHost+", which is not encrypted")
		if got, asked := service.seen(); len(got) > 0 || asked > 0 {
			t.Errorf("it was asked %d times, and got %q", asked, got)
		}
	})
	t.Run("other credentials are not for it", func(t *testing.T) {
		host, tokenHost, service := tokens(t)
		c := plain(host, tokenHost)
		c.DockerConfig = credentials(t, tokenHost) // which the registry must not make use of
		if _, err := repository(t, c, host).Resolve(t.Context(), "1.0"); !errors.Is(err, oci.ErrNotFound) {
			t.Error(err)
		}
		if got, _ := service.seen(); len(got) > 0 {
			t.Errorf("the token service got %q", got)
		}
	})
}

func TestRedirectWithoutCredentials(t *testing.T) {
	content := []byte("from a network that delivers content")
	d := oci.Describe("application/wasm", content)
	cdn := &recorder{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })}
	cdnHost := serve(t, cdn)
	host := serve(t, guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+cdnHost+"/blob?signature=1", http.StatusTemporaryRedirect)
	})))
	got, err := oci.ReadAll(t.Context(), withCredentials(t, host, cdnHost), d, 1<<20)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %q, %v", got, err)
	}
	if headers, asked := cdn.seen(); asked == 0 || len(headers) > 0 {
		t.Errorf("it was asked %d times, and got %q", asked, headers)
	}
}

func TestLocationElsewhere(t *testing.T) {
	other := &recorder{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })}
	otherHost := serve(t, other)
	host := serve(t, guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Location", "http://"+otherHost+"/upload")
		w.WriteHeader(http.StatusAccepted)
	})))
	content := []byte("a module")
	err := withCredentials(t, host, otherHost).Push(t.Context(), oci.Describe("application/wasm", content), bytes.NewReader(content))
	oneLine(t, err, "different host", host)
	if headers, _ := other.seen(); len(headers) > 0 {
		t.Errorf("it got %q", headers)
	}
}

func TestLinkElsewhere(t *testing.T) {
	other := &recorder{Handler: http.NotFoundHandler()}
	otherHost := serve(t, other)
	host := serve(t, guarded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", oci.MediaTypeIndex)
		w.Header().Set("Link", "<http://"+otherHost+`/v2/acme/weather/tags/list?last=x>; rel="next"`)
		fmt.Fprint(w, `{"tags":["1.0"],"manifests":[]}`)
	})))
	target := withCredentials(t, host, otherHost)
	_, err := target.Tags(t.Context())
	oneLine(t, err, "its list goes on at another server, http://"+otherHost+", which is not asked")
	_, err = target.Referrers(t.Context(), oci.DigestOf(nil))
	oneLine(t, err, "its list goes on at another server, http://"+otherHost+", which is not asked")
	if headers, asked := other.seen(); asked > 0 {
		t.Errorf("it was asked %d times, and got %q", asked, headers)
	}
}

func TestLogin(t *testing.T) {
	host := serve(t, guarded(memoryRegistry(ociserver.Options{})))
	open := serve(t, memoryRegistry(ociserver.Options{}))
	c := plain(host, open)
	c.DockerConfig = filepath.Join(t.TempDir(), "config.json")
	// A helper that this machine happens to have must not be used.
	t.Setenv("PATH", t.TempDir())
	remotes, err := oci.NewRemotes(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = remotes.Login(t.Context(), host, "user", "wrong")
	oneLine(t, err, "access denied", host)
	if _, err := os.Stat(c.DockerConfig); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
	l, err := remotes.Login(t.Context(), host, "user", "secret")
	if err != nil || !l.Checked || !l.Plaintext || l.File != c.DockerConfig {
		t.Fatalf("got %+v, %v", l, err)
	}
	if _, err := repository(t, c, host).Resolve(t.Context(), "1.0"); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("with credentials: %v", err)
	}
	if l, err := remotes.Login(t.Context(), open, "user", "anything"); err != nil || l.Checked {
		t.Errorf("a registry that asks for nothing: %+v, %v", l, err)
	}
	for range 2 { // the second has nothing to remove
		if _, err := remotes.Logout(t.Context(), host); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := repository(t, c, host).Resolve(t.Context(), "1.0"); !errors.Is(err, oci.ErrDenied) {
		t.Errorf("without credentials: %v", err)
	}
}
