package cel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
)

// maxExact is the first double that the next integer is rounded to. cel-go compares an int
// with a double by rounding the int, which below maxExact changes nothing: therefore no
// double from here on comes from JSON or stands in a policy.
const maxExact = 1 << 53

// longestNumber is how long a number may be written, in bytes. The longest that a double says
// exactly and in its fewest digits has 1,079 with all its zeros.
const longestNumber = 1_100

// So many digits are told apart by all doubles but those next to zero.
const (
	exactDigits    = 15
	smallestNormal = 0x1p-1022
)

// number is a JSON number: an int where its value is one that fits 64 bits, however it is
// written, a double where that says the same, and unreadable otherwise. It is never
// rounded.
func (a *activation) number(text string) any {
	if len(text) > longestNumber {
		return a.noNumber(text, "has too many digits")
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(i)
	}
	d := decimalOf(text)
	if d.exponent >= 0 {
		i, ok := d.integer()
		if !ok {
			return a.noNumber(text, "does not fit 64 bits")
		}
		return types.Int(i)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && len(d.digits) <= exactDigits && math.Abs(f) >= smallestNormal {
		return types.Double(f)
	}
	// The shortest text that means the double must have the same digits.
	if err != nil || d != decimalOf(strconv.FormatFloat(f, 'e', -1, 64)) {
		return a.noNumber(text, "cannot be represented exactly")
	}
	return types.Double(f)
}

// float is a number that somebody else read from JSON into a double, and rounded where it is
// large.
func (a *activation) float(f float64) any {
	switch {
	case math.IsNaN(f) || math.Abs(f) >= maxExact:
		return a.noNumber(strconv.FormatFloat(f, 'g', -1, 64), "may have been rounded")
	case f == math.Trunc(f):
		return types.Int(f)
	}
	return types.Double(f)
}

func (a *activation) noNumber(text, why string) any {
	return &unreadable{a, fmt.Errorf("the number %s %s", clip(text), why)}
}

// decimal is digits·10^exponent, without zeros at either end of the digits; zero has
// none.
type decimal struct {
	sign, digits string
	exponent     int
}

// integer is the decimal as an int, if it is one that fits.
func (d decimal) integer() (int64, bool) {
	if d.digits == "" {
		return 0, true
	}
	const most = 19 // digits of an int64
	if d.exponent > most {
		return 0, false
	}
	i, err := strconv.ParseInt(d.sign+d.digits+strings.Repeat("0", d.exponent), 10, 64)
	return i, err == nil
}

// decimalOf reads a JSON number. An exponent beyond all numbers that matter is cut, so that
// it can be counted with.
func decimalOf(text string) decimal {
	var d decimal
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		text, d.sign = rest, "-"
	}
	mantissa, e, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(digits, "0")
	if d.digits == "" {
		return decimal{}
	}
	d.exponent = exponentOf(e) - len(fraction) + len(digits) - len(d.digits)
	return d
}

func exponentOf(text string) int {
	const beyond = 1 << 30
	e, err := strconv.Atoi(text)
	switch {
	case text == "":
		return 0
	case err != nil && text[0] == '-':
		return -beyond
	case err != nil:
		return beyond
	}
	return min(max(e, -beyond), beyond)
}
