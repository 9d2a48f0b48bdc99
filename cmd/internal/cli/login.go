package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// maxPasswordBytes bounds a password; tokens of some services have 4 KB.
const maxPasswordBytes = 16 << 10

// remotes reaches registries without anything of trust or cache.
func (f *packageFlags) remotes(s Streams) (*oci.Remotes, error) {
	file, err := optionalConfig(s, f.config)
	if err != nil {
		return nil, err
	}
	all, err := f.registries(file)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return oci.NewRemotes(oci.Config{Registries: all, UserAgent: "mcpwasm/" + version(), Log: log})
}

// registryArgument is the check of the arguments of login and logout.
func registryArgument(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usage("usage: "+cmd.UseLine(), "%s: want the registry: ghcr.io, localhost:5000", cmd.Name())
	case len(args) > 1: // which may be the password: it is not repeated
		return usage("the password is asked for, or read by --password-stdin", "%s: want the registry and nothing else", cmd.Name())
	}
	if err := config.CheckRegistry(args[0]); err != nil {
		return usage("", "%s: %w", cmd.Name(), err)
	}
	return nil
}

func newLogin(s Streams) *cobra.Command {
	var flags packageFlags
	var user string
	var stdin bool
	cmd := &cobra.Command{
		Use:   "login REGISTRY",
		Short: "Keep credentials for a registry, as Docker does",
		Long: `Login shows a user name and a password, or a token in its place, to a registry and keeps
them in Docker's credential store if it takes them: with the credential helper that
~/.docker/config.json names, or in that file. The password is asked for on a terminal or read
from standard input; it is never an argument, which other processes could see.`,
		Example: `  mcpwasm login ghcr.io -u someone
  gh auth token | mcpwasm login ghcr.io -u someone --password-stdin`,
		Args:              registryArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.register(cmd)
	cmd.Flags().StringVarP(&user, "username", "u", "", "`NAME` of the user")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if flags.offline {
			return usage("", "login: it cannot be done --offline")
		}
		remotes, err := flags.remotes(s)
		if err != nil {
			return err
		}
		user, password, err := askCredentials(cmd.Context(), s, args[0], user, stdin)
		if err != nil {
			return err
		}
		l, err := remotes.Login(cmd.Context(), args[0], user, password)
		if errors.Is(err, oci.ErrDenied) {
			return &failure{ExitInput, err, "nothing was kept"}
		}
		if err != nil {
			return err
		}
		if !l.Checked {
			say(s, "warning: %s asked for no credentials, so that it is not known whether these are right", args[0])
		}
		if l.Plaintext {
			say(s, "warning: the password stands in %s, readable: a credential helper (credsStore) would keep it better", l.File)
		}
		say(s, "logged in to %s as %s", args[0], user)
		return nil
	}
	return cmd
}

// askCredentials reads what was not given.
func askCredentials(ctx context.Context, s Streams, registry, user string, stdin bool) (string, string, error) {
	in, isFile := s.In.(*os.File)
	terminal := isFile && term.IsTerminal(int(in.Fd()))
	if user == "" && (stdin || !terminal) {
		return "", "", usage("-u NAME", "login: want the name of the user")
	}
	if user == "" {
		_, _ = fmt.Fprint(s.Err, "User name for "+printable(registry)+": ") // nowhere to report to
		line, err := bufio.NewReader(io.LimitReader(in, maxPasswordBytes)).ReadString('\n')
		if user = strings.TrimSpace(line); user == "" {
			return "", "", fmt.Errorf("read the name of the user: %w", errors.Join(err, errors.New("it is empty")))
		}
	}
	var password string
	var err error
	switch {
	case stdin:
		password, err = readPassword(s.In)
	case terminal:
		password, err = askHidden(ctx, in, s.Err, "Password of "+user+" for "+registry)
	default:
		return "", "", usage("--password-stdin reads it from standard input", "login: there is no terminal to ask for the password on")
	}
	if err == nil && password == "" {
		err = &failure{ExitInput, errors.New("the password is empty"), ""}
	}
	return user, password, err
}

// readPassword reads a password and drops the line end behind it.
func readPassword(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPasswordBytes+1))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(b) > maxPasswordBytes {
		return "", &failure{ExitInput, fmt.Errorf("the password is longer than %d bytes", maxPasswordBytes), ""}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

func newLogout(s Streams) *cobra.Command {
	var flags packageFlags
	cmd := &cobra.Command{
		Use:               "logout REGISTRY",
		Short:             "Remove the credentials for a registry",
		Args:              registryArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			remotes, err := flags.remotes(s)
			if err != nil {
				return err
			}
			had, err := remotes.Logout(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !had {
				say(s, "not logged in to %s: there was nothing to remove", args[0])
				return nil
			}
			say(s, "logged out of %s", args[0])
			return nil
		},
	}
	cmd.Flags().StringVarP(&flags.config, "config", "c", "", configHelp)
	return cmd
}
