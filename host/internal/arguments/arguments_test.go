package arguments

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// schema declares names in every way that the tests need.
const schema = `{
	"type": "object",
	"properties": {
		"path": {"type": "string"},
		"file_path": {"type": "string"},
		"maxSize": {"maximum": 1e400},
		"stra\u00dfe": true,
		"options": {"type": "object", "properties": {"mode": {"type": "string"}}, "additionalProperties": {"properties": {"level": {}}}},
		"edits": {"type": "array", "items": {"$ref": "#/$defs/edit"}},
		"pair": {"prefixItems": [{"properties": {"left": {}, "to_do": {}, "to-do": {}, "__proto__": {}, "caf\u00e9": {}, "cafe\u0301": {}}}, {"properties": {"right": {}}}]},
		"choice": {"oneOf": [{"properties": {"url": {}}}, {"$ref": "#named"}, {"$ref": "https://example.com/other"}]},
		"tree": {"$ref": "#/$defs/tree"},
		"free": {"type": "object"}
	},
	"dependentSchemas": {"path": {"properties": {"owner": {}}}},
	"if": {"required": ["path"]}, "then": {"properties": {"group": {}}},
	"patternProperties": {"^x-": {"properties": {"note": {}}}},
	"$defs": {
		"edit": {"properties": {"text": {}, "at~1/2": {"properties": {"deep": {}}}}},
		"named": {"$anchor": "named", "properties": {"name": {}, "same": {"$ref": "#/$defs/edit/properties/at~01~12"}}},
		"tree": {"properties": {"value": {}, "children": {"items": {"allOf": [{"$ref": "#/$defs/tree"}]}}}}
	}
}`

func TestCheck(t *testing.T) {
	names := Schema(json.RawMessage(schema))
	for _, tc := range []struct {
		name, args string
		want       string // part of the error; empty: none
	}{
		{"nothing", `{}`, ""},
		{"declared", `{"path":"a","file_path":"b","maxSize":1,"options":{"mode":"x"}}`, ""},
		{"undeclared", `{"other":1,"an_other":{"path":2}}`, ""},
		{"another case", `{"Path":"a"}`, `"Path" is not declared and looks like "path"`},
		{"escaped", `{"\u0050ath":"a"}`, `"Path" is not declared`},
		{"camel case", `{"MAXSIZE":1}`, `"MAXSIZE" is not declared and looks like "maxSize"`},
		{"long s", `{"\u017ftrasse":1}`, `"\u017ftrasse" is not declared and looks like "stra\u00dfe"`},
		{"sharp s", `{"STRASSE":1}`, `looks like "stra\u00dfe"`},
		{"full width", `{"ｐａｔｈ":1}`, `"\uff50\uff41\uff54\uff48" is not declared and looks like "path"`},
		{"no separator", `{"filePath":1}`, `"filePath" is not declared and looks like "file_path"`},
		{"another separator", `{"file-path":1}`, `looks like "file_path"`},
		{"both, one by its case", `{"path":1,"other":2,"PATH":3}`, `"PATH" is not declared`},
		{"of conditions", `{"Owner":1}`, `looks like "owner"`},
		{"of a branch", `{"GROUP":1}`, `looks like "group"`},
		{"below", `{"options":{"Mode":1}}`, `"Mode" at "/options" is not declared and looks like "mode"`},
		{"of another level", `{"options":{"Path":1},"Mode":1}`, ""},
		{"below any other", `{"options":{"x":{"Level":1}}}`, `"Level" at "/options/x"`},
		{"by a pattern", `{"x-1":{"Note":1}}`, `"Note" at "/x-1"`},
		{"in elements", `{"edits":[{"text":1},{"Text":1}]}`, `"Text" at "/edits/1"`},
		{"in a pair", `{"pair":[{"left":1},{"Right":1}]}`, `"Right" at "/pair/1"`},
		{"in a choice", `{"choice":{"URL":1}}`, `looks like "url"`},
		{"in a choice by reference", `{"choice":{"NAME":1}}`, `looks like "name"`},
		{"by a reference into a level", `{"choice":{"same":{"DEEP":1}}}`, `looks like "deep"`},
		{"in a recursive schema", `{"tree":{"children":[{"children":[{"Value":1}]}]}}`, `"Value" at "/tree/children/0/children/0"`},
		{"in a value without a schema", `{"free":{"Path":{"Path":1}}}`, ""},
		{"in elements without a schema", `{"free":[{"PATH":1},[{"a":"Path"}]]}`, ""},
		{"two that look alike", `{"free":{"caf\u00e9":1,"cafe\u0301":2}}`, `"caf\u00e9" and "cafe\u0301" at "/free" look alike`},
		{"ASCII first", `{"free":[{"file":1,"a":2,"ﬁle":3}]}`, `"file" and "\ufb01le" at "/free/0" look alike`},
		{"ASCII last", `{"free":{"ﬁle":1,"file":3}}`, `"\ufb01le" and "file" at "/free" look alike`},
		{"alike in two objects", `{"free":[{"file":1},{"ﬁle":3}]}`, ""},
		{"alike behind an inner object", `{"free":{"ﬁle":{"a":{}},"b":[],"file":1}}`, "look alike"},
		{"separators of what is not declared", `{"free":{"a_b":1,"c":2,"a-b":3}}`, `"a_b" and "a-b" at "/free" look alike`},
		{"no separator in what is not declared", `{"free":[{"ab":1,"a_b":2}]}`, `"ab" and "a_b" at "/free/0" look alike`},
		{"case and separator of what is not declared", `{"any_thing":1,"path":2,"anyThing":3}`, `"any_thing" and "anyThing" look alike`},
		{"unlike, with separators", `{"free":{"a_b":1,"a_c":2,"aD":3,"path":4}}`, ""},
		{"both declared", `{"pair":[{"to_do":1,"to-do":2}]}`, ""},
		{"both declared, not ASCII", `{"pair":[{"caf\u00e9":1,"cafe\u0301":2}]}`, `look alike`},
		{"a prototype", `{"__proto__":{"path":1}}`, `"__proto__" is not declared, and a server may take`},
		{"a prototype, escaped", `{"edits":[{"\u005f_proto__":{}}]}`, `"__proto__" at "/edits/0" is not declared`},
		{"a prototype without a schema", `{"free":[{"a":{"__proto__":1}}]}`, `"__proto__" at "/free/0/a" is not declared`},
		{"a prototype that is declared", `{"pair":[{"__proto__":1}]}`, ""},
		{"what a prototype has", `{"constructor":{"prototype":{"proto":1}}}`, ""},
		{"long", `{"options":{"MODE":1},"` + strings.Repeat("x", 500) + `é":1,"` + strings.Repeat("x", 500) + `\u0065\u0301":2}`, `"MODE"`},
		{"a long name", `{"free":{"` + strings.Repeat("x", 500) + `é":1,"` + strings.Repeat("X", 500) + `é":2}}`, strings.Repeat("x", 80) + `"…`},
		{"no object", `[{"Path":1}]`, ""},
		{"a number", `1`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			switch err := names.Check(json.RawMessage(tc.args)); {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("err = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	for _, tc := range []struct{ name, schema, args, want string }{
		{"none", ``, `{"A":1}`, ""},
		{"not an object", `true`, `{"A":1}`, ""},
		{"of wrong types", `{"properties":[],"allOf":{"properties":{"a":1}},"items":3,"$ref":1}`, `{"A":1}`, `"a"`},
		{"of itself", `{"$ref":"#","properties":{"a":{"$ref":"#"}}}`, `{"a":{"a":{"A":1}}}`, `"A" at "/a/a"`},
		{"in a ring", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a","properties":{"x":{"$ref":"#"}}}}}`,
			`{"x":{"x":{"X":1}}}`, `"X" at "/x/x"`},
		{"levels that meet", `{"anyOf":[{"properties":{"a":{"properties":{"b":{}}}}},{"properties":{"a":{"properties":{"c":{}}}}}]}`,
			`{"a":{"b":1,"C":2}}`, `"C" at "/a"`},
		{"a level that meets one below it", `{"properties":{"a":{"$ref":"#"},"b":{"items":{"$ref":"#"}}},"allOf":[{"properties":{"a":{"properties":{"c":{"properties":{"d":{}}}}}}}]}`,
			`{"b":[{"a":{"c":{"D":1}}}]}`, `"D" at "/b/0/a/c"`},
		{"by an escaped reference", `{"properties":{"a":{"$ref":"#/$defs/x%20y"}},"$defs":{"x y":{"properties":{"b":{}}}}}`, `{"a":{"B":1}}`, `"b"`},
		{"by an id", `{"properties":{"a":{"$ref":"urn:x"}},"$defs":{"x":{"$id":"urn:x","properties":{"b":{}}}}}`, `{"a":{"B":1}}`, `"b"`},
		{"into a list", `{"properties":{"a":{"$ref":"#/allOf/0"}},"allOf":[{"properties":{"b":{}}}]}`, `{"a":{"B":1}}`, `"b"`},
		{"to nowhere", `{"properties":{"a":{"$ref":"#/no/1"},"b":{"$ref":"#/properties/0"},"c":{"$ref":"#%zz"}}}`, `{"a":{"B":1}}`, ""},
		{"two names that look alike", `{"properties":{"aB":{},"a_b":{}}}`, `{"aB":1,"a_b":2,"A_B":3}`, `looks like "aB"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Schema(json.RawMessage(tc.schema)).Check(json.RawMessage(tc.args))
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	n := List([]string{"language", "file_name"})
	if err := n.Check(json.RawMessage(`{"language":"Greek"}`)); err != nil {
		t.Error(err)
	}
	if err := n.Check(json.RawMessage(`{"Language":"Greek"}`)); err == nil {
		t.Error("another case passed")
	}
}

func TestUsualNamesDoNotAllocate(t *testing.T) {
	names := Schema(json.RawMessage(schema))
	args := json.RawMessage(`{"path":"a","options":{"mode":"x","other":[1,2,{"y":null}]},"edits":[{"text":"é"}],"unknown":1}`)
	r := new(reader) // a pool gives back what it likes
	if n := testing.AllocsPerRun(100, func() {
		if err := r.check(names, args); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// declared are the arguments of [declaredSchema] as a guest decodes them.
type declared struct {
	Path    json.RawMessage `json:"path"`
	MaxSize json.RawMessage `json:"maxSize"`
	Options struct {
		Mode json.RawMessage `json:"mode"`
	} `json:"options"`
}

const declaredSchema = `{"properties":{"path":{},"maxSize":{},"options":{"type":"object","properties":{"mode":{}}}}}`

// strictly reads arguments as a policy does, by names that are exactly the declared
// ones. It reports false where they have not the declared types, at which decoders
// stop.
func strictly(args []byte) (d declared, ok bool) {
	var top, options map[string]json.RawMessage
	if json.Unmarshal(args, &top) != nil {
		return d, false
	}
	if o, has := top["options"]; has && json.Unmarshal(o, &options) != nil {
		return d, false
	}
	d.Path, d.MaxSize, d.Options.Mode = top["path"], top["maxSize"], options["mode"]
	return d, true
}

// FuzzCheck holds that what passes means one thing to all who decode it into a struct
// with the declared names: encoding/json, and the next version of it, strictly and as
// loosely as it can.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		`{"path":1}`, `{"Path":1}`, `{"max_size":1}`, `{"options":{"Mode":1}}`, `{"options":{"mode":1},"OPTIONS":{"mode":2}}`,
		`{"path":9007199254740993,"x":[{"ﬁ":1,"fi":2}]}`, `{"\u0070ath":"\u00e9"}`, `{"option\u017f":{"mode":1}}`, `{"options":[]}`,
		`{"path":1e400,"maxSize":-0,"options":null}`,
	} {
		f.Add([]byte(s), []byte(schema))
	}
	names := Schema(json.RawMessage(declaredSchema))
	f.Fuzz(func(t *testing.T, args, other []byte) {
		if wire.Check(args) != nil {
			return
		}
		if wire.Check(other) == nil {
			_ = Schema(other).Check(args) // it ends, and does not panic
		}
		before := bytes.Clone(args)
		if names.Check(args) != nil {
			return
		}
		if !bytes.Equal(before, args) {
			t.Fatal("the arguments were changed")
		}
		want, ok := strictly(args)
		if !ok {
			return
		}
		for name, decode := range map[string]func([]byte, any) error{
			"encoding/json": json.Unmarshal,
			"v2":            func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) },
			"v2, loosely":   func(b []byte, v any) error { return jsonv2.Unmarshal(b, v, jsonv2.MatchCaseInsensitiveNames(true)) },
		} {
			var got declared
			if err := decode(args, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s reads %+v, a policy %+v, error %v", args, name, got, want, err)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	names := Schema(json.RawMessage(schema))
	for _, tc := range []struct{ name, args string }{
		{"usual", `{"path":"/data/a","options":{"mode":"x"}}`},
		{"camel case", `{"maxSize":"/data/a","someOther":{"mode":"x"}}`},
		{"accents", `{"path":"a","free":{"café":1,"naïve":2}}`},
		{"1,000 edits", `{"edits":[` + strings.Repeat(`{"text":"abc","other":1},`, 999) + `{}]}`},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			args := json.RawMessage(tc.args)
			b.SetBytes(int64(len(args)))
			for b.Loop() {
				if err := names.Check(args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSchema(b *testing.B) {
	for b.Loop() {
		Schema(json.RawMessage(schema))
	}
}
