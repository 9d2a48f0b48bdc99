package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"

	"golang.org/x/term"
)

// askPassphrase asks for the passphrase of a key file.
func askPassphrase(ctx context.Context, s Streams, file string) (string, error) {
	return askTerminal(ctx, s, "Passphrase of "+file)
}

// minPassphrase is the shortest passphrase of a new key file, in bytes.
const minPassphrase = 12

// askNewPassphrase asks twice.
func askNewPassphrase(ctx context.Context, s Streams, file string) (string, error) {
	first, err := askTerminal(ctx, s, "Passphrase for "+file)
	if err != nil {
		return "", err
	}
	if len(first) < minPassphrase {
		return "", fmt.Errorf("the passphrase is too short: want at least %d characters", minPassphrase)
	}
	second, err := askTerminal(ctx, s, "Once more")
	if err == nil && first != second {
		err = errors.New("the two passphrases differ")
	}
	return first, err
}

// askTerminal asks whoever sits at the terminal, whatever standard input is.
func askTerminal(ctx context.Context, s Streams, prompt string) (string, error) {
	if in, ok := s.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return askHidden(ctx, in, s.Err, prompt)
	}
	name := "/dev/tty"
	if goruntime.GOOS == "windows" {
		name = "CONIN$"
	}
	tty, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("there is no terminal to ask for a passphrase on")
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
