package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// modern is the first revision without sessions.
const modern = "2026-07-28"

// client is one of the clients under test, connected. Requests go through the
// client's own method for each; what its handlers are given is in events.
type client interface {
	// hello returns what the handshake gave: revision, serverInfo, capabilities,
	// instructions.
	hello() hello
	// do sends a request and returns the result as JSON. The methods are those of
	// the protocol and "subscribe", with what subscriptions/listen takes as
	// notifications, and "unsubscribe". A cancelled ctx cancels the request.
	do(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error)
	events() *events
	// showsWire tells whether events has the messages as they arrived.
	showsWire() bool
	close() error
}

type hello struct {
	Revision     string          `json:"revision"`
	ServerInfo   map[string]any  `json:"serverInfo"`
	Capabilities json.RawMessage `json:"capabilities"`
	Instructions string          `json:"instructions"`
}

// rpcError is an error of the protocol, whichever client it comes from.
type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// A kind of client: what it is called, the revisions that it is made to speak, and
// what to expect of each. The revision "auto" stands for the newest that both
// sides know, "" for what the client does unasked.
type kind struct {
	name      string
	revisions map[string]string // asked for → spoken
	connect   func(t *testing.T, g target, revision string, p person) client
	quirks    quirks
}

// person is who sits at a client: its answer to every form, as JSON of an ElicitResult.
// Nobody sits at one whose answer is "": it does not declare elicitation.
type person struct{ elicit string }

// helpful answers every form that the sample servers have.
var helpful = person{`{"action":"accept","content":{"name":"Ada","response":"yes","color":"blue","unit":"kelvin","sure":true,"ok":true}}`}

// quirks are what a client does otherwise than the rest.
type quirks struct {
	stdioOnly  bool
	noForms    bool // it has no elicitation
	terminates bool // it sends SIGTERM as soon as it closes
	recodes    bool // it turns the error -32002 of older revisions into -32602
}

// subject is a client under test.
type subject struct {
	client
	quirks
}

var kinds = []kind{
	{"gosdk", map[string]string{"": modern, "2025-11-25": "2025-11-25", "2025-06-18": "2025-06-18", "2025-03-26": "2025-03-26", "2024-11-05": "2024-11-05"},
		connectGoSDK, quirks{}},
	{"ts2", map[string]string{"auto": modern, modern: modern, "": "2025-11-25", "2025-06-18": "2025-06-18", "2025-03-26": "2025-03-26", "2024-11-05": "2024-11-05"},
		connectTS("sdk2"), quirks{recodes: true}},
	{"ts1", map[string]string{"": "2025-11-25"}, connectTS("sdk1"), quirks{}},
	{"ts2024", map[string]string{"": "2024-11-05"}, connectTS("sdk2024"), quirks{stdioOnly: true, noForms: true, terminates: true}},
}

// The answers of every client to what servers ask, beside forms.
const (
	sampleAnswer = `{"role":"assistant","model":"a-model","stopReason":"endTurn","content":{"type":"text","text":"Paris"}}`
	rootsAnswer  = `{"roots":[{"uri":"file:///work/a","name":"a"}]}`
)

// everyClient runs a test with each client in each revision, over both transports.
// The servers over HTTP are one for all of them.
func everyClient(t *testing.T, args []string, test func(t *testing.T, c subject)) {
	t.Helper()
	over := map[string]func(*testing.T) target{
		"stdio": func(t *testing.T) target { return stdioTarget(t, args...) },
	}
	http := startHTTP(t, args...)
	over["http"] = func(*testing.T) target { return http }
	for transport, find := range over {
		for _, k := range kinds {
			if k.quirks.stdioOnly && transport != "stdio" {
				continue
			}
			for asked, spoken := range k.revisions {
				t.Run(fmt.Sprintf("%s/%s/%s", transport, k.name, orUnasked(asked)), func(t *testing.T) {
					g := find(t)
					c := k.connect(t, g, asked, helpful)
					if got := c.hello().Revision; got != spoken {
						t.Errorf("revision %q, want %q", got, spoken)
					}
					test(t, subject{c, k.quirks})
					if err := c.close(); err != nil {
						t.Errorf("close: %v", err)
					}
					g.checkEnded(t, k.quirks.terminates)
				})
			}
		}
	}
}

func orUnasked(revision string) string {
	if revision == "" {
		return "unasked"
	}
	return revision
}

// request sends a request that must succeed.
func request(t *testing.T, c client, method string, params any) json.RawMessage {
	t.Helper()
	result, err := c.do(deadline(t), method, mustJSON(t, params))
	if err != nil {
		t.Fatalf("%s %s: %v", method, mustJSON(t, params), err)
	}
	return result
}

// call calls a tool; log messages are asked for as each revision wants.
func call(t *testing.T, c client, tool string, arguments any) json.RawMessage {
	t.Helper()
	return request(t, c, "tools/call", callParams(tool, arguments))
}

func callParams(tool string, arguments any) map[string]any {
	params := map[string]any{"name": tool, "_meta": map[string]any{"io.modelcontextprotocol/logLevel": "info"}}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return params
}

// refused sends a request that must fail with an error of the protocol.
func refused(t *testing.T, c client, method string, params any, code int) {
	t.Helper()
	result, err := c.do(deadline(t), method, mustJSON(t, params))
	var e *rpcError
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s %s: result %s, error %v; want error %d", method, mustJSON(t, params), result, err, code)
	}
}

// event is what a handler of a client was given, in the order of arrival.
type event struct {
	name   string // "progress", "wire", or the method
	params json.RawMessage
}

// events collects what arrives at a client.
type events struct {
	mu   sync.Mutex
	all  []event
	more chan struct{} // closed and renewed when one is added
}

func newEvents() *events { return &events{more: make(chan struct{})} }

func (e *events) add(name string, params json.RawMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event{name, params})
	close(e.more)
	e.more = make(chan struct{})
}

// named returns the events of a name, and a channel that is closed when there are
// more events.
func (e *events) named(name string) ([]json.RawMessage, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []json.RawMessage
	for _, ev := range e.all {
		if ev.name == name {
			found = append(found, ev.params)
		}
	}
	return found, e.more
}

func (e *events) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = nil
}

// wait returns the events of a name once there are n.
func (e *events) wait(t *testing.T, name string, n int) []json.RawMessage {
	t.Helper()
	timeout := time.After(patience)
	for {
		found, more := e.named(name)
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-timeout:
			e.mu.Lock()
			defer e.mu.Unlock()
			t.Fatalf("%d of %s, want %d; all events: %s", len(found), name, n, e.all)
		}
	}
}

// has tells whether got contains want: objects may have more members, arrays and
// the rest are equal.
func has(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			if member, ok := g[k]; !ok || !has(member, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !has(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return got == want
}

// check checks that a result contains what is wanted, given as JSON.
func check(t *testing.T, what string, got json.RawMessage, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: the expectation %s: %v", what, want, err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("%s: %s: %v", what, got, err)
	} else if !has(g, w) {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
}
