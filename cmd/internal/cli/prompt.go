package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// askPassword asks for what a key file is encrypted with; word is what that is
// called: the store of secrets has a passphrase, a key that signs a password.
func askPassword(ctx context.Context, s Streams, file, word string) (string, error) {
	return askTerminal(ctx, s, strings.ToUpper(word[:1])+word[1:]+" of "+file, word)
}

// minPassword is the shortest password of a new key file, in characters.
const minPassword = 12

// errTooShort is wrapped by the error of a password that is too short for a new
// key file.
var errTooShort = fmt.Errorf("want at least %d characters", minPassword)

// checkLength refuses a new password that is too short.
func checkLength(password, word string) error {
	if utf8.RuneCountInString(password) < minPassword {
		return fmt.Errorf("the %s is too short: %w", word, errTooShort)
	}
	return nil
}

// askNew asks for a new password, twice.
func askNew(ctx context.Context, s Streams, file, word string) (string, error) {
	first, err := askTerminal(ctx, s, "New "+word+" for "+file, word)
	if err == nil {
		err = checkLength(first, word)
	}
	if err != nil {
		return "", err
	}
	second, err := askTerminal(ctx, s, "Once more", word)
	if err == nil && first != second {
		err = fmt.Errorf("the two %ss differ", word)
	}
	return first, err
}

// askTerminal asks whoever sits at the terminal, whatever standard input is.
func askTerminal(ctx context.Context, s Streams, prompt, word string) (string, error) {
	if in, ok := s.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return askHidden(ctx, in, s.Err, prompt)
	}
	name := "/dev/tty"
	if goruntime.GOOS == "windows" {
		name = "CONIN$"
	}
	tty, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("there is no terminal to ask for a %s on", word)
	}
	defer func() { _ = tty.Close() }() // it was only read
	return askHidden(ctx, tty, s.Err, prompt)
}

// askHidden reads a line from a terminal, which does not show it. When ctx ends
// the terminal is put back as it was.
func askHidden(ctx context.Context, in *os.File, out io.Writer, prompt string) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	_, _ = fmt.Fprint(out, printable(prompt)+": ") // nowhere to report to
	defer func() { _, _ = fmt.Fprintln(out) }()
	type line struct {
		text []byte
		err  error
	}
	done := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- line{text, err}
	}()
	select {
	case l := <-done:
		if l.err != nil {
			return "", fmt.Errorf("read from the terminal: %w", l.err)
		}
		return string(l.text), nil
	case <-ctx.Done(): // the read goes on until the process ends
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

// readLine reads a line of a terminal. When ctx ends, the read goes on until the
// process ends.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
