package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry"
)

// packageFlags are the flags of commands that reach registries.
type packageFlags struct {
	config        string
	plainHTTP     []string
	offline       bool
	allowUnsigned bool
}

func (f *packageFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `FILE` with registries and trust (default: $MCPWASM_CONFIG, or mcpwasm.yaml in the user's folder for configuration)")
	cmd.Flags().StringArrayVar(&f.plainHTTP, "plain-http", nil, "`REGISTRY` that is reached by HTTP, unencrypted; may be repeated")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "fetch nothing: use what is in the cache")
}

// registerUnsigned is for commands that use packages.
func (f *packageFlags) registerUnsigned(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.allowUnsigned, "insecure-allow-unsigned", false, "use packages that nobody vouches for")
}

// open reads the configuration, which is empty where there is no file, and
// returns a client that keeps packages below cacheDir, or nowhere for "".
func (f *packageFlags) open(s Streams, cacheDir string) (*registry.Client, *config.File, error) {
	return nil, nil, errors.New("to be written")
}
