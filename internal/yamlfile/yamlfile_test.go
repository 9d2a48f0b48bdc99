package yamlfile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type doc struct {
	Name  string            `yaml:"name"`
	Words Words             `yaml:"words"`
	Long  Text              `yaml:"long"`
	Map   map[string]string `yaml:"map"`
	Part  *part             `yaml:"part"`
	Raw   json.RawMessage   `yaml:"raw"`
	Any   map[string]any    `yaml:"any"`
}

// part is JSON elsewhere.
type part struct {
	Count int64     `json:"count"`
	On    *bool     `json:"on,omitempty"`
	At    time.Time `json:"at"`
	Rest  []string
}

func TestDecode(t *testing.T) {
	d := New("f.yaml")
	var got doc
	d.Decode([]byte("name: 8080\nwords: one\nlong: a text\nmap: {a: yes}\npart: {count: 12, on: true, at: 2026-01-31T15:04:05Z}\nany: {n: 12345678901234567890, l: [a]}\n"), &got, "empty")
	if len(d.Problems) > 0 {
		t.Fatal(d.Problems)
	}
	if got.Name != "8080" || len(got.Words) != 1 || got.Words[0] != "one" || got.Long.Value != "a text" || got.Map["a"] != "yes" {
		t.Errorf("%+v", got)
	}
	if p := got.Part; p.Count != 12 || !*p.On || !p.At.Equal(time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)) {
		t.Errorf("part: %+v", p)
	}
	if n := got.Any["n"]; n != json.Number("12345678901234567890") {
		t.Errorf("number: %v of type %[1]T", n)
	}
	if d.Positions["part.count"] != (Position{5, 8}) || !d.Given("map.a") || d.Given("map.b") {
		t.Errorf("positions: %v", d.Positions)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "# no\n", "f.yaml: empty"},
		{"unknown key", "nam: x\n", `f.yaml:1:1: unknown key "nam": did you mean "name"?`},
		{"unknown key of JSON", "part: {cuont: 1}\n", `f.yaml:1:8: part: unknown key "cuont": did you mean "count"?`},
		{"field without a tag", "part: {Rest: []}\n", `f.yaml:1:8: part: unknown key "Rest"`},
		{"twice", "name: x\nname: y\n", `f.yaml:2:1: key "name" stands on line 1 already`},
		{"anchor", "name: &a x\n", "f.yaml:1:7: name: anchors and aliases are not supported: write the value out"},
		{"alias in JSON", "name: x\nraw: [&a 1, *a]\n", "f.yaml:2:7: raw[0]: anchors and aliases are not supported: write the value out\nf.yaml:2:13: raw[1]: anchors"},
		{"time", "part: {at: noon}\n", `f.yaml:1:12: part.at: "noon": want a time such as 2026-01-31T15:04:05Z`},
		{"list for a text", "long: [a]\n", "f.yaml:1:7: long: want text, have a list"},
		{"nothing for words", "words:\n", "f.yaml:1:7: words: want a list, have nothing"},
		{"number that is none in JSON", "raw: {a: 0x1F}\n", `f.yaml:1:10: raw.a: "0x1F" is a number in YAML and none in JSON: write it in digits, or a text in quotes`},
		{"tag", "raw: !odd x\n", "f.yaml:1:6: raw: begins with !, which is a tag in YAML"},
		{"tag of a text", "long: !x.y\n", "f.yaml:1:7: long: begins with !, which is a tag in YAML and not a part of the value: put the value in quotes"},
		{"tag and a text", "long: ! x.y\n", "f.yaml:1:7: long: begins with !"},
		{"tag and a text in quotes", "name: !!str 'x'\n", "f.yaml:1:7: name: begins with !"},
		{"tag of a list", "words: ! [a]\n", "f.yaml:1:8: words: begins with !"},
		{"tag of a key", "!a name: x\n", "f.yaml:1:1: want a plain key"},
		{"goes on behind a quote", "name: x\nlong: \"a\" in b\n", `f.yaml:2:11: not valid YAML: did not find expected key; a value that begins with a quote, a bracket or a sign, or has ": " in it, stands in quotes, '…', or below its key with >-`},
		{"goes on behind a bracket", "long: [1] == b\n", `; a value that begins with a quote, a bracket or a sign`},
		{"goes on behind a quote in brackets", "{long: \"a\" in b}\n", `; a value that begins with a quote, a bracket or a sign`},
		{"a colon inside", "long: a == \"b: c\"\n", `mapping values are not allowed in this context; a value that begins with a quote`},
		{"a sign", "long: @a\n", `; a value that begins with a quote, a bracket or a sign`},
		{"twice in JSON", "raw: {a: 1, a: 2}\n", `f.yaml:1:13: raw: key "a" stands on line 1 already`},
		{"star", "map: {a: *.example.com}\n", `a value that begins with * stands in quotes`},
		{"two documents", "name: x\n---\nname: y\n", "a second document: the file has one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := New("f.yaml")
			d.Decode([]byte(tt.text), &doc{}, "empty")
			if got := d.Problems.Error(); !strings.Contains(got, tt.want) {
				t.Errorf("problems\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestDecodeStops(t *testing.T) {
	d := New("f.yaml")
	var lists struct {
		A []int64 `yaml:"a"`
	}
	d.Decode([]byte("a: ["+strings.Repeat("x, ", 10*MaxProblems)+"]\n"), &lists, "empty")
	if len(d.Problems) != MaxProblems {
		t.Errorf("%d problems", len(d.Problems))
	}
}

func TestJSON(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"numbers keep their digits", "[12345678901234567890123, 1.10, 1e400, -0, 2e3]", `[12345678901234567890123,1.10,1e400,-0,2e3]`},
		{"texts", `[yes, "1", 'null', 2026-01-31, a b]`, `["yes","1","null","2026-01-31","a b"]`},
		{"words", "[true, False, null, ~]", `[true,false,null,null]`},
		{"nested", `{a: {}, b: [], "c d": {e: 1}}`, `{"a":{},"b":[],"c d":{"e":1}}`},
		{"escapes", `"a\"\u00e9\n"`, `"a\"é\n"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := New("f.yaml")
			var got doc
			d.Decode([]byte("raw: "+tt.yaml+"\n"), &got, "empty")
			if len(d.Problems) > 0 {
				t.Fatal(d.Problems)
			}
			if string(got.Raw) != tt.want {
				t.Errorf("%s, want %s", got.Raw, tt.want)
			}
		})
	}
}

// TestTextAt looks for the character after a mark, in every style that YAML has.
func TestTextAt(t *testing.T) {
	tests := []struct {
		name, yaml   string
		line, column int // of # in the value
	}{
		{"plain", "long: ab #c\n", 1, 4},
		{"plain on several lines", "long: é ab\n  cd\n\n  x#y\n", 2, 2},
		{"literal", "long: |\n    a == b &&\n      #c\n", 2, 3},
		{"literal with a comment", "long: |- # why\n\n  a\n  b #c\n", 3, 3},
		{"folded", "long: >-\n  a\n  b\n  #c\n", 1, 5},
		{"single quotes", "long: 'a ''b'' #c'\n", 1, 7},
		{"single quotes on several lines", "long: 'a\n  ''#c'\n", 1, 4},
		{"double quotes", `long: "a\u0020\"\x41\n #c"` + "\n", 2, 2},
		{"double quotes on several lines", "long: \"a \\\n  #c\"\n", 1, 3},
		{"CRLF", "name: x\r\nlong: |\r\n  a\r\n  b#\r\n", 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("# why", "# why", "#", "§").Replace(tt.yaml) // which begins no comment
			d := New("f.yaml")
			var got doc
			d.Decode([]byte(text), &got, "empty")
			if len(d.Problems) > 0 {
				t.Fatal(d.Problems)
			}
			lines := strings.Split(got.Long.Value, "\n")
			if len(lines) < tt.line || []rune(lines[tt.line-1])[tt.column-1] != '§' {
				t.Fatalf("the test is wrong: %q", got.Long.Value)
			}
			at := got.Long.At(tt.line, tt.column)
			if line := []rune(strings.Split(text, "\n")[at.Line-1]); line[at.Column-1] != '§' {
				t.Errorf("%d:%d is %q", at.Line, at.Column, line[at.Column-1])
			}
		})
	}
}

func TestTextCommented(t *testing.T) {
	for text, want := range map[string]bool{
		"a #b": true, "a\n   b   # c": true, "a#b": false, "a": false, "'a' #b": false, ">-\n a\n#b": false, "a\n#b": false,
	} {
		d := New("f.yaml")
		var got doc
		d.Decode([]byte("long: "+text+"\n"), &got, "empty")
		if len(d.Problems) > 0 {
			t.Fatal(d.Problems)
		}
		if got.Long.Commented() != want {
			t.Errorf("%q: got %t, want %t", text, !want, want)
		}
	}
	if (Text{}).Commented() {
		t.Error("no text has a comment")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name: x\nlong: |2\n   a\n", "raw: {a: [1, 0x1, ~, !t x]}\n", "long: \"\\\n\\x41\\", "a: &b [*b]\n", "words: [\u2028x]\nlong: >+\n\n a\n", "any: {n: 1}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := New("f.yaml")
		var got doc
		d.Decode(b, &got, "empty")
		if len(d.Problems) > 0 {
			return
		}
		if len(got.Raw) > 0 && !json.Valid(got.Raw) {
			t.Errorf("raw: %q", got.Raw)
		}
		for line := range 3 {
			at := got.Long.At(line+1, 2)
			if d.Given("long") && (at.Line < 1 || at.Column < 1) {
				t.Errorf("position %v", at)
			}
		}
	})
}
