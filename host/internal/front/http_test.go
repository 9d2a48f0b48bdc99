package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// httpClient speaks to a front over a real connection on loopback.
type httpClient struct {
	t   *testing.T
	url string
}

func dialHTTP(t *testing.T, f *Front) *httpClient {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(func() {
		f.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return &httpClient{t, srv.URL}
}

// do sends a request with headers as "Name: value" and returns the open
// response.
func (c *httpClient) do(ctx context.Context, method, body string, headers ...string) *http.Response {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "+Mcp-Name", "+Origin":
			r.Header.Add(name[1:], value)
		default:
			r.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// post sends a body and returns the status and the whole response.
func (c *httpClient) post(body string, headers ...string) (int, string, http.Header) {
	c.t.Helper()
	resp := c.do(c.t.Context(), http.MethodPost, body, headers...)
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

// modernHeaders are those of a request of the stateless era.
func modernHeaders(method, name string) []string {
	h := []string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: " + method}
	if name != "" {
		h = append(h, "Mcp-Name: "+name)
	}
	return h
}

func (c *httpClient) initialize(revision string, headers ...string) (session string) {
	c.t.Helper()
	status, body, h := c.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}}`, headers...)
	if status != 200 || h.Get("Mcp-Session-Id") == "" {
		c.t.Fatalf("initialize: %d %s", status, body)
	}
	return "Mcp-Session-Id: " + h.Get("Mcp-Session-Id")
}

const echoCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":9007199254740993},` + meta + `}}`

func TestHTTPModern(t *testing.T) {
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + meta + `}}`
	other := func(method, params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + meta + `}}`
	}
	for _, tc := range []struct {
		name, body string
		headers    []string
		status     int
		want       string
	}{
		{"call", echoCall, modernHeaders("tools/call", "echo"), 200, `"structuredContent":{"n":9007199254740993}`},
		{"name in base64", echoCall, modernHeaders("tools/call", "=?base64?ZWNobw==?="), 200, `"structuredContent"`},
		{"no version header", list, []string{"Mcp-Method: tools/list"}, 400, "-32020"},
		{"another version header", list, []string{"MCP-Protocol-Version: 2025-11-25", "Mcp-Method: tools/list"}, 400, "-32020"},
		{"another method header", list, modernHeaders("tools/call", ""), 400, `"message":"Header mismatch: Mcp-Method`},
		{"another name header", echoCall, modernHeaders("tools/call", "rm"), 400, "-32020"},
		{"two name headers", echoCall, append(modernHeaders("tools/call", "echo"), "+Mcp-Name: rm"), 400, "-32020"},
		{"no meta", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, modernHeaders("tools/list", ""), 400, "-32602"},
		{"unknown version", strings.Replace(list, "2026-07-28", "2099-01-01", 1), []string{"MCP-Protocol-Version: 2099-01-01", "Mcp-Method: tools/list"}, 400, `"supported":["2026-07-28","2025-11-25"`},
		{"unknown method", other("no/such", ""), modernHeaders("no/such", ""), 404, "-32601"},
		{"removed method", other("initialize", ""), modernHeaders("initialize", ""), 404, "-32601"},
		{"unknown tool", other("tools/call", `"name":"rm",`), modernHeaders("tools/call", "rm"), 200, "-32602"},
		{"missing capability", strings.Replace(other("tools/call", `"name":"ask",`), `{"elicitation":{}}`, `{}`, 1), modernHeaders("tools/call", "ask"), 400, "-32021"},
		{"parameter header", other("tools/call", `"name":"regional","arguments":{"region":"eu"},`), append(modernHeaders("tools/call", "regional"), "Mcp-Param-Region: eu"), 200, "content"},
		{"another parameter header", other("tools/call", `"name":"regional","arguments":{"region":"eu"},`), append(modernHeaders("tools/call", "regional"), "Mcp-Param-Region: us"), 400, "-32020"},
		{"no parameter header", other("tools/call", `"name":"regional","arguments":{"region":"eu"},`), modernHeaders("tools/call", "regional"), 400, "-32020"},
		{"not JSON", "{", modernHeaders("tools/list", ""), 400, "-32700"},
		{"duplicate keys", `{"jsonrpc":"2.0","id":1,"id":1,"method":"tools/list"}`, modernHeaders("tools/list", ""), 400, "-32700"},
		{"body too large", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("a", 5<<20) + `"}`, modernHeaders("x", ""), 413, "larger than 4194304"},
		{"content type", list, append(modernHeaders("tools/list", ""), "Content-Type: text/plain"), 415, "application/json"},
		{"accept", list, append(modernHeaders("tools/list", ""), "Accept: text/html"), 406, "Accept"},
		{"a response", `{"jsonrpc":"2.0","id":1,"result":{}}`, modernHeaders("x", ""), 400, "no responses"},
		{"a notification", `{"jsonrpc":"2.0","method":"notifications/x"}`, modernHeaders("notifications/x", ""), 202, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := newTestFront(t, Config{})
			c := dialHTTP(t, f)
			status, body, _ := c.post(tc.body, tc.headers...)
			if status != tc.status || !strings.Contains(body, tc.want) {
				t.Errorf("got %d %s, want %d with %s", status, body, tc.status, tc.want)
			}
			if status, body, _ := c.post(echoCall, modernHeaders("tools/call", "echo")...); status != 200 {
				t.Errorf("the next request: %d %s", status, body)
			}
		})
	}
}

func TestHTTPOrigin(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 200},
		{"own", []string{"Origin: http://SELF"}, 200},
		{"allowed", []string{"Origin: https://app.example"}, 200},
		{"foreign with the right Host", []string{"Origin: http://evil.example"}, 403},
		{"another port", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"null", []string{"Origin: null"}, 403},
		{"another scheme", []string{"Origin: file://SELF"}, 403},
		{"with credentials", []string{"Origin: http://a@SELF"}, 403},
		{"two", []string{"+Origin: http://SELF", "+Origin: http://evil.example"}, 403},
		{"rebound Host without Origin", []string{"Host: evil.example"}, 403},
		{"rebound Host and Origin", []string{"Host: evil.example", "Origin: http://evil.example"}, 403},
		{"Host that looks local", []string{"Host: localhost.evil.example"}, 403},
		{"localhost", []string{"Host: localhost:80"}, 200},
		{"allowed Host", []string{"Host: proxy.example"}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := newTestFront(t, Config{AllowedOrigins: []string{"https://app.example"}, AllowedHosts: []string{"proxy.example"}})
			c := dialHTTP(t, f)
			headers := modernHeaders("tools/call", "echo")
			for _, h := range tc.headers {
				headers = append(headers, strings.ReplaceAll(h, "SELF", strings.TrimPrefix(c.url, "http://")))
			}
			if status, body, _ := c.post(echoCall, headers...); status != tc.status {
				t.Errorf("got %d %s, want %d", status, body, tc.status)
			}
		})
	}
}

func TestHTTPOtherMethods(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		if resp := c.do(t.Context(), method, ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s without a session: %s", method, resp.Status)
		}
	}
}

// events reads an event stream, a message at a time.
type events struct {
	t  *testing.T
	r  *bufio.Reader
	id string // of the last event
}

func (e *events) next() (wire.Message, bool) {
	e.t.Helper()
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			return wire.Message{}, false
		}
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch {
		case name == "id":
			e.id = value
		case name == "data":
			m, err := wire.ParseMessage([]byte(value))
			if err != nil {
				e.t.Fatalf("%s: %v", value, err)
			}
			return m, true
		}
	}
}

func TestHTTPStreamsWhatComesBeforeTheAnswer(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	check := func(t *testing.T, resp *http.Response) {
		t.Helper()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("Content-Type = %s", got)
		}
		e := &events{t: t, r: bufio.NewReader(resp.Body)}
		for i := range 10 {
			if m, ok := e.next(); !ok || m.Method != plugins.NotifyProgress {
				t.Fatalf("event %d = %s", i, m.Append(nil))
			}
		}
		m, _ := e.next()
		if m.Method == plugins.NotifyLog {
			m, _ = e.next()
		}
		if m.ID != "1" {
			t.Fatalf("got %s, want the answer", m.Append(nil))
		}
		if m, ok := e.next(); ok {
			t.Errorf("after the answer came %s", m.Append(nil))
		}
	}
	t.Run("stateless", func(t *testing.T) {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"talk",` + strings.Replace(meta, `{"io`, `{"progressToken":"x","io`, 1) + `}}`
		check(t, c.do(t.Context(), "POST", body, modernHeaders("tools/call", "talk")...))
	})
	for _, revision := range legacyRevisions {
		t.Run(revision, func(t *testing.T) {
			session := c.initialize(revision)
			check(t, c.do(t.Context(), "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"talk","_meta":{"progressToken":"x"}}}`, session))
		})
	}
}

func TestHTTPCancelByClosing(t *testing.T) {
	f, g := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-g.started
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, "POST", c.url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait",`+meta+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range modernHeaders("tools/call", "wait") {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Fatal("the call was answered")
	}
	closeWithin(t, "the guest's call", func() { <-g.stopped })
}

func TestHTTPSession(t *testing.T) {
	f, g := newTestFront(t, Config{Principal: func(r *http.Request) (Principal, error) {
		if p := r.Header.Get("Authorization"); p != "" {
			return Principal{Subject: p}, nil
		}
		return Principal{}, errors.New("who are you")
	}})
	c := dialHTTP(t, f)
	const alice, bob = "Authorization: alice", "Authorization: bob"
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	session := c.initialize("2025-11-25", alice)
	for _, tc := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"ping", ping, []string{alice, session}, 200},
		{"notification", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, []string{alice, session}, 202},
		{"not authenticated", ping, []string{session}, 401},
		{"another's session", ping, []string{bob, session}, 404},
		{"no session", ping, []string{alice}, 400},
		{"unknown session", ping, []string{alice, "Mcp-Session-Id: x"}, 404},
		{"unknown version", ping, []string{alice, session, "MCP-Protocol-Version: 1"}, 400},
		{"batch in a revision without", "[" + ping + "]", []string{alice, session}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if status, body, _ := c.post(tc.body, tc.headers...); status != tc.status {
				t.Errorf("got %d %s, want %d", status, body, tc.status)
			}
		})
	}
	if resp := c.do(t.Context(), "DELETE", "", bob, session); resp.StatusCode != 404 {
		t.Errorf("another's DELETE: %s", resp.Status)
	}
	if resp := c.do(t.Context(), "DELETE", "", alice, session); resp.StatusCode != 204 {
		t.Errorf("DELETE: %s", resp.Status)
	}
	if status, _, _ := c.post(ping, alice, session); status != 404 {
		t.Errorf("after DELETE: %d", status)
	}
	closeWithin(t, "the guests' session", func() {
		for {
			g.mu.Lock()
			n := len(g.closed)
			g.mu.Unlock()
			if n > 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestHTTPSessionsAreBounded(t *testing.T) {
	f, _ := newTestFront(t, Config{MaxSessions: 2})
	c := dialHTTP(t, f)
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	first := c.initialize("2025-11-25")
	second := c.initialize("2025-11-25")
	c.post(ping, first) // the second is idle longer now
	third := c.initialize("2025-11-25")
	for session, want := range map[string]int{first: 200, second: 404, third: 200} {
		if status, _, _ := c.post(ping, session); status != want {
			t.Errorf("status = %d, want %d", status, want)
		}
	}
}

func TestHTTPSessionExpires(t *testing.T) {
	f, _ := newTestFront(t, Config{SessionIdle: time.Millisecond})
	c := dialHTTP(t, f)
	session := c.initialize("2025-11-25")
	closeWithin(t, "the session's end", func() {
		for {
			time.Sleep(5 * time.Millisecond)
			if status, _, _ := c.post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, session); status == 404 {
				return
			}
		}
	})
}

func TestHTTPLegacyMultiRound(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	session := c.initialize("2025-06-18")
	resp := c.do(t.Context(), "POST", `{"jsonrpc":"2.0","id":"call","method":"tools/call","params":{"name":"ask"}}`, session)
	e := &events{t: t, r: bufio.NewReader(resp.Body)}
	for range 2 {
		m, ok := e.next()
		if !ok || m.Method != "elicitation/create" {
			t.Fatalf("got %s", m.Append(nil))
		}
		if status, _, _ := c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, m.ID.JSON()), session); status != 202 {
			t.Fatalf("response: %d", status)
		}
	}
	m, _ := e.next()
	wantResult(t, m.Answer, `"q2":{"action":"decline"}`)
}

func TestHTTPResume(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	session := c.initialize("2025-11-25")
	ctx, hangUp := context.WithCancel(t.Context())
	resp := c.do(ctx, "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask"}}`, session)
	e := &events{t: t, r: bufio.NewReader(resp.Body)}
	ask, ok := e.next()
	if !ok {
		t.Fatal("no event")
	}
	hangUp()
	// The answer arrives while nobody is connected; the next question waits for
	// the client to come back.
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, ask.ID.JSON()), session)
	back := c.do(t.Context(), "GET", "", session, "Last-Event-ID: "+e.id)
	e = &events{t: t, r: bufio.NewReader(back.Body)}
	ask, ok = e.next()
	if !ok || ask.Method != "elicitation/create" {
		t.Fatalf("after coming back: %s", ask.Append(nil))
	}
	c.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept"}}`, ask.ID.JSON()), session)
	m, _ := e.next()
	wantResult(t, m.Answer, "q2")
	if resp := c.do(t.Context(), "GET", "", session, "Last-Event-ID: nonsense"); resp.StatusCode != 400 {
		t.Errorf("unknown event id: %s", resp.Status)
	}
}

func TestHTTPLegacyEvents(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	session := c.initialize("2025-11-25")
	resp := c.do(t.Context(), "GET", "", session)
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if status, body, _ := c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"change"}}`, session); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	e := &events{t: t, r: bufio.NewReader(resp.Body)}
	if m, ok := e.next(); !ok || m.Method != plugins.NotifyToolsListChanged {
		t.Fatalf("got %s", m.Append(nil))
	}
}

func TestHTTPBatch(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	session := c.initialize("2025-03-26")
	status, body, _ := c.post(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"nope"}]`, session)
	elems, err := wire.ParseArray([]byte(body))
	if status != 200 || err != nil || len(elems) != 2 {
		t.Errorf("got %d %s", status, body)
	}
	if status, _, _ := c.post(`[{"jsonrpc":"2.0","method":"notifications/x"}]`, session); status != 202 {
		t.Errorf("batch without requests: %d", status)
	}
}

func TestHTTPSubscription(t *testing.T) {
	f, _ := newTestFront(t, Config{})
	c := dialHTTP(t, f)
	resp := c.do(t.Context(), "POST", `{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+meta+`}}`, modernHeaders("subscriptions/listen", "")...)
	e := &events{t: t, r: bufio.NewReader(resp.Body)}
	if m, ok := e.next(); !ok || m.Method != notifyAcked {
		t.Fatalf("got %s", m.Append(nil))
	}
	c.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"change",`+meta+`}}`, modernHeaders("tools/call", "change")...)
	if m, ok := e.next(); !ok || m.Method != plugins.NotifyToolsListChanged {
		t.Fatalf("got %s", m.Append(nil))
	}
	f.Close()
	if m, ok := e.next(); !ok || m.ID != "9" {
		t.Fatalf("got %s, want the end of the subscription", m.Append(nil))
	}
}

// FuzzHTTPHeaders holds that no headers make the front answer a call whose
// headers do not say what its body does.
func FuzzHTTPHeaders(f *testing.F) {
	f.Add("2026-07-28", "tools/call", "echo", "http://127.0.0.1")
	f.Add("2026-07-28", "tools/call", "echo", "http://example.com")
	f.Add("2026-07-28", "tools/call", "=?base64?ZWNobw==?=", "")
	f.Add("2025-11-25", "TOOLS/CALL", "=?base64?!?=", "null")
	f.Fuzz(func(t *testing.T, version, method, name, origin string) {
		front, _ := newTestFront(t, Config{})
		r := httptest.NewRequest("POST", "http://127.0.0.1/mcp", strings.NewReader(echoCall))
		r.Header.Set("Content-Type", "application/json")
		r.Header["Mcp-Protocol-Version"] = []string{version}
		r.Header["Mcp-Method"] = []string{method}
		r.Header["Mcp-Name"] = []string{name}
		if origin != "" {
			r.Header["Origin"] = []string{origin}
		}
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		right := version == "2026-07-28" && method == "tools/call" && (name == "echo" || name == "=?base64?ZWNobw==?=") &&
			(origin == "" || origin == "http://127.0.0.1")
		if ok := w.Code == 200 && strings.Contains(w.Body.String(), "structuredContent"); ok != right {
			t.Errorf("status %d %s for %q %q %q %q", w.Code, w.Body, version, method, name, origin)
		}
	})
}
