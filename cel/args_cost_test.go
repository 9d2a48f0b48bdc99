package cel

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func ones(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// What can be read is bounded before it is, and what no rule reads does not matter.
func TestArgumentsAreBounded(t *testing.T) {
	large := `"` + strings.Repeat("a", 1_000_000) + `"`
	for _, tt := range []struct{ name, when, args, want string }{
		{"text beside", `args.s == "x"`, `{"s":"x","a":` + large + `}`, ""},
		{"escaped text beside", `args.s == "x"`, `{"s":"x","a":"` + strings.Repeat(`\n\\`, 250_000) + `"}`, ""},
		{"numbers beside", `args.s == "x"`, `{"s":"x","a":` + ones(500_000) + `}`, ""},
		{"text", `args.a.startsWith("aaa")`, `{"a":` + large + `}`, ""},
		{"numbers", `args.a.size() == 7000`, `{"a":` + ones(7_000) + `}`, ""},
		{"there", `size(args) == 1 && args.?b == optional.none()`, `{"a":` + ones(500_000) + `}`, ""},
		{
			"too many numbers", `args.a.size() > 0`, `{"a":` + ones(500_000) + `}`,
			`the argument "a" is too large: 1000001 bytes with up to 500001 values; the rules of one decision may read about 7500 values, or 1500000 bytes of text (375000 where it has escapes)`,
		},
		{"absorbed", `args.a.size() > 0 || true`, `{"a":` + ones(500_000) + `}`, `the argument "a" is too large`},
		{"together", `args.a.size() > 0 && args.b.size() > 0`, `{"a":` + ones(5_000) + `,"b":` + ones(5_000) + `}`, `the argument "b" is too large`},
		{"objects", `args.a.size() > 0`, `{"a":[` + strings.Repeat("{},", 100_000) + `{}]}`, `the argument "a" is too large`},
		{"escaped", `args.a != "x"`, `{"a":"` + strings.Repeat(`\n`, 250_000) + `"}`, `the argument "a" is too large`},
		{"digits", `args.a != 1`, `{"a":` + strings.Repeat("1", 100_000) + `}`, "has too many digits"},
		{"all of it", `args.s == "x"`, `{"s":"x","a":` + ones(2_000_000) + `}`, "args: too much to be read: about 1500000 bytes beside texts, or 10000 members, are"},
		{"quotes", `args.s == "x"`, `{"s":"x","a":"` + strings.Repeat(`\"`, 1_000_000) + `"}`, "args: too much to be read"},
		{"white space", `args.s == "x"`, `{"s":"x"` + strings.Repeat(" ", 2_000_000) + `}`, "args: too much to be read"},
		{"members", `size(args) > 0`, `{` + numbered(20_000) + `}`, "args: too much to be read"},
	} {
		schema := json.RawMessage(`{"type":"object","properties":{"s":{"type":"string"}},"additionalProperties":true}`)
		for _, selector := range []string{"", "server: files, tool: read, "} {
			if selector != "" && tt.name != "text beside" && tt.name != "numbers beside" {
				schema = json.RawMessage(`{"type":"object"}`)
			}
			t.Run(tt.name+" "+selector, func(t *testing.T) {
				p := mustParse(t, rules(`{name: r, on: call, `+selector+`then: allow, when: '`+tt.when+`'}`))
				d := p.Decide(t.Context(), PhaseCall, &Input{
					Server: &Server{Name: "files"}, Tool: &Tool{Name: "read", InputSchema: schema}, Args: json.RawMessage(tt.args),
				})
				if tt.want == "" && d.Verdict != Allow || tt.want != "" && (d.Err == nil || !strings.Contains(d.Err.Error(), tt.want)) {
					t.Errorf("got %+v", d)
				}
			})
		}
	}
}

func numbered(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	return strings.Join(members, ",")
}

// An argument is converted once for all the rounds of a loop that read it.
func TestArgumentsAreConvertedOnce(t *testing.T) {
	const n = 2000
	schema := json.RawMessage(`{"type":"object","properties":{
		"to": {"type":"array","items":{"type":"string"}},
		"o": {"type":"object","properties":{"to":{"type":"array","items":{"type":"string"}}}},
		"m": {"type":"object","additionalProperties":{"type":"string"}}}}`)
	to := `["x"` + strings.Repeat(`,"x"`, n-1) + `]`
	in := &Input{
		Server: &Server{Name: "files"}, Tool: &Tool{Name: "read", InputSchema: schema},
		Args: json.RawMessage(`{"to":` + to + `,"o":{"to":` + to + `},"m":{` + strings.ReplaceAll(numbered(n), ":1", `:"x"`) + `}}`),
	}
	for _, selector := range []string{"", "server: files, tool: read, "} {
		for _, when := range []string{
			`args.to.all(r, args.to[0] == r)`,
			`args.o.to.all(r, args.o.to[0] == r)`,
			`args.to.all(r, size(args.m) > 0)`,
		} {
			p := mustParse(t, rules(`{name: r, on: call, `+selector+`then: allow, when: '`+when+`'}`))
			if d := p.Decide(t.Context(), PhaseCall, in); d.Verdict != Allow {
				t.Fatalf("%s: got %+v", when, d)
			}
			if made := testing.AllocsPerRun(1, func() { p.Decide(t.Context(), PhaseCall, in) }); made > 50*n {
				t.Errorf("%s %s: %.0f allocations", selector, when, made)
			}
		}
	}
}

// Rules that type the arguments and rules that do not see one call side by side.
func TestTypedBesideUntyped(t *testing.T) {
	const typed, untyped = `server: files, tool: read, on: call, then: allow, when: 'args.ratio / 2.0 == 1.5'`, `on: call, then: allow, when: 'args.ratio / 2 == 1'`
	for _, order := range [][]string{{typed, untyped, typed}, {untyped, typed, untyped}} {
		var lines []string
		for i, r := range order {
			lines = append(lines, fmt.Sprintf("{name: r%d, %s}", i, r))
		}
		p := mustParse(t, rules(lines...))
		in := &Input{Server: &Server{Name: "files"}, Tool: schemaTool(), Args: json.RawMessage(`{"ratio":3}`)}
		if d := p.Decide(t.Context(), PhaseCall, in); d.Verdict != Allow || d.Err != nil {
			t.Errorf("got %+v", d)
		}
		for _, trace := range p.Explain(t.Context(), PhaseCall, in).Rules {
			if !trace.Matched || trace.Err != nil {
				t.Errorf("got %+v", trace)
			}
		}
	}
}

func TestResultsAreBounded(t *testing.T) {
	for _, when := range []string{`result.text.contains("secret") || true`, `"image" in result.types || true`} {
		p := mustParse(t, rules(`{name: r, on: result, then: allow, when: '`+when+`'}`))
		asked := false
		in := call()
		in.Result = &Result{Kind: ResultAnswer, Size: maxContent, Content: func() ([]string, string) { asked = true; return nil, "" }}
		if d := p.Decide(t.Context(), PhaseResult, in); d.Verdict != Allow || !asked {
			t.Errorf("%s: got %+v", when, d)
		}
		asked = false
		in.Result.Size++
		d := p.Decide(t.Context(), PhaseResult, in)
		if d.Err == nil || !strings.Contains(d.Err.Error(), "the result is too large to be read: 524289 bytes, at most 524288") || asked {
			t.Errorf("%s: got %+v", when, d)
		}
	}
}

// A key is hashed for every look into a map.
func TestKeysAreBounded(t *testing.T) {
	for _, when := range []string{
		`{"x": true}[args.k]`,
		`args.m[args.k] == 1`,
		`args.m[?args.k] == optional.none()`,
		`[1].all(i, args.m[?args.k + ""].hasValue())`,
	} {
		p := mustParse(t, rules(`{name: r, on: call, then: allow, when: '`+when+`'}`))
		for length, refused := range map[int]bool{longestKey: false, longestKey + 1: true} {
			in := call()
			in.Args = json.RawMessage(`{"m":{},"k":"` + strings.Repeat("k", length) + `"}`)
			d := p.Decide(t.Context(), PhaseCall, in)
			if got := d.Err != nil && strings.Contains(d.Err.Error(), "too long to be looked for: at most 4096"); got != refused {
				t.Errorf("%s, a key of %d bytes: got %+v", when, length, d)
			}
		}
	}
}

func BenchmarkReadArgument(b *testing.B) {
	for name, value := range map[string]string{
		"integers":     ones(5_000),
		"fractions":    "[" + strings.Repeat("0.123456,", 4_999) + "1]",
		"texts":        "[" + strings.Repeat(`"abcd",`, 4_999) + `"x"]`,
		"lists":        "[" + strings.Repeat("[],", 2_499) + "[]]",
		"objects":      "[" + strings.Repeat(`{"a":1},`, 2_499) + "{}]",
		"members":      "{" + numbered(5_000) + "}",
		"text":         `"` + strings.Repeat("a", 1_000_000) + `"`,
		"Greek text":   `"` + strings.Repeat("α", 500_000) + `"`,
		"escaped text": `"` + strings.Repeat(`a\n`, 100_000) + `"`,
	} {
		b.Run(name, func(b *testing.B) {
			in := &Input{Args: json.RawMessage(`{"a":` + value + `}`)}
			var m *argument
			for b.Loop() {
				a := activate(in)
				if _, err := a.args.value(); err != nil {
					b.Fatal(err)
				}
				m = a.args.members["a"].(*argument)
				if u, ok := m.read().(*unreadable); ok {
					b.Fatal(u.err)
				}
				a.release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/m.price(), "of-price")
		})
	}
}
