package host_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// canary is the value of a secret; it is to be found where it was sent and
// nowhere else.
const canary = "canary-token-8d1f0c7a"

// journal keeps what a host logs.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func newStore(t *testing.T) store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state", "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// httpGrant is a grant as people write it.
func httpGrant(t *testing.T, text string) plugins.HTTPGrant {
	t.Helper()
	g, err := plugins.ParseHTTPGrant(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// toolResult calls a tool and returns its first text, and whether it failed.
func toolResult(t *testing.T, h *host.Host, tool string, arguments any) (text string, failed bool) {
	t.Helper()
	raw, err := h.CallTool(t.Context(), tool, arguments)
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return textOf(t, raw)
}

func textOf(t *testing.T, raw json.RawMessage) (text string, failed bool) {
	t.Helper()
	var r struct {
		Content []struct{ Text string }
		IsError bool
	}
	if err := json.Unmarshal(raw, &r); err != nil || len(r.Content) == 0 {
		t.Fatalf("%v: %s", err, raw)
	}
	return r.Content[0].Text, r.IsError
}

type toolArgs map[string]any

// mustSay calls a tool that is to work, and whose text is to have all parts.
func mustSay(t *testing.T, h *host.Host, tool string, arguments any, parts ...string) string {
	t.Helper()
	text, failed := toolResult(t, h, tool, arguments)
	if failed {
		t.Errorf("%s: %s", tool, text)
	}
	return says(t, tool, text, parts)
}

// mustFail calls a tool that is to say what is wrong.
func mustFail(t *testing.T, h *host.Host, tool string, arguments any, parts ...string) string {
	t.Helper()
	text, failed := toolResult(t, h, tool, arguments)
	if !failed {
		t.Errorf("%s works: %s", tool, text)
	}
	return says(t, tool, text, parts)
}

func says(t *testing.T, tool, text string, parts []string) string {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s: %q lacks %q", tool, text, p)
		}
	}
	return text
}

// callAs calls a tool over HTTP in somebody's name.
func callAs(t *testing.T, url, who, tool, arguments string) (text string, failed bool) {
	t.Helper()
	return textOf(t, json.RawMessage(postAs(t, url, who, tool, `{"name":"`+tool+`","arguments":`+arguments+
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`)))
}

// postAs calls a tool over HTTP with all its parameters and returns the result.
func postAs(t *testing.T, url, who, tool, params string) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": plugins.ProtocolVersion, "Mcp-Method": "tools/call", "Mcp-Name": tool, "X-User": who} {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, data, streamed := bytes.Cut(b, []byte("data: "))
	if !streamed {
		data = b
	}
	var m struct{ Result json.RawMessage }
	if err := json.Unmarshal(bytes.TrimSpace(data), &m); err != nil || m.Result == nil {
		t.Fatalf("%s: %s: %v", resp.Status, b, err)
	}
	return string(m.Result)
}

// TestNotesOfTwoPeople: notes outlive guests and hosts, and belong to who wrote
// them.
func TestNotesOfTwoPeople(t *testing.T) {
	t.Parallel()
	data := newStore(t)
	config := host.Config{
		Servers: []host.Server{{Name: "notes", Source: guest(t, "notes"), Grants: plugins.Grants{KV: &plugins.KVGrant{}}}}, Store: data,
		HTTP: host.HTTPOptions{Principal: named},
	}
	h := open(t, config)
	s := httptest.NewServer(h.Handler())
	defer s.Close()
	if text, failed := callAs(t, s.URL, "ada", "add_note", `{"title":"Milk","text":"Two litres."}`); failed {
		t.Fatal(text)
	}
	if text, failed := callAs(t, s.URL, "bob", "list_notes", `{}`); failed || text != `{"notes":[]}` {
		t.Errorf("bob sees %s", text)
	}
	again := httptest.NewServer(open(t, config).Handler())
	defer again.Close()
	for who, want := range map[string]bool{"ada": true, "bob": false} {
		if text, failed := callAs(t, again.URL, who, "list_notes", `{}`); failed || strings.Contains(text, "Milk") != want {
			t.Errorf("in another host, %s sees %s", who, text)
		}
	}
}

// TestNotesNotGranted: what is missing is said to whoever calls, and a reload with
// it takes effect.
func TestNotesNotGranted(t *testing.T) {
	t.Parallel()
	log := &journal{}
	bare := host.Server{Name: "notes", Source: guest(t, "notes")}
	h := open(t, host.Config{Servers: []host.Server{bare}, Store: newStore(t), Logger: log.logger()})
	mustFail(t, h, "list_notes", toolArgs{}, "--kv")
	if !strings.Contains(log.String(), "msg=denied") {
		t.Errorf("the log says nothing of it:\n%s", log)
	}
	granted, readOnly, narrowed := bare, bare, bare
	granted.Grants.KV = &plugins.KVGrant{}
	readOnly.Grants.KV = &plugins.KVGrant{Access: plugins.ReadOnly}
	narrowed.Grants = plugins.Grants{KV: &plugins.KVGrant{}, Tools: map[string]plugins.Access{"add_note": plugins.ReadOnly}}
	note := toolArgs{"title": "Milk", "text": "Two litres."}
	reload := func(s host.Server) {
		t.Helper()
		if err := h.Reload(t.Context(), []host.Server{s}); err != nil {
			t.Fatal(err)
		}
	}
	reload(granted)
	mustSay(t, h, "add_note", note, "Milk")
	reload(readOnly)
	mustFail(t, h, "add_note", note, "reading only")
	mustSay(t, h, "list_notes", toolArgs{}, "Milk")
	reload(narrowed)
	mustFail(t, h, "add_note", note, "--tool-access add_note=rw")
	reload(bare)
	mustFail(t, h, "list_notes", toolArgs{}, "--kv")
}

// TestFiles: tools reach the folder that was mounted, as far as they say and were
// granted.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{filepath.Join(dir, "list.txt"): "milk", filepath.Join(outside, "other.txt"): canary} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "other.txt"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	mounted := func(a plugins.Access) plugins.Grants {
		return plugins.Grants{Mounts: []plugins.MountGrant{{Source: dir, Path: "/data", Access: a}}}
	}
	h := open(t, host.Config{Policy: policy(t, everything), Servers: []host.Server{{Name: "files", Source: guest(t, "files"), Grants: mounted(plugins.ReadWrite)}}})
	mustSay(t, h, "read_file", toolArgs{"path": "/data/list.txt"}, "milk")
	mustSay(t, h, "write_file", toolArgs{"path": "/data/new/a.txt", "text": "eggs"})
	if b, err := os.ReadFile(filepath.Join(dir, "new", "a.txt")); err != nil || string(b) != "eggs" {
		t.Errorf("%q, %v", b, err)
	}
	for _, path := range []string{"/data/link", "/data/../etc/passwd", filepath.Join(outside, "other.txt"), "/etc/passwd"} {
		if text := mustFail(t, h, "read_file", toolArgs{"path": path}); strings.Contains(text, canary) || strings.Contains(text, "root:") {
			t.Errorf("%s: %s", path, text)
		}
	}
	if err := h.Reload(t.Context(), []host.Server{{Name: "files", Source: guest(t, "files"), Grants: mounted(plugins.ReadOnly)}}); err != nil {
		t.Fatal(err)
	}
	mustFail(t, h, "write_file", toolArgs{"path": "/data/b.txt", "text": "eggs"})
	if _, err := os.Stat(filepath.Join(dir, "b.txt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written all the same: %v", err)
	}
	if err := h.Reload(t.Context(), []host.Server{{Name: "files", Source: guest(t, "files")}}); err != nil {
		t.Fatal(err)
	}
	mustFail(t, h, "read_file", toolArgs{"path": "/data/list.txt"})
}

// TestToolThatOnlyReads: a tool that may only read cannot write to a mount, though
// it tries; it has its scratch folder.
func TestToolThatOnlyReads(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), &journal{}
	server := host.Server{Name: "hostile", Source: guest(t, "hostile"), Grants: plugins.Grants{
		Mounts: []plugins.MountGrant{{Source: dir, Path: "/data", Access: plugins.ReadWrite}},
		Tools:  map[string]plugins.Access{"write": plugins.ReadOnly},
	}}
	h := open(t, host.Config{Servers: []host.Server{server}, Logger: log.logger()})
	mustSay(t, h, "write", toolArgs{"path": "/data/a", "data": "x"}, "error: ", "Read-only")
	mustSay(t, h, "write", toolArgs{"path": "/tmp/a", "data": "x"}, "written")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if !strings.Contains(log.String(), "--tool-access write=rw") {
		t.Errorf("log:\n%s", log)
	}
	server.Grants.Tools = nil
	if err := h.Reload(t.Context(), []host.Server{server}); err != nil {
		t.Fatal(err)
	}
	mustSay(t, h, "write", toolArgs{"path": "/data/a", "data": "x"}, "written")
	mustSay(t, h, "read", toolArgs{"path": "/tmp/a"}, "error: ")
}

// TestFetch: requests go where they were granted.
func TestFetch(t *testing.T) {
	t.Parallel()
	var requests sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		requests.Store(r.URL.Path, true)
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>Hello</h1><p>there</p>")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	server := host.Server{Name: "fetch", Source: guest(t, "fetch")}
	h := open(t, host.Config{Servers: []host.Server{server}})
	address := strings.TrimPrefix(s.URL, "http://")
	mustFail(t, h, "fetch", toolArgs{"url": s.URL + "/denied"}, "--allow-http", address)
	server.Grants.HTTP = []plugins.HTTPGrant{httpGrant(t, "GET "+s.URL+"/open")}
	if err := h.Reload(t.Context(), []host.Server{server}); err != nil {
		t.Fatal(err)
	}
	mustSay(t, h, "fetch", toolArgs{"url": s.URL + "/open/page"}, "# Hello", "there")
	mustFail(t, h, "fetch", toolArgs{"url": s.URL + "/closed"}, "--allow-http")
	mustFail(t, h, "fetch", toolArgs{"url": s.URL + "/open/../closed"}, "")
	for path, want := range map[string]bool{"/open/page": true, "/denied": false, "/closed": false} {
		if _, got := requests.Load(path); got != want {
			t.Errorf("%s was asked for: %v", path, got)
		}
	}
}

// standin runs the sample's issue tracker, which wants the canary as its token,
// and returns its address.
func standin(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "standin.exe")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./issues/standin")
	build.Dir = filepath.Join("..", "plugins", "examples")
	if err := run(build); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-port", "0")
	cmd.Env = append(os.Environ(), "API_TOKEN="+canary)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// withToken grants a server the canary as API_TOKEN, for the API at an address.
func withToken(t *testing.T, s host.Server, api string) host.Server {
	t.Helper()
	u, err := url.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "API_URL="+api)
	s.Grants.HTTP = []plugins.HTTPGrant{httpGrant(t, api)}
	s.Grants.Secrets = []plugins.SecretGrant{{Name: "API_TOKEN", Provider: "env", Ref: "THE_TOKEN", Hosts: []string{u.Host}}}
	return s
}

func tokenProvider() map[string]secrets.Provider {
	return map[string]secrets.Provider{"env": secrets.Env(func(name string) (string, bool) { return canary, name == "THE_TOKEN" })}
}

// noCanary checks that the canary is neither in a log nor in any file of a folder.
func noCanary(t *testing.T, log *journal, dir string) {
	t.Helper()
	if strings.Contains(log.String(), canary) {
		t.Errorf("the log has the secret:\n%s", log)
	}
	err := filepath.WalkDir(filepath.Join(dir, "definitions"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s has the secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestToken: the API gets the token, and nobody else does.
func TestToken(t *testing.T) {
	t.Parallel()
	api := standin(t)
	tests := []struct {
		server host.Server
		tool   string
		want   string
	}{
		{host.Server{Name: "issues", Source: guest(t, "issues")}, "list_issues", "The door squeaks"},
		{host.Server{Name: "api", Source: guest(t, "api"), Env: []string{"API_TOKEN=secret:API_TOKEN"}}, "count_issues", `{"open":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.server.Name, func(t *testing.T) {
			t.Parallel()
			log, dir := &journal{}, cacheDir(t)
			good := withToken(t, tt.server, api)
			h := open(t, host.Config{Servers: []host.Server{good}, Secrets: tokenProvider(), Logger: log.logger(), CacheDir: dir})
			mustSay(t, h, "whoami", toolArgs{}, `"login":"ada"`)
			mustSay(t, h, tt.tool, toolArgs{}, tt.want)
			bad := good
			bad.Grants.Secrets = nil
			bad.Env = []string{"API_URL=" + api}
			if err := h.Reload(t.Context(), []host.Server{bad}); err != nil {
				t.Fatal(err)
			}
			mustFail(t, h, "whoami", toolArgs{})
			noCanary(t, log, dir)
		})
	}
}

// TestTokenForAnotherHost: a secret goes to no host that it was not granted for,
// whoever asks for it.
func TestTokenForAnotherHost(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request with %q", r.Header)
	}))
	defer thief.Close()
	s := withToken(t, host.Server{Name: "issues", Source: guest(t, "issues")}, "http://127.0.0.1:1")
	s.Env = []string{"API_URL=" + thief.URL}
	s.Grants.HTTP = append(s.Grants.HTTP, httpGrant(t, thief.URL))
	log := &journal{}
	h := open(t, host.Config{Servers: []host.Server{s}, Secrets: tokenProvider(), Logger: log.logger()})
	mustFail(t, h, "whoami", toolArgs{}, "--secret API_TOKEN")
	if !strings.Contains(log.String(), "msg=denied") {
		t.Errorf("log:\n%s", log)
	}
}

// TestEchoedToken: an API that says what it was told does not give the secret
// away.
func TestEchoedToken(t *testing.T) {
	t.Parallel()
	var got sync.Map
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"), true)
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, `{"message":"no such token: %s"}`, r.Header.Get("Authorization"))
	}))
	defer echo.Close()
	log, dir := &journal{}, cacheDir(t)
	s := withToken(t, host.Server{Name: "issues", Source: guest(t, "issues")}, echo.URL)
	h := open(t, host.Config{Servers: []host.Server{s}, Secrets: tokenProvider(), Logger: log.logger(), CacheDir: dir})
	if text := mustFail(t, h, "whoami", toolArgs{}, "[secret:API_TOKEN]"); strings.Contains(text, canary) {
		t.Errorf("the answer is %s", text)
	}
	if _, ok := got.Load("Bearer " + canary); !ok {
		t.Error("the API did not get the token")
	}
	noCanary(t, log, dir)
}

// TestGrantsForNoTool: a grant for a tool that is misspelt is an error, and not
// one that narrows nothing.
func TestGrantsForNoTool(t *testing.T) {
	t.Parallel()
	s := host.Server{Name: "notes", Source: guest(t, "notes"), Grants: plugins.Grants{
		KV: &plugins.KVGrant{}, Tools: map[string]plugins.Access{"add_notes": plugins.ReadOnly}}}
	h := open(t, host.Config{Servers: []host.Server{s}, Store: newStore(t)})
	for range 2 { // the second from the cache
		_, err := h.Definitions(t.Context(), "notes")
		checkError(t, err, []string{`server "notes"`, "grants.tools.add_notes", `did you mean "add_note"?`})
	}
	if _, err := h.CallTool(t.Context(), "add_note", toolArgs{"title": "x"}); err == nil {
		t.Error("its tools work all the same")
	}
	s.Grants.Tools = map[string]plugins.Access{"add_note": plugins.ReadOnly}
	if err := h.Reload(t.Context(), []host.Server{s}); err != nil {
		t.Fatal(err)
	}
	mustFail(t, h, "add_note", toolArgs{"title": "x", "text": ""}, "only reads")
}

// TestDanglingGrants: a server whose grants lead nowhere says so and does not keep
// others from serving.
func TestDanglingGrants(t *testing.T) {
	t.Parallel()
	bad := host.Server{Name: "bad", Source: guest(t, "notes"), Grants: plugins.Grants{
		KV:     &plugins.KVGrant{},
		Mounts: []plugins.MountGrant{{Source: filepath.Join(t.TempDir(), "gone"), Path: "/data"}},
	}}
	h := open(t, host.Config{Prefix: true, Servers: []host.Server{bad, {Name: "good", Source: guest(t, "reactor")}}})
	err := h.Status()[0].Err
	problems, ok := errors.AsType[plugins.GrantProblems](err)
	if !ok || len(problems) != 2 || problems[0].Path != "grants.mounts[0]" || problems[1].Path != "grants.kv" {
		t.Errorf("status %v", err)
	}
	checkCall(t, h, "good__ok", nil)
}
