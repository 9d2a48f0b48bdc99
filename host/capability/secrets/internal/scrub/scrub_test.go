package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

const mark = "[secret:TOKEN]"

// writings are the ways in which a text is written by libraries and by what
// follows their rules.
var writings = map[string]func(string) string{
	"plain":             func(s string) string { return s },
	"query":             url.QueryEscape,
	"path":              url.PathEscape,
	"percent lower":     func(s string) string { return each(s, "%%%02x") },
	"percent upper":     func(s string) string { return each(s, "%%%02X") },
	"query twice":       func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"hex lower":         func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hex upper":         func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"json":              jsonString,
	"json without html": jsonPlain,
	"json in json":      func(s string) string { return jsonString(jsonString(s)) },
	"json every letter": func(s string) string { return eachUnit(s, `\u%04x`) },
	"json upper":        func(s string) string { return eachUnit(s, `\u%04X`) },
	"json slash":        func(s string) string { return strings.ReplaceAll(jsonPlain(s), "/", `\/`) },
	"javascript bytes":  func(s string) string { return each(s, `\x%02x`) },
	"html":              html.EscapeString,
	"html every letter": func(s string) string { return eachRune(s, "&#%d;") },
	"html hex":          func(s string) string { return eachRune(s, "&#x%X;") },
	"html names": func(s string) string {
		return strings.NewReplacer(`'`, "&apos;", `"`, "&quot;", "&", "&amp;").Replace(s)
	},
	"html twice":        func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"reversed":          reverse,
	"base64":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 in a query": func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 in php json": func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(s)), "/", `\/`)
	},
}

func each(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func eachRune(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

func eachUnit(s, format string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, format, u)
	}
	return b.String()
}

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string has no error
	}
	return string(b[1 : len(b)-1])
}

func jsonPlain(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string has no error
	}
	return strings.Trim(b.String(), "\n")[1 : b.Len()-2]
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// values are texts that are easily mistaken: with what the writings escape, and
// with what looks like an escape.
var values = map[string]string{
	"token":        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
	"shortest":     "k3y-v4lu",
	"password":     `p@ss w0rd/\"<'>&+%=?`,
	"looks escape": `%41\u0041&#65;%25`,
	"backslashes":  `\\\\\\\\a"\`,
	"not ascii":    "pässwört-🔑-ключ",
	"base64":       "q83vEjRWeJ+/q83vEjRWeA==",
	"repeats":      "aaaaaaaaaaab",
}

func matcher(value string) *Matcher { return New([]Value{{value, mark}}) }

func TestText(t *testing.T) {
	t.Parallel()
	for valueName, value := range values {
		m := matcher(value)
		for name, write := range writings {
			t.Run(valueName+"/"+name, func(t *testing.T) {
				written := write(value)
				text := `{"x":"` + written + `","y":"it's"}`
				got := m.Text(text)
				if strings.Contains(got, written) || strings.Count(got, mark) != 1 {
					t.Fatalf("%s\nis %s", text, got)
				}
				// The ends of base64 may be padding, which says nothing.
				if rest := strings.NewReplacer("=", "", "%3D", "", mark, "").Replace(got); rest != `{"x":"","y":"it's"}` {
					t.Errorf("%s\nis %s", text, got)
				}
			})
		}
	}
}

// TestShows has values and their forms whose letters are of another case.
func TestShows(t *testing.T) {
	t.Parallel()
	for valueName, value := range values {
		m := matcher(value)
		for name, write := range writings {
			t.Run(valueName+"/"+name, func(t *testing.T) {
				for _, fold := range []func(byte) byte{lower, upper} {
					text := []byte("x-" + write(value) + "-y")
					for i, b := range text {
						text[i] = fold(b)
					}
					if !m.Shows(string(text)) {
						t.Errorf("%s does not show", text)
					}
				}
			})
		}
		for _, text := range []string{"", "x", "Content-Type", "Strict-Transport-Security", value[1:], value[:len(value)-1]} {
			if m.Shows(text) && value != values["repeats"] {
				t.Errorf("%s: %q shows", valueName, text)
			}
		}
	}
	if (*Matcher)(nil).Shows("anything") {
		t.Error("no value shows")
	}
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		b |= 0x20
	}
	return b
}

func upper(b byte) byte {
	if b >= 'a' && b <= 'z' {
		b &^= 0x20
	}
	return b
}

// TestBase64 has the value at every place within a longer text that is in base64.
func TestBase64(t *testing.T) {
	t.Parallel()
	encodings := map[string]*base64.Encoding{
		"std": base64.StdEncoding, "raw std": base64.RawStdEncoding, "url": base64.URLEncoding, "raw url": base64.RawURLEncoding,
	}
	for name, enc := range encodings {
		for valueName, value := range values {
			m := matcher(value)
			for before := range 7 {
				for after := range 4 {
					t.Run(fmt.Sprintf("%s/%s/%d and %d", name, valueName, before, after), func(t *testing.T) {
						text := enc.EncodeToString([]byte("ÿÿÿÿÿÿÿ"[:before] + value + "þþþþ"[:after]))
						got := m.Text(text)
						if strings.Count(got, mark) != 1 {
							t.Fatalf("%s is %s", text, got)
						}
						rest := strings.Trim(strings.Replace(got, mark, "", 1), "=")
						digits := len(strings.TrimRight(text, "="))
						if want := before*8/6 + digits - ((before+len(value))*8+5)/6; len(rest) != want {
							t.Errorf("%s is %s: %d digits remain, want %d", text, got, len(rest), want)
						}
					})
				}
			}
			t.Run(name+"/"+valueName+"/in lines", func(t *testing.T) {
				text := enc.EncodeToString([]byte("user:" + value))
				for _, end := range []string{"\n", "\r\n", `\n`, `\r\n`} {
					lines := end + text[:5] + end + text[5:9] + end + text[9:] + end
					if got := m.Text(lines); strings.Count(got, mark) != 1 {
						t.Errorf("%q is %q", lines, got)
					}
				}
			})
		}
	}
}

func TestTextKeeps(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, text, want string }{
		{"nothing", "k3y-v4lu", "", ""},
		{"other text", "k3y-v4lu", "k3y-v4l, k3y, 3y-v4lu", "k3y-v4l, k3y, 3y-v4lu"},
		{"a beginning at the end", "k3y-v4lu", "it is k3y-v4l", "it is k3y-v4l"},
		{"an escape at the end", "k3y-v4lu", `k3y-v4l\u00`, `k3y-v4l\u00`},
		{"twice in a row", "k3y-v4lu", "k3y-v4luk3y-v4lu", mark + mark},
		{"after a beginning", "k3y-v4lu", "k3y-k3y-v4lu", "k3y-" + mark},
		{"overlapping", "abcabcab", "-abcabcabcab-", "-" + mark + "-"},
		{"invalid UTF-8 around", "k3y-v4lu", "\xff\xfek3y-v4lu\x80", "\xff\xfe" + mark + "\x80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := matcher(tt.value).Text(tt.text); got != tt.want {
				t.Errorf("%q is %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	m := New([]Value{{"abcdefgh", "[A]"}, {"abcdefghijkl", "[B]"}, {"ghijklmnop", "[C]"}, {"abcdefghijkl", "[D]"}})
	tests := []struct{ name, text, want string }{
		{"the short one", "-abcdefgh-", "-[A]-"},
		{"the long one", "-abcdefghijkl-", "-[B]-"},
		{"two that overlap", "-abcdefghijklmnop-", "-[B]-"},
		{"side by side", "abcdefgh,ghijklmnop", "[A],[C]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := m.Text(tt.text); got != tt.want {
				t.Errorf("%q is %q, want %q", tt.text, got, tt.want)
			}
			got, err := io.ReadAll(NewReader(iotest.OneByteReader(strings.NewReader(tt.text)), func() *Matcher { return m }))
			if err != nil || string(got) != tt.want {
				t.Errorf("byte by byte, %q is %q (%v), want %q", tt.text, got, err, tt.want)
			}
		})
	}
}

// TestAmbiguous has a text that can be read in more ways than there are atoms.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	m := matcher(strings.Repeat(`\`, 40) + "end of the value")
	text := strings.Repeat(`\`, 2000)
	if got := m.Text(text + "x"); got != text+"x" {
		t.Errorf("text without the value is changed: %d bytes", len(got))
	}
	if got := m.Text(text + "end of the value"); !strings.HasSuffix(got, mark) {
		t.Errorf("the value is not found: %d bytes", len(got))
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	if got := New(nil).Text("text"); got != "text" {
		t.Errorf("text is %q", got)
	}
	got, err := io.ReadAll(NewReader(strings.NewReader("text"), func() *Matcher { return nil }))
	if err != nil || string(got) != "text" {
		t.Errorf("read %q, %v", got, err)
	}
}
