package gateway

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// known are definitions of a server that has one tool.
func known(t *testing.T, more string) *plugins.Definitions {
	t.Helper()
	var d plugins.Definitions
	if err := json.Unmarshal([]byte(`{"serverInfo":{"name":"known","version":"1"},"tools":[{"name":"run","description":"as it is known","inputSchema":{}}]`+more+`}`), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// pin returns a gateway of one server that is pinned, and the log.
func pin(t *testing.T, guest *scripted, d *plugins.Definitions) (*Gateway, *Server, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	s := NewServer("one", logger, nil)
	if err := s.Pin(d, nil); err != nil {
		t.Fatal(err)
	}
	s.Attach(guest, "id", nil)
	g := newGateway(t, false, nil)
	g.Replace([]*Server{s})
	return g, s, &log
}

// TestPinned has a guest that would say other things, if it were asked.
func TestPinned(t *testing.T) {
	guest := newGuest("liar")
	for _, method := range []string{plugins.MethodDiscover, plugins.MethodListTools, plugins.MethodListPrompts, plugins.MethodListResources, plugins.MethodListResourceTemplates} {
		guest.answers[method] = func(wire.Object) string {
			t.Errorf("the guest was asked for %s", method)
			return `{"result":{}}`
		}
	}
	g, s, log := pin(t, guest, known(t, ""))
	events := 0
	s.changed = func(Event) { events++ }
	for range 3 {
		s.Signal("", plugins.Notification{Method: plugins.NotifyToolsListChanged})
	}
	if events != 0 || strings.Count(log.String(), "stays what its package says") != 1 {
		t.Errorf("%d events; log:\n%s", events, log)
	}
	for _, tt := range []struct{ name, method, params, want string }{
		{"list", plugins.MethodListTools, `{}`, `"description":"as it is known"`},
		{"discover", plugins.MethodDiscover, `{}`, `"capabilities":{"tools":{"listChanged":true}}`},
		{"identity", plugins.MethodDiscover, `{}`, `"name":"known"`},
		{"call", plugins.MethodCallTool, `{"name":"run"}`, `"from":"liar"`},
		{"a list that it does not have", plugins.MethodListPrompts, `{}`, "Method not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := json.Marshal(ask(t, g, tt.method, tt.params))
			if err != nil || !strings.Contains(string(answer), tt.want) {
				t.Errorf("%s, %v; want %s", answer, err, tt.want)
			}
		})
	}
}

// TestPinnedSignals passes on what is not about lists.
func TestPinnedSignals(t *testing.T) {
	_, s, _ := pin(t, newGuest("a"), known(t, ""))
	var got []Event
	s.changed = func(e Event) { got = append(got, e) }
	s.Signal("", plugins.Notification{Method: plugins.NotifyResourceUpdated, Params: json.RawMessage(`{"uri":"test://r"}`)})
	if len(got) != 1 || got[0].URI != "test://r" {
		t.Errorf("events %v", got)
	}
}

// refusing are capabilities that fit nothing.
type refusing struct{ scrubbing }

func (refusing) Check(*plugins.Definitions) error { return errors.New("no such tool") }

func TestPinRefuses(t *testing.T) {
	raw := func(key, text string) *plugins.Definitions {
		return &plugins.Definitions{Tools: plugins.List{Items: []plugins.Definition{{Key: key, Raw: json.RawMessage(text)}}}}
	}
	twice := raw("a", `{"name":"a"}`)
	twice.Tools.Items = append(twice.Tools.Items, twice.Tools.Items[0])
	tests := []struct {
		name string
		d    *plugins.Definitions
		caps Capabilities
		want string
	}{
		{"not JSON", raw("a", `{"name"`), nil, "definitions: "},
		{"members twice", raw("a", `{"name":"a","Name":"b"}`), nil, "duplicate"},
		{"no name", raw("a", `{}`), nil, "want a name"},
		{"twice", twice, nil, `"a" is defined twice`},
		{"identity that is none", &plugins.Definitions{ServerInfo: json.RawMessage(`7`)}, nil, "serverInfo"},
		{"capabilities that are none", &plugins.Definitions{Capabilities: json.RawMessage(`7`)}, nil, "not definitions"},
		{"grants that do not fit", known(t, ""), refusing{}, "no such tool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewServer("one", slog.New(slog.DiscardHandler), nil)
			if err := s.Pin(tt.d, tt.caps); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
