package scrub

import (
	"slices"
	"strings"
)

// forms returns the patterns of a text: as it is, reversed, in base64 and in
// hexadecimal.
func forms(text string) [][]unit {
	plain := make([]unit, 0, len(text))
	for _, r := range text {
		plain = append(plain, unit{runes: string(r)})
	}
	reversed := slices.Clone(plain)
	slices.Reverse(reversed)
	return [][]unit{plain, reversed, hexForm(text), base64Form(text, 0), base64Form(text, 1), base64Form(text, 2)}
}

// hexForm is two digits for each byte, in either case.
func hexForm(text string) []unit {
	const digits = "0123456789abcdef"
	out := make([]unit, 0, 2*len(text))
	for _, c := range []byte(text) {
		for _, d := range []byte{digits[c>>4], digits[c&15]} {
			u := unit{runes: string(d)}
			if d >= 'a' {
				u.runes += strings.ToUpper(u.runes)
			}
			out = append(out, u)
		}
	}
	return out
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// base64Form is the text in base64 (RFC 4648, sections 4 and 5: both alphabets)
// where before bytes of a longer text come first, modulo 3. A digit at either end
// has bits of the neighbouring byte as well: it is any of those that have the
// text's. Lines may end anywhere, as in MIME.
func base64Form(text string, before int) []unit {
	first, end := 8*before, 8*(before+len(text)) // in bits, as are the rest
	var out []unit
	for at := first / 6 * 6; at < end; at += 6 {
		var value, known byte
		for bit := at; bit < at+6; bit++ {
			value, known = value<<1, known<<1
			if bit >= first && bit < end {
				i := bit - first
				value |= text[i/8] >> (7 - i%8) & 1
				known |= 1
			}
		}
		out = append(out, unit{runes: base64Class(value, known), breaks: len(out) > 0})
	}
	return out
}

// base64Class returns the digits whose known bits are those of value.
func base64Class(value, known byte) string {
	var out []byte
	for v := range byte(64) {
		if v&known != value {
			continue
		}
		out = append(out, base64Digits[v])
		switch v {
		case 62:
			out = append(out, '-')
		case 63:
			out = append(out, '_')
		}
	}
	return string(out)
}
