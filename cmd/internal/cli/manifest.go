package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// readManifest reads a package's manifest from a file; "" is none.
func readManifest(path string) (*plugins.Manifest, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	// One byte too many is left for ParseManifest to refuse.
	data, err := io.ReadAll(io.LimitReader(f, plugins.MaxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m, err := plugins.ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
