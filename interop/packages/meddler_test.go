package packages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// meddler is a registry in an attacker's hands: it hands requests on to a real
// one, and answers as the attacker likes.
type meddler struct {
	registry
	real *registry

	mu       sync.Mutex
	meddle   func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool
	requests []string // method and path
}

// newMeddler starts one that is honest, in front of a registry.
func newMeddler(t *testing.T, real *registry) *meddler {
	t.Helper()
	m := &meddler{registry: registry{name: "meddler", user: real.user, password: real.password}, real: real}
	m.start(m)
	t.Cleanup(m.server.Close)
	return m
}

// from now on, every answer of the real registry is given to f first, which
// reports whether it has answered in its place.
func (m *meddler) from(f func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meddle, m.requests = f, nil
}

// seen returns the requests since from was called.
func (m *meddler) seen() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.requests...)
}

// ServeHTTP implements http.Handler.
func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	meddle := m.meddle
	m.requests = append(m.requests, r.Method+" "+r.URL.Path)
	m.mu.Unlock()
	real := httptest.NewRecorder()
	m.real.server.Config.Handler.ServeHTTP(real, r)
	if meddle != nil && meddle(w, r, real) {
		return
	}
	answer(w, r, real.Code, real.Header(), real.Body.Bytes())
}

// answer sends what was recorded, or something else.
func answer(w http.ResponseWriter, r *http.Request, code int, header http.Header, body []byte) {
	maps.Copy(w.Header(), header)
	if r.Method != http.MethodHead && len(body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have left
	}
}

// changing returns a meddling that changes the bodies of answers to GET whose path
// ends with a text, and no header but the length.
func changing(suffix string, change func([]byte) []byte) func(http.ResponseWriter, *http.Request, *httptest.ResponseRecorder) bool {
	return func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, suffix) || real.Code != http.StatusOK {
			return false
		}
		answer(w, r, real.Code, real.Header(), change(bytes.Clone(real.Body.Bytes())))
		return true
	}
}

// flip changes one bit in the middle.
func flip(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}

// digestOf returns the digest of content.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
