package scrub

import (
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// pieces reads a text in pieces of random lengths.
type pieces struct {
	text string
	rnd  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := min(len(b), len(p.text), 1+p.rnd.IntN(20))
	copy(b, p.text[:n])
	p.text = p.text[n:]
	return n, nil
}

// usable reports whether a value is one that secrets can have, and short enough.
func usable(value string) bool {
	return utf8.ValidString(value) && len(value) >= 8 && len(value) <= 200 && !strings.ContainsFunc(value, unicode.IsControl)
}

// FuzzScrub has a value, in every writing, between two texts: it is gone from all
// that comes out, and reading in pieces gives what reading at once does.
func FuzzScrub(f *testing.F) {
	for _, v := range values {
		f.Add(v, `{"a":"`, `%41&#65;\n`, uint64(1))
	}
	f.Add("abcabcab", "abcab", "cabcab", uint64(2))
	f.Add(`\\\"\\\"`, `\\\\`, `\\\\"`, uint64(3))
	f.Add("+++++++ ", "%2B", "%252", uint64(4))
	f.Fuzz(func(t *testing.T, value, before, after string, seed uint64) {
		if !usable(value) || len(before)+len(after) > 1000 {
			t.Skip()
		}
		m := matcher(value)
		rnd := rand.New(rand.NewPCG(seed, 0))
		for name, write := range writings {
			written := write(value)
			text := before + written + after
			got := m.Text(text)
			// A mark, or what an occurrence leaves beside one, may have the
			// characters of a value that is made of them.
			if !strings.Contains(got, mark) {
				t.Fatalf("%s: %q is %q", name, text, got)
			}
			if strings.Contains(strings.ReplaceAll(got, mark, "\x00"), written) {
				t.Fatalf("%s: %q is still in %q", name, written, got)
			}
			read, err := io.ReadAll(NewReader(&pieces{text, rnd}, func() *Matcher { return m }))
			if err != nil || string(read) != got {
				t.Fatalf("%s: in pieces %q is %q (%v), at once %q", name, text, read, err, got)
			}
		}
	})
}

// FuzzBase64 has a value within a longer text in base64.
func FuzzBase64(f *testing.F) {
	f.Add("k3y-v4lu", []byte("user:"), []byte("@host"))
	f.Fuzz(func(t *testing.T, value string, before, after []byte) {
		if !usable(value) || len(before)+len(after) > 1000 {
			t.Skip()
		}
		text := writings["base64"](string(slices.Concat(before, []byte(value), after)))
		if got := matcher(value).Text(text); !strings.Contains(got, mark) {
			t.Fatalf("%q is %q", text, got)
		}
	})
}
