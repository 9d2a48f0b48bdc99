package cli

import (
	"fmt"
	"log/slog"
	"maps"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// packageFlags are the flags of commands that reach registries.
type packageFlags struct {
	config        string
	plainHTTP     []string
	offline       bool
	allowUnsigned bool
	lock          lockFlags // what the lock file has is not dropped from the cache
}

func (f *packageFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", configHelp)
	cmd.Flags().StringArrayVar(&f.plainHTTP, "plain-http", nil, "`REGISTRY` that is reached by HTTP, unencrypted; may be repeated")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "fetch nothing: use what is in the cache")
}

// registerUnsigned is for commands that use packages.
func (f *packageFlags) registerUnsigned(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.allowUnsigned, "insecure-allow-unsigned", false, "use packages that nobody vouches for")
}

// open reads the configuration, which is empty where there is no file, and
// returns a client that keeps packages below cacheDir, or nowhere for "". What
// is wrong with the file, or with one that its trust names, is told with its line.
func (f *packageFlags) open(s Streams, cacheDir string) (*registry.Client, *config.File, error) {
	file, err := optionalConfig(s, f.config)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := registry.ClientConfig{AllowUnsigned: f.allowUnsigned, Offline: f.offline, Log: log}
	c.Registries = oci.Config{UserAgent: "mcpwasm/" + version(), Log: log}
	if c.Registries.Registries, err = f.registries(file); err != nil {
		return nil, nil, err
	}
	if c.Trust, err = file.TrustPolicy(); err != nil {
		return nil, nil, err
	}
	if cacheDir != "" {
		if c.Cache, err = openPackageCache(cacheDir, file, f.lock.in(file), log); err != nil {
			return nil, nil, fmt.Errorf("open the cache of packages: %w", err)
		}
	}
	client, err := registry.NewClient(c)
	if err != nil {
		return nil, nil, err
	}
	return client, file, nil
}

// registries returns the file's, with those that a flag names.
func (f *packageFlags) registries(file *config.File) (map[string]oci.Registry, error) {
	all := map[string]oci.Registry{}
	maps.Copy(all, file.Registries)
	for _, name := range f.plainHTTP {
		if err := config.CheckRegistry(name); err != nil {
			return nil, usage("", "--plain-http: %w", err)
		}
		r := all[name]
		r.PlainHTTP = true
		all[name] = r
	}
	return all, nil
}
