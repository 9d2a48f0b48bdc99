package pdk

import (
	"encoding/json"
	"math/big"
	"reflect"
	"testing"
	"time"
)

type embedded struct {
	Inner string `json:"inner"`
}

type everyType struct {
	embedded
	Plain    string
	Renamed  string          `json:"renamed,omitempty" description:"a text" minLength:"1" maxLength:"3"`
	Hidden   string          `json:"-"`
	private  string          //nolint:unused // must not appear
	Choice   string          `json:"choice" enum:"a, b" default:"a"`
	Choices  []string        `json:"choices,omitempty" enum:"x,y" minItems:"1" maxItems:"2"`
	Level    int             `json:"level" enum:"1,2" jsonschema:"a level"`
	Count    uint8           `json:"count"`
	Ratio    float64         `json:"ratio,omitzero" minimum:"-0.5" maximum:"1e3" default:"0.25"`
	On       bool            `json:"on" default:"true"`
	Maybe    *int            `json:"maybe"`
	When     time.Time       `json:"when"`
	Bytes    []byte          `json:"bytes"`
	Pair     [2]int          `json:"pair"`
	Names    map[string]int  `json:"names"`
	Raw      json.RawMessage `json:"raw"`
	Any      any             `json:"any"`
	Number   json.Number     `json:"number"`
	Big      big.Int         `json:"big"`
	Nested   embedded        `json:"nested"`
	Headered string          `json:"headered,omitempty" header:"Region"`
}

func TestSchemaOfTypes(t *testing.T) {
	tests := []struct {
		name   string
		typ    reflect.Type
		closed bool
		want   string
	}{
		{"empty", reflect.TypeFor[struct{}](), true, `{"type":"object","properties":{},"additionalProperties":false}`},
		{"map", reflect.TypeFor[map[string]bool](), true, `{"type":"object","additionalProperties":{"type":"boolean"}}`},
		{"open", reflect.TypeFor[embedded](), false, `{"type":"object","properties":{"inner":{"type":"string"}},"required":["inner"]}`},
		{"every", reflect.TypeFor[everyType](), true, `{"type":"object","properties":{"inner":{"type":"string"},"Plain":{"type":"string"},` +
			`"renamed":{"type":"string","description":"a text","minLength":1,"maxLength":3},` +
			`"choice":{"type":"string","enum":["a","b"],"default":"a"},` +
			`"choices":{"type":"array","items":{"type":"string","enum":["x","y"]},"minItems":1,"maxItems":2},` +
			`"level":{"type":"integer","description":"a level","enum":[1,2]},` +
			`"count":{"type":"integer","minimum":0},"ratio":{"type":"number","minimum":-0.5,"maximum":1e3,"default":0.25},` +
			`"on":{"type":"boolean","default":true},"maybe":{"type":["integer","null"]},` +
			`"when":{"type":"string","format":"date-time"},"bytes":{"type":"string","contentEncoding":"base64"},` +
			`"pair":{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2},` +
			`"names":{"type":"object","additionalProperties":{"type":"integer"}},"raw":{},"any":{},"number":{"type":"number"},"big":{},` +
			`"nested":{"type":"object","properties":{"inner":{"type":"string"}},"required":["inner"],"additionalProperties":false},` +
			`"headered":{"type":"string","x-mcp-header":"Region"}},` +
			`"required":["inner","Plain","choice","level","count","on","when","bytes","pair","names","raw","any","number","big","nested"],"additionalProperties":false}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := schemaFor(tt.typ, tt.closed)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(s.JSON()); got != tt.want {
				t.Errorf("schema\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestSchemaErrors(t *testing.T) {
	for name, typ := range map[string]reflect.Type{
		"bad enum": reflect.TypeFor[struct {
			A int `enum:"x"`
		}](),
		"bad default": reflect.TypeFor[struct {
			A int `default:"x"`
		}](),
		"bad minimum": reflect.TypeFor[struct {
			A int `minimum:"x"`
		}](),
		"bad count": reflect.TypeFor[struct {
			A string `minLength:"-1"`
		}](),
		"string option": reflect.TypeFor[struct {
			A int `json:",string"`
		}](),
		"map of ints":     reflect.TypeFor[map[int]string](),
		"channel in list": reflect.TypeFor[[]chan int](),
		"function":        reflect.TypeFor[func()](),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := schemaFor(typ, true); err == nil {
				t.Errorf("schema %s, want an error", s.JSON())
			}
		})
	}
}

func TestFormSchemaIsFlat(t *testing.T) {
	if _, err := formSchema[struct{ A embedded }](); err == nil {
		t.Error("an object in a form: no error")
	}
	if _, err := formSchema[struct{ A []string }](); err == nil {
		t.Error("a free list in a form: no error")
	}
	if _, err := formSchema[struct {
		A []string `enum:"x,y"`
		B bool
	}](); err != nil {
		t.Errorf("a flat form: %v", err)
	}
}

func TestCheck(t *testing.T) {
	const object = `{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":9},"s":{"type":["string","null"],"minLength":2,"maxLength":3},"l":{"type":"array","maxItems":2,"minItems":1,"items":{"enum":["a",1.0,null]}},"any":true},"required":["n"],"additionalProperties":false}`
	tests := []struct{ name, schema, value, want string }{
		{"fits", object, `{"n":3,"s":"äöü","l":["a",null],"any":[{}]}`, ``},
		{"integer with a point", object, `{"n":3.0}`, ``},
		{"integer with an exponent", object, `{"n":3e0}`, ``},
		{"fraction", object, `{"n":3.5}`, `v.n: want an integer, have a number`},
		{"beyond float", object, `{"n":1e999}`, `v.n: want an integer, have a number`},
		{"number beyond float", `{"type":"number"}`, `1e999`, `v: 1e999 is out of range`},
		{"missing", object, `{}`, `v: missing required member "n"`},
		{"unknown", object, `{"n":1,"m":1}`, `v: unknown member "m"; known: n, s, l, any`},
		{"other case", object, `{"n":1,"N":1}`, `v: unknown member "N"; write it "n"`},
		{"too small", object, `{"n":0}`, `v.n: want at least 1, have 0`},
		{"too large", object, `{"n":10}`, `v.n: want at most 9, have 10`},
		{"null allowed", object, `{"n":1,"s":null}`, ``},
		{"wrong type of two", object, `{"n":1,"s":1}`, `v.s: want a string or null, have a number`},
		{"too short", object, `{"n":1,"s":"ä"}`, `v.s: want at least 2 characters, have 1`},
		{"too long", object, `{"n":1,"s":"abcd"}`, `v.s: want at most 3 characters, have 4`},
		{"too few", object, `{"n":1,"l":[]}`, `v.l: want at least 1 elements, have 0`},
		{"too many", object, `{"n":1,"l":["a","a","a"]}`, `v.l: want at most 2 elements, have 3`},
		{"not in enum", object, `{"n":1,"l":["b"]}`, `v.l[0]: want one of "a", 1.0, null`},
		{"in a dictionary", `{"additionalProperties":{"type":"boolean"}}`, `{"a":1}`, `v.a: want a boolean, have a number`},
		{"additional allowed", `{"additionalProperties":true}`, `{"a":1}`, ``},
		{"nothing known", `{"additionalProperties":false}`, `{"a":1}`, `v: unknown member "a"; known: none`},
		{"other case in an open object", `{"properties":{"path":{}}}`, `{"PATH":1}`, `v: unknown member "PATH"; write it "path"`},
		{"unknown keywords", `{"allOf":[{"type":"string"}],"$ref":"#/x"}`, `1`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseSchema(json.RawMessage(tt.schema))
			if err != nil {
				t.Fatal(err)
			}
			var v any
			got := ""
			if err := decodeChecked("v", s, json.RawMessage(tt.value), &v); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, uri string
		want         map[string]string // nil: no match
	}{
		{"a://b", "a://b", map[string]string{}},
		{"a://b", "a://bc", nil},
		{"a://{x}", "a://1", map[string]string{"x": "1"}},
		{"a://{x}", "a://", nil},
		{"a://{x}", "a://1/2", nil},
		{"a://{x}", "a://1%2F2", map[string]string{"x": "1/2"}},
		{"a://{x}", "a://1%2", nil},
		{"a://{x}", "a://1%zz", nil},
		{"a://{x}", "a://1?q", nil},
		{"a://{+x}", "a://1/2?q", map[string]string{"x": "1/2?q"}},
		{"{a}-{b}", "1-2-3", map[string]string{"a": "1", "b": "2-3"}},
		{"{+a}.txt", "x/y.txt.txt", map[string]string{"a": "x/y.txt"}},
		{"{+a}/{b}/end", "1/2/3/end", map[string]string{"a": "1/2", "b": "3"}},
		{"x{a}y", "xyy", map[string]string{"a": "y"}},
		{"x{a}y", "xay/", nil},
	}
	for _, tt := range tests {
		t.Run(tt.pattern+" "+tt.uri, func(t *testing.T) {
			p, err := parsePattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := p.match(tt.uri)
			if ok != (tt.want != nil) || ok && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("match %v %t, want %v", got, ok, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "{", "}", "a}b", "{}", "{a}{b}", "{a}/{a}", "{a*}", "{?q}", "{a b}"} {
		t.Run("malformed "+bad, func(t *testing.T) {
			if _, err := parsePattern(bad); err == nil {
				t.Error("no error")
			}
		})
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a://{x}/{+y}", "a://1/2/3")
	f.Add("{a}-{b}", "%-%25")
	f.Fuzz(func(t *testing.T, pattern, uri string) {
		p, err := parsePattern(pattern)
		if err != nil || len(p) > 5 || len(uri) > 200 {
			return
		}
		values, ok := p.match(uri)
		for _, v := range p {
			if _, has := values[v.variable]; ok && v.variable != "" && !has {
				t.Errorf("%q matches %q without %q", pattern, uri, v.variable)
			}
		}
	})
}
