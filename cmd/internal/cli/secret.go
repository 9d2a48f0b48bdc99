package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets/vault"
)

func newSecret(s Streams) *cobra.Command {
	return family("secret", "Keep secrets that servers use and never see", `Secret keeps values that the host puts into a server's requests, for servers that
are granted them: --secret NAME=store:NAME@HOST. They are encrypted; the key is in
the keyring of the operating system, or in a file.`,
		newSecretSet(s), newSecretList(s), newSecretRemove(s))
}

// secretName is the check of the arguments of commands that take a secret's name.
func secretName(hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usage("usage: "+cmd.UseLine(), "secret %s: want the secret's name", cmd.Name())
		case len(args) > 1: // which may be the value: it is not repeated
			return usage(hint, "secret %s: want the secret's name and nothing else", cmd.Name())
		}
		if err := vault.CheckName(args[0]); err != nil {
			return usage("", "secret %s: %w", cmd.Name(), err)
		}
		return nil
	}
}

func newSecretSet(s Streams) *cobra.Command {
	var flags stateFlags
	var fromFile string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a secret, read from the terminal or standard input",
		Long: `Set keeps a value under a name. The value is asked for on a terminal, and otherwise
read from standard input or --from-file; it is never an argument, which other
processes could see. A line end behind it is dropped.`,
		Example: `  mcpwasm secret set github
  pass show github | mcpwasm secret set github`,
		Args:              secretName("the value is read from standard input, where other processes do not see it"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			value, err := readValue(ctx, s, args[0], fromFile)
			if err != nil {
				return err
			}
			st, err := flags.open(s)
			if err != nil {
				return err
			}
			if err := st.Vault.Set(ctx, args[0], value); err != nil {
				return fmt.Errorf("set the secret %q: %w", args[0], err)
			}
			where, err := st.Vault.Where(ctx)
			if err != nil {
				return err
			}
			say(s, "the secret %q is set; its key is in %s", args[0], where)
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&fromFile, "from-file", "", "read the value from a `FILE`")
	cmd.Flags().BoolVar(&flags.protect, "passphrase", false, "encrypt a key file that is made now with a passphrase")
	return cmd
}

// readValue reads a value from where it cannot be seen.
func readValue(ctx context.Context, s Streams, name, path string) (string, error) {
	var value string
	in, isFile := s.In.(*os.File)
	switch {
	case path != "":
		var err error
		if value, err = secrets.File(slog.New(slog.NewTextHandler(s.Err, nil))).Value(ctx, path); err != nil {
			return "", &failure{ExitInput, err, ""}
		}
	case isFile && term.IsTerminal(int(in.Fd())):
		var err error
		if value, err = askHidden(ctx, in, s.Err, "Value of "+name); err != nil {
			return "", err
		}
	default:
		b, err := io.ReadAll(io.LimitReader(s.In, secrets.MaxValueBytes+3)) // a line end, and one too many
		if err != nil {
			return "", fmt.Errorf("read the value: %w", err)
		}
		value = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	}
	if err := secrets.CheckValue(value); err != nil {
		return "", &failure{ExitInput, fmt.Errorf("the secret %q: %w", name, err), ""}
	}
	return value, nil
}

// secretsJSON is the output of secret list.
type secretsJSON struct {
	Secrets []secretJSON `json:"secrets"`
}

type secretJSON struct {
	Name string    `json:"name"`
	Set  time.Time `json:"set"`
}

func newSecretList(s Streams) *cobra.Command {
	var flags stateFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the names of the secrets",
		Args:  takes(0, 0, "no argument"),
	}
	flags.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		st, err := flags.open(s)
		if err != nil {
			return err
		}
		if err := st.Vault.CheckKeyFile(cmd.Context()); err != nil {
			return fmt.Errorf("list secrets: %w", err)
		}
		entries, err := st.Vault.List(cmd.Context())
		if err != nil {
			return fmt.Errorf("list secrets: %w", err)
		}
		if out.json() {
			list := secretsJSON{[]secretJSON{}}
			for _, e := range entries {
				list.Secrets = append(list.Secrets, secretJSON(e))
			}
			return writeJSON(s.Out, list)
		}
		if len(entries) == 0 {
			say(s, "there are no secrets")
			return nil
		}
		rows := make([][]string, len(entries))
		for i, e := range entries {
			rows[i] = []string{printable(e.Name), e.Set.Local().Format(time.DateTime + " -0700")}
		}
		return writeTable(s.Out, rows)
	}
	return cmd
}

func newSecretRemove(s Streams) *cobra.Command {
	var flags stateFlags
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a secret",
		Args:  secretName("one secret is removed at a time"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return flags.completeSecrets(cmd.Context(), s, args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := flags.open(s)
			if err != nil {
				return err
			}
			err = st.Vault.Remove(cmd.Context(), args[0])
			if errors.Is(err, vault.ErrNotFound) {
				return &failure{ExitFailure, err, "mcpwasm secret list lists them"}
			}
			if err != nil {
				return fmt.Errorf("remove the secret %q: %w", args[0], err)
			}
			say(s, "the secret %q is removed", args[0])
			return nil
		},
	}
	flags.register(cmd)
	return cmd
}

// completeSecrets returns the names that a shell offers.
func (f *stateFlags) completeSecrets(ctx context.Context, s Streams, args []string) []cobra.Completion {
	st, err := f.open(s)
	if err != nil || len(args) > 0 {
		return nil
	}
	entries, err := st.Vault.List(ctx)
	if err != nil {
		return nil
	}
	names := make([]cobra.Completion, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names
}
