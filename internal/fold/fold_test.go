package fold

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFull(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain", "path-1_a", "path-1_a"},
		{"upper case", "PATH", "path"},
		{"long s", "pa\u017f\u017f", "pass"},
		{"Kelvin sign", "to\u212aen", "token"},
		{"sharp s", "stra\u00dfe", "strasse"},
		{"capital sharp s", "STRA\u1e9eE", "strasse"},
		{"full width", "\uff30\uff41\uff54\uff48", "path"},
		{"ligature", "\ufb01le", "file"},
		{"superscript", "x\u00b2", "x2"},
		{"mathematical bold", "\U0001d40f\U0001d41a\U0001d42d\U0001d421", "path"},
		{"composed", "caf\u00e9", "caf\u00e9"},
		{"decomposed", "cafe\u0301", "caf\u00e9"},
		{"marks in order", "q\u0323\u0307", "q\u0323\u0307"},
		{"marks out of order", "q\u0307\u0323", "q\u0323\u0307"},
		{"iota below", "\u1fb3", "\u03b1\u03b9"},
		{"final sigma", "\u03c3\u03c2\u03a3", "\u03c3\u03c3\u03c3"},
		{"Cherokee", "\u13a0\uab70", "\uab70\uab70"},
		{"letters of another script", "р\u0430th", "р\u0430th"},
		{"no width", "pa\u200bth", "pa\u200bth"},
		{"not UTF-8", "A\xffB", "a\ufffdb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Full(tc.in); got != tc.want {
				t.Errorf("Full(%+q) = %+q, want %+q", tc.in, got, tc.want)
			}
		})
	}
}

// TestFullKnowsSimple holds that what encoding/json takes for one name, by
// Unicode's simple case folding, is one name here, letter by letter: the tables are
// of different versions of Unicode.
func TestFullKnowsSimple(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if next := unicode.SimpleFold(r); next != r && Full(string(r)) != Full(string(next)) {
			t.Errorf("%U and %U are %+q and %+q", r, next, Full(string(r)), Full(string(next)))
		}
	}
}

func TestPlainDoesNotAllocate(t *testing.T) {
	var kept string
	names := []string{"path", "a_long-name.of/something", "0"}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			kept = Full(name)
			kept = Simple(name)
		}
	}); n != 0 {
		t.Errorf("%v allocations, %q", n, kept)
	}
}

// FuzzFold holds that what was folded is its own fold and still UTF-8, and that
// Simple is what strings.EqualFold says.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Path", "\u1e9e\u0345", "\ufdfa", "\u0130i\u0307", "\u03b1\u0345\u0301", "\xff\u00c5", "\u3300\u0301", "\u13a0\u212a"} {
		f.Add(s, strings.ToUpper(s))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		full := Full(a)
		if again := Full(full); again != full {
			t.Errorf("%+q folds to %+q, and that to %+q", a, full, again)
		}
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if !utf8.ValidString(full) {
			t.Errorf("%+q folds to %+q", a, full)
		}
		if got, want := Simple(a) == Simple(b), strings.EqualFold(a, b); got != want {
			t.Errorf("%+q and %+q are equal: %v, by EqualFold %v", a, b, got, want)
		}
	})
}

func BenchmarkFull(b *testing.B) {
	for _, tc := range []struct{ name, in string }{{"plain", "some_argument"}, {"upper", "someArgument"}, {"accents", "cafe\u0301"}} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Full(tc.in)
			}
		})
	}
}
