package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// eras are the clients that policies are tried with: one of each maker in each era.
var eras = []era{
	{"gosdk", "", "gosdk/2026-07-28"},
	{"gosdk", "2025-11-25", "gosdk/2025-11-25"},
	{"ts2", "auto", "ts/2026-07-28"},
	{"ts1", "", "ts/2025-11-25"},
}

type era struct{ kind, revision, name string }

// connect connects the era's client, with somebody at it.
func (e era) connect(t *testing.T, g target, p person) client {
	t.Helper()
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == e.kind })
	return kinds[i].connect(t, g, e.revision, p)
}

// transports start mcpwasm to be spoken to.
var transports = map[string]func(t *testing.T, args ...string) target{"stdio": stdioTarget, "http": startHTTP}

// everyEra runs a test with a client of each era over both transports. Each starts a
// server of its own, because policies remember what happened.
func everyEra(t *testing.T, eras []era, test func(t *testing.T, e era, start func(*testing.T, ...string) target)) {
	t.Helper()
	for transport, start := range transports {
		for _, e := range eras {
			t.Run(transport+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				test(t, e, start)
			})
		}
	}
}

// leave closes a client that has nothing more to do.
func leave(t *testing.T, c client) {
	t.Helper()
	if err := c.close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// policyFile returns a copy of a policy in testdata/policies in which ${NAME} is
// replaced.
func policyFile(t *testing.T, name string, values map[string]string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	writePolicy(t, file, name, values)
	return file
}

func writePolicy(t *testing.T, file, name string, values map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "policies", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(os.Expand(string(text), func(k string) string { return values[k] }))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// site is a server on this machine that notes what reaches it.
type site struct {
	url, port string
	mu        sync.Mutex
	conns     int
	requests  []string // "METHOD /path", and the body behind another space
}

// newSite starts a site with pages by path. "POST" to any path is taken.
func newSite(t *testing.T, pages map[string]http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if page, ok := pages[r.URL.Path]; ok {
			page(w, r)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns++
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.url, s.port = server.URL, u.Port()
	return s
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// saw checks which requests have reached the site; with none, not even a connection has.
func (s *site) saw(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.requests, want) {
		t.Errorf("%s saw %q, want %q", s.url, s.requests, want)
	}
	if len(want) == 0 && s.conns > 0 {
		t.Errorf("%s saw %d connections, want none", s.url, s.conns)
	}
}

// checkDenied checks that a call was denied in a phase by a rule, for a reason. The rule
// may be "": any.
func checkDenied(t *testing.T, what string, result json.RawMessage, phase, rule, reason string) {
	t.Helper()
	var r struct {
		IsError bool
		Content []struct{ Text string }
		Meta    map[string]struct{ Rule, Phase string } `json:"_meta"`
	}
	unmarshal(t, result, &r)
	denied := r.Meta["mcpwasm/denied"]
	if !r.IsError || len(r.Content) != 1 || denied.Phase != phase || denied.Rule == "" || rule != "" && denied.Rule != rule {
		t.Errorf("%s: %s, want a denial by the rule %q in the phase %s", what, result, rule, phase)
		return
	}
	for _, part := range []string{"Denied by the policy", denied.Rule, reason} {
		if !strings.Contains(r.Content[0].Text, part) {
			t.Errorf("%s: denied with %q, want %q in it", what, r.Content[0].Text, part)
		}
	}
}

// checkFailed checks that a tool failed, and that its text has what is wanted.
func checkFailed(t *testing.T, what string, result json.RawMessage, want ...string) {
	t.Helper()
	check(t, what, result, `{"isError":true}`)
	for _, part := range want {
		if !strings.Contains(string(result), part) {
			t.Errorf("%s: %s, want %q in it", what, result, part)
		}
	}
}

// A policy decides on each request of the guest while it works, redirects included: the
// grants would allow all of them.
func TestPolicyDecidesEffects(t *testing.T) {
	everyEra(t, eras, func(t *testing.T, e era, start func(*testing.T, ...string) target) {
		other := newSite(t, nil)
		allowed := newSite(t, map[string]http.HandlerFunc{
			"/page":  text("Hello there."),
			"/moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.url+"/page", http.StatusFound) },
		})
		policy := policyFile(t, "one-host", map[string]string{"ALLOWED_PORT": allowed.port})
		c := e.connect(t, start(t, "run", "--policy", policy, "--allow-http", allowed.url, "--allow-http", other.url, sample("fetch")), helpful)
		fetch := func(url string) json.RawMessage { return call(t, c, "fetch", map[string]any{"url": url}) }
		post := func(url string) json.RawMessage { return call(t, c, "post", map[string]any{"url": url, "text": "x"}) }
		check(t, "the one host", fetch(allowed.url+"/page"), `{"content":[{"type":"text","text":"Hello there."}]}`)
		checkFailed(t, "another host", fetch(other.url+"/page"), "one-host", "This server reads the one host only.")
		checkFailed(t, "a redirect to another host", fetch(allowed.url+"/moved"), "one-host")
		checkFailed(t, "a POST to the one host", post(allowed.url+"/page"), "policy")
		checkFailed(t, "a POST to another host", post(other.url+"/page"), "one-host")
		allowed.saw(t, "GET /page", "GET /moved")
		other.saw(t)
		leave(t, c)
	})
}

// A policy that is changed under connected clients is in force at once, and they are
// told. One that cannot be used changes nothing.
func TestPolicyReload(t *testing.T) {
	everyEra(t, eras, func(t *testing.T, e era, start func(*testing.T, ...string) target) {
		file := policyFile(t, "all", nil)
		c := e.connect(t, start(t, "run", "--policy", file, sample("fetch")), helpful)
		request(t, c, "subscribe", map[string]any{"toolsListChanged": true})
		checkNames(t, c, "tools/list", "tools", "", "fetch", "post")

		c.events().clear()
		writePolicy(t, file, "read-only", nil)
		c.events().wait(t, "notifications/tools/list_changed", 1)
		checkNames(t, c, "tools/list", "tools", "", "fetch")
		checkDenied(t, "a tool that is gone", call(t, c, "post", map[string]any{"url": "http://127.0.0.1:1/", "text": "x"}),
			"call", "read-only", "Nothing is sent from here.")

		c.events().clear()
		writePolicy(t, file, "broken", nil)
		checkNames(t, c, "tools/list", "tools", "", "fetch")
		writePolicy(t, file, "all", nil)
		c.events().wait(t, "notifications/tools/list_changed", 1)
		checkNames(t, c, "tools/list", "tools", "", "fetch", "post")
		request(t, c, "unsubscribe", map[string]any{})
		leave(t, c)
	})
}

// grantsConfig is a configuration of the samples notes and fetch behind one endpoint,
// each with labels.
func grantsConfig(t *testing.T, notesLabels, fetchLabels string, reach ...*site) string {
	t.Helper()
	var urls []string
	for _, s := range reach {
		urls = append(urls, fmt.Sprintf("%q", s.url))
	}
	file := filepath.Join(t.TempDir(), "mcpwasm.yaml")
	config := fmt.Sprintf("servers:\n  notes:\n    source: %q\n    grants: {kv: rw}\n    labels: %s\n  fetch:\n    source: %q\n    grants: {http: [%s]}\n    labels: %s\n",
		sample("notes"), notesLabels, sample("fetch"), strings.Join(urls, ", "), fetchLabels)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
