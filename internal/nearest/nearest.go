// Package nearest finds the known name that somebody most likely meant, for
// messages that say "did you mean".
package nearest

import (
	"slices"
	"strings"
)

// maxLen bounds the names that are compared; nobody mistypes a longer one by a
// letter or two.
const maxLen = 64

// Name returns the one of known that is nearest to name, or "" where none is
// near enough to be what was meant: within a third of the letters, or equal but
// for case, dashes and underscores. Of two that are as near, the first in
// alphabetical order wins.
func Name(name string, known []string) string {
	if len(name) > maxLen {
		return ""
	}
	best, bestDistance := "", len(name)/3+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if squash(k) == squash(name) {
			return k
		}
		if len(k) > maxLen {
			continue
		}
		if d := distance(squash(name), squash(k)); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = k, d
		}
	}
	return best
}

// Hint returns `: did you mean "x"?` for the nearest known name, or "".
func Hint(name string, known []string) string {
	if n := Name(name, known); n != "" {
		return `: did you mean "` + n + `"?`
	}
	return ""
}

// squash removes what people mistake most: case and the marks between words.
func squash(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
