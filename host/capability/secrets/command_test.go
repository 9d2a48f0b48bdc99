package secrets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestMain makes this program the command that tests run: with COMMAND in its
// environment's place, the first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "act" {
		os.Exit(act(os.Args[2:]))
	}
	os.Exit(m.Run())
}

const value = "canary-8f2e61"

// act does what a test wants a command to do.
func act(args []string) int {
	switch args[0] {
	case "print":
		fmt.Println(strings.Join(args[1:], "|"))
	case "environment":
		fmt.Printf("%d variables\n", len(os.Environ()))
	case "fail":
		fmt.Println(value)
		fmt.Fprintln(os.Stderr, "cannot unlock "+value)
		return 3
	case "flood":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("a", 1<<10)); err != nil {
				return 1
			}
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "input":
		n, err := os.Stdin.Read(make([]byte, 1))
		fmt.Printf("input: %d %v\n", n, err)
	}
	return 0
}

// self is a command line that runs act.
func self(t testing.TB, args string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "'" + path + "' act " + args
}

func TestCommand(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"a word", "print canary-8f2e61", "canary-8f2e61"},
		{"quotes", `print 'a $b "c"' "d 'e'" f\ g ''`, `a $b "c"|d 'e'|f g|`},
		{"the host's environment", "environment", fmt.Sprintf("%d variables", len(os.Environ()))},
		{"no input", "input", "input: 0 EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Command()
			if err := p.Check(t.Context(), self(t, tt.line)); err != nil {
				t.Fatal(err)
			}
			got, err := p.Value(t.Context(), self(t, tt.line))
			if err != nil || got != tt.want {
				t.Errorf("the value is %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestCommandFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		timeout    time.Duration
		want       string
	}{
		{"its exit", "fail", time.Minute, "exit status 3; it wrote 28 bytes to standard error, which are not kept"},
		{"too much output", "flood", time.Minute, "longer than 65536 bytes"},
		{"too long", "sleep", 50 * time.Millisecond, "took longer than 50ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := command{tt.timeout}.Value(t.Context(), self(t, tt.line))
			if err == nil || got != "" || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), value) {
				t.Errorf("the value is %.50q, %v; want %q", got, err, tt.want)
			}
		})
	}
	t.Run("a caller that leaves", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Command().Value(ctx, self(t, "sleep")); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		want       []string
		err        string
	}{
		{"words", "op read  op://a/b", []string{"op", "read", "op://a/b"}, ""},
		{"quoted", `a 'b c' "d e" f\$g '*' "?"`, []string{"a", "b c", "d e", "f$g", "*", "?"}, ""},
		{"an escaped glob", `a \*`, []string{"a", "*"}, ""},
		{"empty", "", nil, "empty"},
		{"a carriage return", "a '\r'", nil, "carriage return"},
		{"blank", "  \t", nil, "empty"},
		{"open quote", "a 'b", nil, "command line: "},
		{"a variable", "a $HOME", nil, "no shell"},
		{"a variable in quotes", `a "$HOME"`, nil, "no shell"},
		{"a substitution", "a $(b)", nil, "no shell"},
		{"backticks", "a `b`", nil, "no shell"},
		{"a glob", "a *", nil, "no shell"},
		{"a home folder", "~/bin/a", nil, "no shell"},
		{"braces", "a {b,c}", nil, "no shell"},
		{"a pipe", "a | b", nil, "no shell"},
		{"two commands", "a; b", nil, "no shell"},
		{"two lines", "a\nb", nil, "no shell"},
		{"and", "a && b", nil, "no shell"},
		{"a redirection", "a > b", nil, "no shell"},
		{"in the background", "a &", nil, "no shell"},
		{"not", "! a", nil, "no shell"},
		{"an assignment", "A=b c", nil, "no shell"},
		{"only an assignment", "A=b", nil, "no shell"},
		{"a comment", "a #b", nil, "no shell"},
		{"a loop", "while true; do a; done", nil, "no shell"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := splitCommand(tt.line)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%q is %q, %v", tt.line, got, err)
				}
				return
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%q is %q, %v; want %q", tt.line, got, err, tt.want)
			}
		})
	}
	t.Run("a command that is not there", func(t *testing.T) {
		if err := Command().Check(t.Context(), "mcpwasm-no-such-command x"); err == nil || !strings.Contains(err.Error(), `"mcpwasm-no-such-command"`) {
			t.Errorf("the error is %v", err)
		}
	})
}

// FuzzSplitCommand quotes words, which come back as they were.
func FuzzSplitCommand(f *testing.F) {
	f.Add("op", "read 'it'", `$x "*"`)
	f.Fuzz(func(t *testing.T, line, a, b string) {
		if words, err := splitCommand(line); err == nil && len(words) == 0 {
			t.Errorf("%q has no words and no error", line)
		}
		if text := a + " " + b; strings.ContainsAny(text, "\x00\r") || !utf8.ValidString(text) {
			return // no argument has the first; the others are refused
		}
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		words, err := splitCommand(quote(a) + " " + quote(b))
		if err != nil || !slices.Equal(words, []string{a, b}) {
			t.Errorf("%s is %s, %v", strconv.Quote(a+" "+b), words, err)
		}
	})
}
