package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestTools(t *testing.T) {
	type args map[string]any
	tests := []struct {
		name, tool string
		in         args
		want       string
	}{
		{"count", "count", args{"text": "äb c\nab\n", "find": "b"}, `{"bytes":9,"characters":8,"words":3,"lines":2,"found":2}`},
		{"count nothing", "count", args{"text": ""}, `{"bytes":0,"characters":0,"words":0,"lines":0,"found":0}`},
		{"same", "diff", args{"a": "x\ny", "b": "x\ny\n"}, `{"diff":"","added":0,"removed":0}`},
		{"changed", "diff", args{"a": "1\n2\n3\n4", "b": "1\n2\nx\n4", "context": 1}, `{"diff":"@@ -2,3 +2,3 @@\n 2\n-3\n+x\n 4\n","added":1,"removed":1}`},
		{"two places", "diff", args{"a": "a\n1\n2\n3\nb", "b": "A\n1\n2\n3\nB", "context": 1}, `{"diff":"@@ -1,2 +1,2 @@\n-a\n+A\n 1\n@@ -4,2 +4,2 @@\n 3\n-b\n+B\n","added":2,"removed":2}`},
		{"new", "diff", args{"a": "", "b": "x"}, `{"diff":"@@ -0,0 +1 @@\n+x\n","added":1,"removed":0}`},
		{"too different", "diff", args{"a": strings.Repeat("a\n", 6000), "b": strings.Repeat("b\n", 6000)}, `the texts differ in 6000 and 6000 lines, which is too much to compare: compare parts`},
		{"match", "match", args{"text": "ä a@b c@d", "pattern": `(\w)@(?P<host>\w)(x)?`}, `{"matches":[{"text":"a@b","offset":2,"groups":{"1":"a","2":"b","host":"b"}},{"text":"c@d","offset":6,"groups":{"1":"c","2":"d","host":"d"}}],"more":false}`},
		{"match some", "match", args{"text": "aaa", "pattern": "a", "most": 1}, `{"matches":[{"text":"a","offset":0}],"more":true}`},
		{"bad pattern", "match", args{"text": "", "pattern": "("}, "pattern: missing closing ): `(`"},
		{"replace", "replace", args{"text": "a1b2", "pattern": `(\d)`, "with": "<$1>$$"}, `{"text":"a<1>$b<2>$"}`},
		{"replace with too much", "replace", args{"text": strings.Repeat("a", 5000), "pattern": "a", "with": strings.Repeat("b", 1000)}, `the result is larger than 4194304 bytes: replace less at a time`},
		{"base64", "encode", args{"text": "ä?>", "form": "base64"}, `{"text":"w6Q/Pg=="}`},
		{"base64url back", "encode", args{"text": "w6Q_Pg==", "form": "base64url", "decode": true}, `{"text":"ä?>"}`},
		{"hex back", "encode", args{"text": "zz", "form": "hex", "decode": true}, `text: no hex: encoding/hex: invalid byte: U+007A 'z'`},
		{"no text", "encode", args{"text": "ff", "form": "hex", "decode": true}, `text: holds 1 bytes that are no UTF-8 text`},
		{"percent", "encode", args{"text": "a b&c", "form": "percent"}, `{"text":"a+b%26c"}`},
		{"unknown form", "encode", args{"text": "", "form": "rot13"}, `arguments.form: want one of "base64", "base64url", "hex", "percent"`},
		{"sha256", "hash", args{"text": "abc"}, `{"text":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}`},
		{"md5", "hash", args{"text": "abc", "algorithm": "md5"}, `{"text":"900150983cd24fb0d6963f7d28e17f72"}`},
		{"format", "json_format", args{"json": ` {"b":1e999,"a":[12345678901234567890]} `, "indent": 1}, `{"text":"{\n \"b\": 1e999,\n \"a\": [\n  12345678901234567890\n ]\n}"}`},
		{"compact", "json_format", args{"json": "[ 1 ]", "indent": 0}, `{"text":"[1]"}`},
		{"no JSON", "json_format", args{"json": "{\n \"a\": x}"}, `json: line 2, column 7: invalid character 'x' looking for beginning of value`},
		{"query", "json_query", args{"json": `{"a/b":[{"~":12345678901234567890}]}`, "pointer": "/a~1b/0/~0"}, `{"value":12345678901234567890}`},
		{"query all", "json_query", args{"json": `5`, "pointer": ""}, `{"value":5}`},
		{"query nothing", "json_query", args{"json": `{"a":[1]}`, "pointer": "/a/01"}, `pointer: at "/a": the array of 1 elements has no element "01"`},
		{"query a number", "json_query", args{"json": `{"a":1}`, "pointer": "/a/b"}, `pointer: at "/a": 1 is neither an object nor an array`},
		{"query without a slash", "json_query", args{"json": `{}`, "pointer": "a"}, `pointer: "a": begin with a slash, such as /a`},
		{"merge", "json_merge", args{"json": `{"b":1,"a":{"x":1,"y":2}}`, "patch": `{"a":{"x":null,"z":{"n":null}},"c":[null]}`}, `{"value":{"a":{"y":2,"z":{}},"b":1,"c":[null]}}`},
		{"merge no object", "json_merge", args{"json": `[1]`, "patch": `{"a":1}`}, `{"value":{"a":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (pdktest.Client{Server: newServer()}).CallTool(t, tt.tool, tt.in).Text(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzDiff checks that a diff's edits lead from one text to the other.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Add("", "\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		edits, err := compare(lines(a), lines(b))
		if err != nil {
			return
		}
		var left, right []string
		for _, e := range edits {
			if e.kind != '+' {
				left = append(left, e.text)
			}
			if e.kind != '-' {
				right = append(right, e.text)
			}
		}
		if strings.Join(left, "\n") != strings.Join(lines(a), "\n") || strings.Join(right, "\n") != strings.Join(lines(b), "\n") {
			t.Errorf("edits %v do not lead from %q to %q", edits, a, b)
		}
	})
}

// FuzzMerge checks that merging ends in JSON, and that a patch applied twice is
// as good as once.
func FuzzMerge(f *testing.F) {
	f.Add(`{"a":1}`, `{"a":null,"b":{"c":null}}`)
	f.Fuzz(func(t *testing.T, target, patch string) {
		once, err := mergeJSON(t.Context(), mergeIn{target, patch})
		if err != nil {
			return
		}
		twice, err := mergeJSON(t.Context(), mergeIn{string(once.Value), patch})
		if err != nil || !json.Valid(once.Value) || string(once.Value) != string(twice.Value) && patch[0] == '{' {
			t.Errorf("merge of %s and %s: %s, then %s (%v)", target, patch, once.Value, twice.Value, err)
		}
	})
}
