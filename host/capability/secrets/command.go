package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// CommandTimeout is how long a command may take.
const CommandTimeout = 10 * time.Second

// Command is a provider of commands: a reference is a command line, and the value
// is what the command writes to its standard output, without a line end behind it.
// Words and quotes are as in a POSIX shell, but no shell runs: variables, globs,
// pipes and redirections are refused. The command gets the host's environment and
// no input. After [CommandTimeout] it is ended, on Unix together with all that it
// started. Its standard error is not kept, since the value could be in it.
func Command() Provider { return command{CommandTimeout} }

type command struct{ timeout time.Duration }

// Check implements [Provider]: the command is there, and is not run.
func (c command) Check(_ context.Context, line string) error {
	words, err := splitCommand(line)
	if err != nil {
		return err
	}
	_, err = exec.LookPath(words[0])
	return missing(words[0], err)
}

func missing(name string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("the command %q: %w", name, err)
}

// Value implements [Provider].
func (c command) Value(ctx context.Context, line string) (string, error) {
	words, err := splitCommand(line)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	out := &limitedBuffer{limit: maxRead, over: cancel}
	complaint := &counter{}
	cmd.Stdout, cmd.Stderr = out, complaint
	cmd.WaitDelay = time.Second // for what the command started and left behind
	ownGroup(cmd)
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) && cmd.Cancel() == nil {
		err = errors.New("it left something running that holds its output")
	}
	switch {
	case out.full:
		return "", fmt.Errorf("the command %q: %w", words[0], tooLong())
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("the command %q took longer than %v", words[0], c.timeout)
	case err != nil && complaint.n > 0:
		return "", fmt.Errorf("the command %q: %w; it wrote %d bytes to standard error, which are not kept: run it by hand", words[0], err, complaint.n)
	case err != nil:
		return "", missing(words[0], err)
	}
	return oneLine(out.buf.Bytes()), nil
}

// splitCommand splits a command line into words.
func splitCommand(line string) ([]string, error) {
	if strings.ContainsRune(line, '\r') {
		return nil, errors.New("command line: it has a carriage return") // which the parser drops at times
	}
	var words []string
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX), syntax.KeepComments(true))
	f, err := parser.Parse(strings.NewReader(line), "")
	if err != nil {
		return nil, fmt.Errorf("command line: %s", strings.TrimPrefix(err.Error(), "1:"))
	}
	if len(f.Stmts) == 0 {
		return nil, errors.New("command line: it is empty")
	}
	stmt := f.Stmts[0]
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	plain := ok && len(f.Stmts) == 1 && len(f.Last) == 0 && len(stmt.Comments) == 0 && len(stmt.Redirs) == 0 &&
		!stmt.Background && !stmt.Negated && !stmt.Semicolon.IsValid() && len(call.Assigns) == 0 && len(call.Args) > 0
	if !plain {
		return nil, errors.New("command line: want one command with its arguments; no shell runs it: quote what has a meaning for one")
	}
	for _, arg := range call.Args {
		if err := checkLiteral(arg.Parts, false); err != nil {
			return nil, err
		}
		// There is nothing to expand: this takes the quotes off. The
		// configuration is not nil, which stands for one that all would share
		// and that each fills in.
		fields, err := expand.Fields(&expand.Config{}, arg)
		if err != nil {
			return nil, fmt.Errorf("command line: %w", err)
		}
		if len(fields) != 1 {
			return nil, errors.New("command line: no shell runs it: put single quotes around what has { or }")
		}
		words = append(words, fields[0])
	}
	return words, nil
}

// checkLiteral refuses what a shell would replace, so that nobody waits for it.
func checkLiteral(parts []syntax.WordPart, quoted bool) error {
	for i, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if !quoted && (hasGlob(p.Value) || i == 0 && strings.HasPrefix(p.Value, "~")) {
				return errors.New("command line: no shell runs it: put single quotes around what has *, ?, [ or ~ in it")
			}
		case *syntax.SglQuoted:
			if p.Dollar {
				return errDollar
			}
		case *syntax.DblQuoted:
			if p.Dollar {
				return errDollar
			}
			if err := checkLiteral(p.Parts, true); err != nil {
				return err
			}
		default:
			return errDollar
		}
	}
	return nil
}

var errDollar = errors.New("command line: no shell runs it: put single quotes around what has $ or ` in it")

// hasGlob reports whether unquoted text has a character that a shell would match
// files by.
func hasGlob(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// limitedBuffer keeps what a command writes, up to a limit beyond which it is
// ended.
type limitedBuffer struct {
	buf   bytes.Buffer // not embedded: its ReadFrom knows no limit
	limit int
	over  func()
	full  bool
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		b.full = true
		b.over()
		return 0, errors.New("too much output")
	}
	return b.buf.Write(p)
}

// counter counts what it is given.
type counter struct{ n int }

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}
