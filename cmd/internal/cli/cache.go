package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// cacheFlags say where what can be made or fetched again is kept: compiled code,
// definitions, packages.
type cacheFlags struct {
	cacheDir string
	noCache  bool
}

func (f *cacheFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.cacheDir, "cache-dir", "", "`FOLDER` for compiled code and packages (default: mcpwasm in the user's cache folder)")
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "keep compiled code and packages in memory only")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if f.noCache && f.cacheDir != "" {
			return usage("leave one of them out", "--cache-dir and --no-cache contradict each other")
		}
		return nil
	}
}

// dir returns the folder, or "" for none.
func (f *cacheFlags) dir() string {
	if f.cacheDir == "" && !f.noCache {
		return defaultCacheDir()
	}
	return f.cacheDir
}

// defaultCacheDir returns the folder in the user's cache, or "".
func defaultCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "mcpwasm")
}
