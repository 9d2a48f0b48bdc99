// Package bytesize reads and writes sizes as people write them: "256MiB".
package bytesize

import (
	"fmt"
	"strconv"
	"strings"
)

// units are powers of 1024, in ascending order.
var units = []struct {
	name  string
	bytes int64
}{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// Parse reads a whole number and a unit, B, KiB, MiB, GiB or TiB, of at least
// one byte. more is what is too much: a positive number of bytes, which the
// error names.
func Parse(text string, more int64) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTi")
	n, err := strconv.ParseUint(digits, 10, 63)
	unit := unitOf(text[len(digits):])
	if err != nil || n == 0 || unit == 0 {
		return 0, fmt.Errorf("%q: want a size such as 64KiB or 256MiB", text)
	}
	if int64(n) > (more-1)/unit {
		return 0, fmt.Errorf("%q: want less than %s", text, Format(more))
	}
	return int64(n) * unit, nil
}

func unitOf(name string) int64 {
	for _, u := range units {
		if u.name == name {
			return u.bytes
		}
	}
	return 0
}

// Format writes a positive number of bytes in the largest unit that divides it,
// so that [Parse] reads it back.
func Format(n int64) string {
	best := units[0]
	for _, u := range units {
		if n%u.bytes == 0 {
			best = u
		}
	}
	return strconv.FormatInt(n/best.bytes, 10) + best.name
}
