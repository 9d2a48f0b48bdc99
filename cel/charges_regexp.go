package cel

import (
	"fmt"
	"math"
	"regexp/syntax"
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
)

// Bounds of regular expressions. The time to match grows with the length of the text
// times the instructions of the pattern, so that a large pattern is good for short
// texts only.
const (
	longestLiteral      = 1_000 // bytes
	maxInstructions = 1_000
	// longestPattern bounds, in bytes, a pattern that is no literal: it is compiled for
	// every decision, and a class such as \pL takes three bytes and 5 µs.
	longestPattern = 64
)

// Prices of regular expressions, in nanoseconds.
const (
	perInstruction        = 8   // for each byte of text
	perInstructionCapture = 20  // with a group, whose position every thread of the match keeps
	perMatch              = 400 // of those that are collected
	compileByte           = 30_000
	compileInstruction    = 700
)

// instructions returns how many instructions of RE2 a pattern has at most, before it
// is compiled: repetitions are multiplied, and those are what makes a short pattern
// large.
func instructions(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return 3 + int(regexpSize(re)), nil
}

func regexpSize(re *syntax.Regexp) float64 {
	var sub float64
	for _, s := range re.Sub {
		sub += regexpSize(s)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return float64(len(re.Rune))
	case syntax.OpRepeat:
		return (sub + 1) * float64(max(re.Min, re.Max, 1))
	case syntax.OpCapture:
		return sub + 2
	case syntax.OpAlternate:
		return sub + float64(len(re.Sub))
	}
	return sub + 1
}

// literalPatterns are the instructions of the patterns that are literals in some
// policy: they were checked at load, and matches has compiled them. int by string.
var literalPatterns sync.Map

// checkLiteralRegexp returns an error for what is no regular expression, and for one
// that is too large.
func checkLiteralRegexp(pattern string) error {
	n, err := checkRegexp(pattern, longestLiteral)
	if err == nil {
		literalPatterns.Store(pattern, n)
	}
	return err
}

// checkGuestRegexp checks a pattern that need not be a literal.
func checkGuestRegexp(pattern string) error {
	if _, ok := literalPatterns.Load(pattern); ok {
		return nil
	}
	_, err := checkRegexp(pattern, longestPattern)
	return err
}

func checkRegexp(pattern string, longest int) (size int, err error) {
	if len(pattern) > longest {
		return 0, fmt.Errorf("the regular expression %s is too large: %d bytes, at most %d", quoted(pattern), len(pattern), longest)
	}
	if size, err = instructions(pattern); err != nil {
		return 0, fmt.Errorf("%s is no regular expression: %w", quoted(pattern), err)
	}
	if size > maxInstructions {
		return 0, fmt.Errorf("the regular expression %s is too large: %d instructions, at most %d: ask for fewer repetitions",
			quoted(pattern), size, maxInstructions)
	}
	return size, nil
}

// sizeOf returns the instructions of a pattern, or how many there may be.
func sizeOf(o operand) float64 {
	pattern, ok := o.text()
	if !ok {
		return maxInstructions
	}
	if n, ok := literalPatterns.Load(pattern); ok {
		return float64(n.(int))
	}
	n, err := checkRegexp(pattern, longestPattern)
	if err != nil {
		return maxInstructions
	}
	return float64(n)
}

// compilePrice is that of compiling a pattern, and of looking how large it is. The
// functions of ext.Regex compile for every call.
func compilePrice(o operand, size float64) float64 {
	return compileByte*math.Min(o.length(), longestPattern) + compileInstruction*size
}

func matchesPrice(a []operand) float64 {
	size := sizeOf(a[1])
	price := 300 + (20+perInstruction*size)*a[0].length()
	if pattern, ok := a[1].text(); ok {
		if _, literal := literalPatterns.Load(pattern); literal {
			return price
		}
	}
	return price + compilePrice(a[1], size)
}

func extractPrice(a []operand) float64 {
	size := sizeOf(a[1])
	return compilePrice(a[1], size) + (perMatch+perInstructionCapture*size)*(1+a[0].length())
}

func regexReplacePrice(a []operand) float64 {
	// The replacement is read for every match, and each of its references adds at most
	// what all matches have together.
	replacing := (1 + a[0].length()) * 15 * a[2].length()
	return extractPrice(a[:2])*(1+groups(a[1])/2) + atLeast(replacing)
}

// groups returns how many groups a pattern has at most.
func groups(o operand) float64 {
	if s, ok := o.value.(types.String); ok {
		return float64(strings.Count(string(s), "("))
	}
	return longestLiteral
}
