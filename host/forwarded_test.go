package host_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// forwarded are arguments that two readers may understand differently. Each is refused
// before anything is decided, or denied by the rule that could not read it, or the rule
// sees the value that "when" says and the guest gets the very bytes that came.
var forwarded = []struct {
	name, args string
	when       string // allows the call
	refused    string // part of the error
	denied     string // part of the denial
}{
	{name: "plain", args: `{"path":"a","n":1}`, when: `args.path == "a" && args.n == 1`},
	{name: "white space and order", args: "{ \"n\" : 1 ,\t\"path\":\"a\" }", when: `args.path == "a" && args.n == 1`},
	{name: "an unknown member", args: `{"zz":{"b":[null,true]},"path":"a"}`, when: `args.path == "a"`},
	{name: "an escaped name", args: `{"p\u0061th":"\u0061"}`, when: `args.path == "a"`},

	{name: "a name twice", args: `{"path":"a","path":"b"}`, refused: "duplicate"},
	{name: "a name twice, once escaped", args: `{"path":"a","p\u0061th":"b"}`, refused: "duplicate"},
	{name: "a name twice, further down", args: `{"options":{"mode":"a","mode":"b"}}`, refused: "duplicate"},
	{name: "a name twice but for case", args: `{"path":"a","Path":"b"}`, refused: "duplicate"},
	{name: "a name twice but for case, not declared", args: `{"any":[{"a":1,"A":2}]}`, refused: "duplicate"},
	{name: "another case", args: `{"Path":"a"}`, refused: `"Path" is not declared and looks like "path"`},
	{name: "another case, escaped", args: `{"\u0050ath":"a"}`, refused: `looks like "path"`},
	{name: "another case, further down", args: `{"options":{"Mode":"a"}}`, refused: `"Mode" at "/options" is not declared`},
	{name: "full width", args: `{"ｐath":"a"}`, refused: `looks like "path"`},
	{name: "long s", args: `{"option\u017f":{}}`, refused: `looks like "options"`},
	{name: "a separator", args: `{"pa_th":"a"}`, refused: `looks like "path"`},
	{name: "another case below what is not declared", args: `{"any":{"Path":"a"}}`, when: `has(args.any.Path) && !has(args.any.path)`},

	{name: "the first integer that a double rounds", args: `{"n":9007199254740993}`, when: `args.n == 9007199254740993`},
	{name: "the same where no type is declared", args: `{"any":9007199254740993}`, when: `args.any == 9007199254740993`},
	{name: "the same as a double", args: `{"x":9007199254740993}`, when: `args.x > 0.0`, denied: "may-echo"},
	{name: "the largest integer", args: `{"n":9223372036854775807}`, when: `args.n == 9223372036854775807`},
	{name: "an integer of 20 digits", args: `{"n":12345678901234567890}`, when: `args.n > 0`, denied: "may-echo"},
	{name: "an integer of 20 digits without a type", args: `{"any":12345678901234567890}`, when: `args.any != 0`, denied: "may-echo"},
	{name: "an integer of 20 digits that no rule reads", args: `{"n":12345678901234567890}`, when: `true`},
	{name: "beyond doubles", args: `{"x":1e400}`, when: `args.x > 0.0`, denied: "may-echo"},
	{name: "beyond doubles, read by no rule", args: `{"x":1e400,"any":-1e400}`, when: `true`},
	{name: "minus zero", args: `{"n":-0}`, when: `args.n == 0`},
	{name: "minus zero as a double", args: `{"x":-0.0}`, when: `args.x == 0.0`},
	{name: "an integer where a double is declared", args: `{"x":1}`, when: `args.x == 1.0`},
	{name: "a fraction where an integer is declared", args: `{"n":1.5}`, when: `args.n > 0`, denied: "may-echo"},
	{name: "a text where an integer is declared", args: `{"n":"1"}`, when: `args.n > 0`, denied: "may-echo"},

	{name: "a composed value", args: `{"path":"caf` + "\u00e9" + `"}`, when: `args.path == "caf\u00e9"`},
	{name: "a decomposed value", args: `{"path":"cafe` + "\u0301" + `"}`, when: `args.path == "cafe\u0301" && args.path != "caf\u00e9"`},
	{name: "a decomposed value, folded", args: `{"path":"CAFE` + "\u0301" + `"}`, when: `args.path.fold() == "caf\u00e9"`},
	{name: "a decomposed name", args: `{"any":{"cafe` + "\u0301" + `":1}}`, when: `"cafe\u0301" in args.any && !("caf\u00e9" in args.any)`},
	{name: "a name in both forms", args: `{"any":{"cafe` + "\u0301" + `":1,"caf` + "\u00e9" + `":2}}`, refused: `"cafe\u0301" and "caf\u00e9" at "/any" look alike`},
	{name: "a ligature beside its letters", args: `{"ﬁle":1,"file":2}`, refused: `"\ufb01le" and "file" look alike`},
	{name: "a pair of surrogates", args: `{"path":"\ud83d\ude00"}`, when: `args.path == "\U0001f600"`},
	{name: "half a pair", args: `{"path":"\ud83d"}`, refused: "surrogate"},
	{name: "half a pair in a name", args: `{"\ude00":1}`, refused: "surrogate"},
	{name: "a zero character", args: `{"path":"a\u0000b"}`, when: `args.path == "a\u0000b" && args.path != "a"`},
	{name: "no UTF-8", args: "{\"path\":\"a\xff\"}", refused: "UTF-8"},
	{name: "a slash in two bytes", args: "{\"path\":\"a\xc0\xaf\"}", refused: "UTF-8"},
	{name: "a surrogate as UTF-8", args: "{\"path\":\"\xed\xa0\x80\"}", refused: "UTF-8"},

	{name: "deep", args: `{"any":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, when: `has(args.any)`},
	{name: "too deep", args: `{"any":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, refused: "nested too deep"},
	{name: "far too deep", args: strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), refused: "nested too deep"},
	{name: "no object", args: `[{"path":"a"}]`, refused: "want an object"},
}

func TestDecidedIsForwarded(t *testing.T) {
	t.Parallel()
	h := open(t, host.Config{Servers: []host.Server{{Name: "guest", Source: guest(t, "reactor"), Args: []string{"echo"}}}})
	c := newStdioClient(t, h)
	for _, tc := range forwarded {
		t.Run(tc.name, func(t *testing.T) {
			if err := h.SetPolicy(echoPolicy(t, tc.when)); err != nil {
				t.Fatal(err)
			}
			send(t, c, echoCall(tc.args))
			var m struct {
				Result struct {
					IsError bool
					Content []struct{ Text string }
				}
				Error *plugins.Error
			}
			line, err := c.receive("")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			if tc.refused != "" {
				if m.Error == nil || !strings.Contains(m.Error.Message, tc.refused) {
					t.Errorf("%.500s, want an error that says %q", line, tc.refused)
				}
				return
			}
			if m.Error != nil || len(m.Result.Content) != 1 || m.Result.IsError != (tc.denied != "") {
				t.Fatalf("%.500s", line)
			}
			switch text := m.Result.Content[0].Text; {
			case tc.denied != "" && !strings.Contains(text, tc.denied):
				t.Errorf("denied with %q, want %q in it", text, tc.denied)
			case tc.denied == "" && text != tc.args:
				t.Errorf("the guest got  %s\nwas called with %s", text, tc.args)
			}
		})
	}
}

// echoPolicy allows the tool echo where a condition holds.
func echoPolicy(t *testing.T, when string) *cel.Policy {
	t.Helper()
	if when == "" {
		when = "true"
	}
	quoted, err := json.Marshal(when)
	if err != nil {
		t.Fatal(err)
	}
	p, err := cel.Parse("policy.yaml", fmt.Appendf(nil,
		"rules:\n- {name: may-echo, on: call, server: guest, tool: echo, when: %s, then: allow}\n- {name: may-answer, on: result, then: allow}\n", quoted))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func echoCall(args string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":` + args + `,"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
}

func send(t *testing.T, c *stdioClient, text string) {
	t.Helper()
	if err := c.send("", text); err != nil {
		t.Fatal(err)
	}
}
