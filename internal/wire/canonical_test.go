package wire

import (
	"bytes"
	"testing"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"white space", " { \"a\" : [ 1 , 2 ] }\n", `{"a":[1,2]}`},
		{"order", `{"b":1,"a":{"d":1,"c":2}}`, `{"a":{"c":2,"d":1},"b":1}`},
		{"order of UTF-16", `{"\ufb33":1,"\ud83d\ude00":2}`, "{\"\U0001F600\":2,\"\ufb33\":1}"},
		{"escapes", `"\u003c\u00e9\/\u001f\n"`, "\"<é/\\u001f\\n\""},
		{"large numbers keep their digits", `[12345678901234567890,1.10,1e3,-0]`, `[12345678901234567890,1.10,1e3,-0]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			got, err := Canonical(in)
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
			if string(in) != tt.in {
				t.Error("the input was changed")
			}
		})
	}
	for _, bad := range []string{``, `{"a":1,"A":2}`, `"\ud800"`, `{} {}`} {
		if got, err := Canonical([]byte(bad)); err == nil {
			t.Errorf("%q: %s, want an error", bad, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1.0,"\u00e9"],"a":null}`, `{"\ud83d\ude00":1e400}`, `[[],{}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		once, err := Canonical(in)
		if err != nil {
			if Check(in) == nil {
				t.Errorf("no canonical form: %v", err)
			}
			return
		}
		if twice, err := Canonical(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}
