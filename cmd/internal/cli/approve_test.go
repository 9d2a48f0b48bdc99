package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
)

func TestPolicyQuestion(t *testing.T) {
	question := func(inputs string) string {
		return `{"resultType":"input_required","requestState":"sealed","inputRequests":{` + inputs + `}}`
	}
	const form = `{"method":"elicitation/create","params":{"mode":"form","message":"really?","requestedSchema":{"type":"object","properties":
		{"remember":{"type":"string","oneOf":[{"const":"once","title":"Only this time"},{"const":"always","title":"Always"}]}}}}}`
	tests := []struct {
		name, result string
		want         bool
	}{
		{"the policy's", question(`"mcpwasm/policy":` + form), true},
		{"a server's", question(`"confirm":` + form), false},
		{"both", question(`"mcpwasm/policy":` + form + `,"confirm":` + form), false},
		{"complete", `{"resultType":"complete","inputRequests":{"mcpwasm/policy":` + form + `}}`, false},
		{"no object", `[]`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, ok := policyQuestion(json.RawMessage(tt.result))
			if ok != tt.want {
				t.Fatalf("have %v", q)
			}
			if ok && (q.message != "really?" || q.state != "sealed" || !slices.Equal(q.choices, []string{"once", "always"})) {
				t.Errorf("have %+v", q)
			}
		})
	}
}

// TestAsk answers on a terminal: what is no answer is asked again, and only what is
// offered is one.
func TestAsk(t *testing.T) {
	q := question{message: "Delete it?\x1b[2J", choices: []string{"once", "always"}}
	tests := []struct {
		name, typed, want string
		asked             int
	}{
		{"once", "o\n", "once", 1},
		{"always", " ALWAYS \n", "always", 1},
		{"no", "n\n", "", 1},
		{"nothing", "\n", "", 1},
		{"the end", "", "", 1},
		{"half a line", "o", "", 1},
		{"what is not offered", "s\nsession\nyes\no\n", "once", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, err := q.ask(t.Context(), Streams{In: &byLine{tt.typed}, Err: &out})
			if err != nil || got != tt.want {
				t.Errorf("have %q, %v, want %q", got, err, tt.want)
			}
			if n := strings.Count(out.String(), "Allow it? [o]nce, [a]lways, [N]o: "); n != tt.asked {
				t.Errorf("asked %d times, want %d", n, tt.asked)
			}
			if n := strings.Count(out.String(), " is no answer: type o, a or n\n"); n != tt.asked-1 {
				t.Errorf("said %d times what to type, want %d", n, tt.asked-1)
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Error("what was asked could move the cursor")
			}
		})
	}
}

// byLine gives a line at a time, as a terminal does.
type byLine struct{ rest string }

func (r *byLine) Read(b []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	line, rest, found := strings.Cut(r.rest, "\n")
	if found {
		line += "\n"
	}
	r.rest = rest
	return copy(b, line), nil
}

// TestAskEnds does not wait for an answer longer than the command runs.
func TestAskEnds(t *testing.T) {
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := question{choices: []string{"once"}}.ask(ctx, Streams{In: in, Err: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("have %v", err)
	}
}

func TestDeniedBy(t *testing.T) {
	const text = `"content":[{"type":"text","text":"Denied by the policy (rule r): no"}]`
	tests := []struct{ name, result, hint string }{
		{"call", `{"isError":true,` + text + `,"_meta":{"mcpwasm/denied":{"rule":"r","phase":"call"}}}`, "mcpwasm policy explain"},
		{"question", `{"isError":true,` + text + `,"_meta":{"mcpwasm/denied":{"rule":"r","phase":"call","asks":true}}}`, "--approve"},
		{"result", `{"isError":true,` + text + `,"_meta":{"mcpwasm/denied":{"rule":"r","phase":"result"}}}`, "mcpwasm policy explain p.yaml --on result --server s --tool t --input FILE"},
		{"a tool's error", `{"isError":true,` + text + `}`, ""},
		{"no error", `{` + text + `,"_meta":{"mcpwasm/denied":{"rule":"r","phase":"call"}}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, ok := deniedBy(json.RawMessage(tt.result))
			if ok != (tt.hint != "") {
				t.Fatalf("have %+v, %v", d, ok)
			}
			if !ok {
				return
			}
			guest := guestFlags{policy: policyFlags{path: "p.yaml"}}
			explain := guest.explainCommand(&opened{server: host.Server{Name: "s"}}, "s", d.on(), "t", json.RawMessage(`{"a":1}`))
			f := classify(d.failure(explain))
			if f.code != ExitTool || !strings.Contains(f.hint, tt.hint) || f.Error() != "Denied by the policy (rule r): no" {
				t.Errorf("have %d %q %q", f.code, f.Error(), f.hint)
			}
		})
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"notes": "notes", "./a/b.wasm": "./a/b.wasm", "": "''", `{"a":1}`: `'{"a":1}'`, "it's": `'it'\''s'`, "a b": "'a b'", "$(x)": "'$(x)'",
	} {
		if got := quoted(text); got != want {
			t.Errorf("%s: have %s, want %s", text, got, want)
		}
	}
}

// TestUnasked finds in the host's log what was denied for want of somebody to ask: the
// tool tells it in its own words, if at all.
func TestUnasked(t *testing.T) {
	for _, asks := range []bool{true, false} {
		tail := &stderrTail{}
		log := slog.New(tailHandler{slog.NewTextHandler(io.Discard, nil), tail, false}).With("server", "hello")
		if asks {
			log.Warn("denied by the policy", host.LogAsks, true)
		}
		log.Warn("denied by the policy", "rule", "r")
		if tail.hasUnasked() != asks {
			t.Errorf("asks %v: have %v", asks, tail.hasUnasked())
		}
	}
	if f := classify(hinted(&failure{ExitTool, errors.New("no"), ""}, howToAnswer)); f.hint != howToAnswer {
		t.Errorf("have %q", f.hint)
	}
	if err := hinted(nil, howToAnswer); err != nil {
		t.Error(err)
	}
}
