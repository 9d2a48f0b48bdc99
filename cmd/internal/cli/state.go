package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/host/capability/secrets/vault"
	"github.com/mcpwasm/mcpwasm/internal/privdir"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// envKeyFile names the key file where the flag does not.
const envKeyFile = "MCPWASM_SECRET_KEY_FILE"

// stateFlags are the flags of commands that use what outlives a process.
type stateFlags struct {
	dir     string
	keyFile string
	protect bool // a new key file is encrypted
}

func (f *stateFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "state-dir", "", "`FOLDER` of what is kept (default: mcpwasm in the user's folder for state)")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "`FILE` with the key of the secrets (default: $"+envKeyFile+", or where it was made: the system's keyring)")
}

// state is what outlives a process.
type state struct {
	Dir   string
	Store *store.File
	Vault *vault.Vault
}

// open opens the folder of state, and makes it if it is not there. What is opened
// needs no closing. The vault's key is fetched when it is first needed.
func (f *stateFlags) open(s Streams) (*state, error) {
	dir, err := f.stateDir()
	if err != nil {
		return nil, err
	}
	if err := privdir.Make(dir); err != nil {
		return nil, fmt.Errorf("folder for state: %w", err)
	}
	db, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	o := vault.Options{
		KeyFile:    f.keyFile,
		Passphrase: func(ctx context.Context, file string) (string, error) { return askPassword(ctx, s, file, "passphrase") },
	}
	if o.KeyFile == "" {
		o.KeyFile = os.Getenv(envKeyFile)
	}
	if f.protect {
		o.NewPassphrase = func(ctx context.Context, file string) (string, error) { return askNew(ctx, s, file, "passphrase") }
	}
	return &state{dir, db, vault.Open(db, o)}, nil
}

// private are the paths that no server gets to see: the folder of state, wherever
// it is, and the key file.
func (f *stateFlags) private() []string {
	var paths []string
	if dir, err := f.stateDir(); err == nil {
		paths = append(paths, dir)
	}
	if key := cmp.Or(f.keyFile, os.Getenv(envKeyFile)); key != "" {
		paths = append(paths, key)
	}
	return paths
}

func (f *stateFlags) stateDir() (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	return defaultStateDir(goruntime.GOOS, os.LookupEnv)
}

// defaultStateDir returns where state is by default: by the XDG base directory
// specification, and on Windows and macOS beside configuration, for which those
// have one folder.
func defaultStateDir(goos string, lookup func(string) (string, bool)) (string, error) {
	if goos == "windows" || goos == "darwin" || goos == "ios" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", fmt.Errorf("find the folder for state: %w: name one with --state-dir", err)
		}
		return filepath.Join(dir, "mcpwasm"), nil
	}
	// The specification ignores relative paths.
	if dir, ok := lookup("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "mcpwasm"), nil
	}
	if home, ok := lookup("HOME"); ok && filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "mcpwasm"), nil
	}
	return "", errors.New("find the folder for state: neither $XDG_STATE_HOME nor $HOME is set: name one with --state-dir")
}
