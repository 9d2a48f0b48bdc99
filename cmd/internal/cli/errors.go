package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets/vault"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Exit codes. They are part of the command line's contract.
const (
	ExitOK      = 0
	ExitFailure = 1 // something outside of the next three
	ExitUsage   = 2 // the command line is wrong
	ExitInput   = 3 // an artifact or the configuration cannot be used
	ExitTool    = 4 // the server answered with an error, or did not answer
)

// failure is an error with its exit code and a way out.
type failure struct {
	code int
	err  error
	hint string // "" where there is none
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(hint, format string, args ...any) error {
	return &failure{ExitUsage, fmt.Errorf(format, args...), hint}
}

// report writes an error for people and returns the exit code.
func report(w io.Writer, err error) int {
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	f := classify(err)
	for line := range strings.SplitSeq(strings.TrimRight(f.err.Error(), "\n"), "\n") {
		_, _ = fmt.Fprintln(w, "mcpwasm: error: "+printable(line)) // nowhere to report to
	}
	if f.hint != "" {
		_, _ = fmt.Fprintln(w, "hint: "+printable(f.hint))
	}
	return f.code
}

// classify gives every error its exit code.
func classify(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	var problems config.Errors
	var policy cel.Problems
	guest, isGuest := errors.AsType[*runtime.GuestError](err)
	answer, isAnswer := errors.AsType[*plugins.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{ExitFailure, errors.New("interrupted"), ""}
	case errors.As(err, &problems):
		return &failure{ExitInput, problems, "mcpwasm validate --schema prints what the file may hold"}
	case errors.As(err, &policy):
		return &failure{ExitInput, policy, ""}
	case errors.Is(err, vault.ErrNoKeyring):
		return &failure{ExitFailure, err, "--key-file FILE keeps the key in a file, which is made if it is not there"}
	case errors.Is(err, vault.ErrOtherKey):
		return &failure{ExitFailure, err, "leave --key-file and $" + envKeyFile + " out"}
	case errors.Is(err, vault.ErrUnprotected):
		return &failure{ExitFailure, err, "leave --passphrase out, or remove all secrets first and name a new --key-file"}
	case errors.Is(err, registry.ErrSource), errors.Is(err, plugins.ErrModule):
		return &failure{ExitInput, err, ""}
	case isGuest && guest.Kind == runtime.KindLoad:
		return &failure{ExitInput, err, ""}
	case isGuest && guest.Limit != "":
		return &failure{ExitTool, err, limitHint(guest.Limit)}
	case isGuest:
		return &failure{ExitTool, err, ""}
	case isAnswer:
		return &failure{ExitTool, answer, ""}
	}
	return &failure{ExitFailure, err, ""}
}

// limitHint names the flag that raises a limit, where one does.
func limitHint(limit string) string {
	switch name, _, _ := strings.Cut(limit, "="); name {
	case "deadline":
		return "--timeout gives it more time"
	case "memory":
		return "--memory gives it more memory"
	}
	return ""
}
