package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestCheck(t *testing.T) {
	wide := func(n int, last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"k%d":{},`, i)
		}
		return b.String() + `"` + last + `":1}`
	}
	for _, tc := range []struct {
		name, in string
		want     string // part of the error; empty: none
		is       error
	}{
		{name: "object", in: `{"a":[1,{"b":null}],"c":"d"}`},
		{name: "same name in different objects", in: `{"a":{"a":1},"b":{"a":2}}`},
		{name: "big number", in: `{"n":123456789012345678901234567890.5e400}`},
		{name: "white space around", in: " {} \n"},
		{name: "empty", in: "", want: "unexpected end"},
		{name: "cut off", in: `{"a":`, want: "unexpected end"},
		{name: "two values", in: `{} {}`, want: "more than one"},
		{name: "trailing comma", in: `{"a":1,}`, want: "invalid"},
		{name: "duplicate", in: `{"a":1,"a":2}`, is: ErrDuplicate, want: "a"},
		{name: "duplicate by escape", in: `{"a":1,"\u0061":2}`, is: ErrDuplicate},
		{name: "duplicate but for case", in: `{"name":1,"Name":2}`, is: ErrDuplicate, want: `"name" and "Name"`},
		{name: "long s", in: `{"resources":1,"re\u017fources":2}`, is: ErrDuplicate},
		{name: "Kelvin sign", in: `{"token":1,"to\u212aen":2}`, is: ErrDuplicate},
		{name: "nested duplicate", in: `{"a":[{"x":1,"b":[],"X":2}]}`, is: ErrDuplicate, want: "/a/0"},
		{name: "invalid UTF-8", in: "{\"a\":\"\xff\"}", want: "UTF-8"},
		{name: "lone surrogate", in: `{"a":"\ud800"}`, want: "surrogate"},
		{name: "as deep as allowed", in: strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)},
		{name: "one too deep", in: strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), is: ErrDepth},
		{name: "10,000 deep", in: strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), is: ErrDepth},
		{name: "wide", in: wide(1000, "x")},
		{name: "wide with a duplicate", in: wide(1000, "K7"), is: ErrDuplicate, want: "K7"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Check([]byte(tc.in))
			if (err != nil) != (tc.want != "" || tc.is != nil) {
				t.Fatalf("err = %v", err)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("err = %v, want %v", err, tc.is)
			}
			if tc.want != "" && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestCheckAtMost(t *testing.T) {
	const text = `{"a":[{},"b"],"c":1}` // 10 names, values and brackets
	if err := CheckAtMost([]byte(text), 10); err != nil {
		t.Error(err)
	}
	if err := CheckAtMost([]byte(text), 9); !errors.Is(err, ErrTokens) {
		t.Errorf("one too many: %v", err)
	}
	// What comes behind the last one that counts is not read.
	if err := CheckAtMost([]byte(`[`+strings.Repeat("{},", 20)+`broken`), 9); !errors.Is(err, ErrTokens) {
		t.Errorf("many too many: %v", err)
	}
}

func TestParseMessage(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		kind     Kind
		id       ID
		code     int // 0: no error
	}{
		{name: "request", in: `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}`, kind: Request, id: "1"},
		{name: "string id", in: `{"jsonrpc":"2.0","id":"x","method":"m"}`, kind: Request, id: `"x"`},
		{name: "id by escape", in: `{"jsonrpc":"2.0","id":"\u0078","method":"m"}`, kind: Request, id: `"x"`},
		{name: "big id", in: `{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}`, kind: Request, id: "9007199254740993"},
		{name: "notification", in: `{"jsonrpc":"2.0","method":"m"}`, kind: Notification},
		{name: "result", in: `{"jsonrpc":"2.0","id":1,"result":{}}`, kind: Response, id: "1"},
		{name: "error", in: `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x","data":[1]}}`, kind: Response, id: "1"},
		{name: "error without id", in: `{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}`, kind: Response},
		{name: "not JSON", in: `{`, code: plugins.CodeParseError},
		{name: "array", in: `[]`, code: plugins.CodeInvalidRequest},
		{name: "no version", in: `{"id":7,"method":"m"}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "null id", in: `{"jsonrpc":"2.0","id":null,"method":"m"}`, code: plugins.CodeInvalidRequest},
		{name: "fractional id", in: `{"jsonrpc":"2.0","id":1.5,"method":"m"}`, code: plugins.CodeInvalidRequest},
		{name: "method is a number", in: `{"jsonrpc":"2.0","id":7,"method":1}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "params is an array", in: `{"jsonrpc":"2.0","id":7,"method":"m","params":[]}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "Method", in: `{"jsonrpc":"2.0","id":7,"Method":"m"}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "method and result", in: `{"jsonrpc":"2.0","id":7,"method":"m","result":{}}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "result and error", in: `{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":""}}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "result is a string", in: `{"jsonrpc":"2.0","id":7,"result":""}`, id: "7", code: plugins.CodeInvalidRequest},
		{name: "error code is a string", in: `{"jsonrpc":"2.0","id":7,"error":{"code":"1","message":""}}`, id: "7", code: plugins.CodeInvalidRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ParseMessage([]byte(tc.in))
			if m.ID != tc.id {
				t.Errorf("id = %s, want %s", m.ID, tc.id)
			}
			var e *plugins.Error
			switch {
			case tc.code == 0 && err != nil:
				t.Errorf("err = %v", err)
			case tc.code != 0 && (!errors.As(err, &e) || e.Code != tc.code):
				t.Errorf("err = %v, want code %d", err, tc.code)
			case tc.code == 0 && m.Kind != tc.kind:
				t.Errorf("kind = %v, want %v", m.Kind, tc.kind)
			}
		})
	}
}

func TestSalvageID(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     ID
	}{
		{"duplicate inside", `{"jsonrpc":"2.0","id":7,"method":"m","params":{"a":1,"a":2}}`, "7"},
		{"invalid UTF-8", "{\"id\":\"x\",\"method\":\"\xff\"}", `"x"`},
		{"deep", `{"id":7,"params":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "7"},
		{"two ids", `{"id":7,"id":8}`, ""},
		{"two ids but for case", `{"id":7,"ID":8}`, ""},
		{"id inside only", `{"params":{"id":7}}`, ""},
		{"no id", `{"method":"m"}`, ""},
		{"an id of a wrong type", `{"id":{}}`, ""},
		{"cut off", `{"id":7,"method":`, ""},
		{"array", `[{"id":7}]`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := SalvageID([]byte(tc.in)); got != tc.want {
				t.Errorf("id = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestObjectKeepsBytes(t *testing.T) {
	const in = `{ "b" : 9007199254740993, "a":{"x" : 1e400 ,"€":"\u20ac"} , "c":[ ]}`
	o, err := ParseObject([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"b":9007199254740993,"a":{"x" : 1e400 ,"€":"\u20ac"},"c":[ ]}`
	if got := string(o.JSON()); got != want {
		t.Errorf("JSON = %s\nwant   %s", got, want)
	}
	changed := o.SetString("b", "new").Set("d", json.RawMessage("1")).Delete("c")
	if got, want := string(changed.JSON()), `{"b":"new","a":{"x" : 1e400 ,"€":"\u20ac"},"d":1}`; got != want {
		t.Errorf("changed = %s\nwant      %s", got, want)
	}
	if got := string(o.JSON()); got != want {
		t.Errorf("changing a copy changed the original to %s", got)
	}
}

func TestCheckNames(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"as known", `{"arguments":{},"inputResponses":{},"other":1,"naïve":2}`, ""},
		{"another case", `{"Arguments":{}}`, `"Arguments": write it "arguments"`},
		{"long s", `{"argument\u017f":{}}`, `"argument\u017f": write it "arguments"`},
		{"full width", `{"ａrguments":{}}`, `"\uff41rguments": write it "arguments"`},
		{"full width of a name with capitals", `{"inputResponseｓ":{}}`, `write it "inputResponses"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, err := ParseObject([]byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			err = o.CheckNames("name", "arguments", "inputResponses")
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want it to say %q", err, tc.want)
			}
		})
	}
}

// FuzzParseMessage holds that what is accepted means the same to encoding/json,
// which most guests read with, and survives being written and read again.
func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"n":9007199254740993}}}`,
		`{"jsonrpc":"2.0","id":"a","result":{"content":[]}}`,
		`{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}`,
		`{"a":1,"A":2}`, `[[[[`, "{\"\xff\":1}", `{"jsonrpc":"2.0","method":"\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.Clone(data)
		m, err := ParseMessage(data)
		SalvageID(data)
		if !bytes.Equal(in, data) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			var e *plugins.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T is no protocol error", err)
			}
			return
		}
		out := m.Append(nil)
		if !json.Valid(out) {
			t.Fatalf("wrote invalid JSON: %s", out)
		}
		if bytes.ContainsAny(OneLine(out), "\r\n") {
			t.Fatalf("more than one line: %q", OneLine(out))
		}
		again, err := ParseMessage(out)
		if err != nil {
			t.Fatalf("cannot read back %s: %v", out, err)
		}
		if again.Kind != m.Kind || again.ID != m.ID || again.Method != m.Method || !bytes.Equal(again.Params.JSON(), m.Params.JSON()) {
			t.Fatalf("%s came back as %s", out, again.Append(nil))
		}
		var lenient struct{ Method string }
		if err := json.Unmarshal(data, &lenient); err != nil || m.Kind != Response && lenient.Method != m.Method {
			t.Fatalf("encoding/json sees method %q (%v), we %q", lenient.Method, err, m.Method)
		}
	})
}
