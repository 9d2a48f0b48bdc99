package scrub

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestReaderHolds says how much of a text is held back.
func TestReaderHolds(t *testing.T) {
	t.Parallel()
	m := matcher("k3y-v4lu")
	tests := []struct{ name, piece, want string }{
		{"plain text", "hello", "hello"},
		{"the beginning of the value", "hello k3y-", "hello "},
		{"what only looked like it", "hello k3y-!", "hello k3y-!"},
		{"an escape", `say \u00`, `say `},
		{"the value", "say k3y-v4lu!", "say " + mark + "!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, w := io.Pipe()
			r := NewReader(src, func() *Matcher { return m })
			go func() {
				_, _ = w.Write([]byte(tt.piece)) // the reader's end sees the error
			}()
			got := make([]byte, 100)
			n, err := r.Read(got)
			if err != nil || string(got[:n]) != tt.want {
				t.Errorf("read %q, %v; want %q", got[:n], err, tt.want)
			}
			_ = w.Close()
			rest, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			if all, want := string(got[:n])+string(rest), m.Text(tt.piece); all != want {
				t.Errorf("read %q, want %q", all, want)
			}
		})
	}
}

// TestReaderLearns has a value that is known only once the text has begun.
func TestReaderLearns(t *testing.T) {
	t.Parallel()
	old, both := New([]Value{{"0th-v4lu", "[old]"}}), New([]Value{{"0th-v4lu", "[old]"}, {"th-v4xyz", "[new]"}})
	for _, tt := range []struct {
		name          string
		before, after *Matcher
		pieces        []string
		want          string
	}{
		{"the first value", nil, both, []string{"th-v4xyz 0th-v4lu ", "th-v4xyz"}, "th-v4xyz 0th-v4lu [new]"},
		{"within what is held back", old, both, []string{"0th-v4lu th-v4xyz 0th-v4", "xyz 0th-v4lu"}, "[old] th-v4xyz 0[new] [old]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, w := io.Pipe()
			asked := 0
			r := NewReader(src, func() *Matcher {
				// Asked before and after each read; the second read begins.
				if asked++; asked <= 2 {
					return tt.before
				}
				return tt.after
			})
			go func() {
				for _, p := range tt.pieces {
					_, _ = w.Write([]byte(p)) // the reader's end sees the error
				}
				_ = w.Close()
			}()
			got, err := io.ReadAll(r)
			if err != nil || string(got) != tt.want {
				t.Errorf("read %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestReaderError: a text that breaks off within a value does not show its beginning.
func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for name, err := range map[string]error{
		"broken": broken, "cut off": io.ErrUnexpectedEOF, "an end that is wrapped": fmt.Errorf("the connection: %w", io.EOF),
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{
			"alone": func(r io.Reader) io.Reader { return r }, "with data": iotest.DataErrReader,
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				src := wrap(io.MultiReader(strings.NewReader("k3y-v4lu k3y-v4l"), iotest.ErrReader(err)))
				got, end := io.ReadAll(NewReader(src, func() *Matcher { return matcher("k3y-v4lu") }))
				if string(got) != mark+" " || end != err {
					t.Errorf("read %q, %v", got, end)
				}
			})
		}
	}
}
