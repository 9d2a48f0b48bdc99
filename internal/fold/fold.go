// Package fold maps texts that only look different to one text, so that a name can
// be compared as loosely as whoever reads it next may compare it.
package fold

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Simple maps texts that differ only in case to the same one, by Unicode's simple
// case folding, as strings.EqualFold and encoding/json compare names: "ſ" (long s)
// folds with "s", "K" (Kelvin) with "k". What it returns is for comparing only.
func Simple(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(simpleRune, s)
}

// simpleRune returns the smallest rune of r's folding orbit, lower case for ASCII
// letters.
func simpleRune(r rune) rune {
	if r < 0x80 {
		return unicode.ToLower(r)
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if least < 0x80 {
		return unicode.ToLower(least)
	}
	return least
}

// Full returns s in compatibility form and without regard to case: "Path", "PATH",
// "ｐａｔｈ" and "path" are one text, and so are "ß", "ẞ" and "ss", or the two ways to
// write "é". It is Unicode's compatibility caseless matching (The Unicode Standard,
// section 3.13, D146) in composed form (NFKC): what Full returns is its own fold.
// Bytes that are not UTF-8 become U+FFFD.
//
// It keeps apart what only looks alike in print: a Cyrillic "а" is no Latin "a", and
// what has no width is not left out.
func Full(s string) string {
	if plain(s) {
		return s
	}
	// Folding makes letters that can be taken apart, and those have a case again.
	s = norm.NFKD.String(lower(norm.NFD.String(s)))
	return norm.NFKC.String(lower(s))
}

// lower folds case. The Caser's tables leave Cherokee as it is, and may be older than
// those of the standard library.
func lower(s string) string {
	return strings.ToLower(cases.Fold().String(s))
}

// plain reports whether s is its own fold at first sight, as most names are.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}
