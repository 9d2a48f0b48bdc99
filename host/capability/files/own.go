package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// Own are paths of the host itself, which need not be there.
type Own struct {
	// Private are files and folders that no guest sees: caches of code, state,
	// keys.
	Private []string
	// Guarded are files that no guest writes: what decides what is run, and
	// with which grants.
	Guarded []string
}

// CheckOwn refuses a mount by which a guest could get at what the host keeps for
// itself. Links are followed before the look.
func CheckOwn(g plugins.MountGrant, own Own) error {
	source, err := resolve(g.Source)
	if err != nil {
		return fmt.Errorf("mount %s: %w", g.Source, err)
	}
	for _, path := range own.Private {
		p, err := resolve(path)
		if err != nil {
			return fmt.Errorf("mount %s: %w", g.Source, err)
		}
		if inFolder(p, source) || inFolder(source, p) {
			return fmt.Errorf("mount %s: a guest with it could get at %s, which mcpwasm keeps for itself: mount a folder apart from that", g.Source, path)
		}
	}
	if g.Access != plugins.ReadWrite {
		return nil
	}
	for _, path := range own.Guarded {
		p, err := resolve(path)
		if err != nil {
			return fmt.Errorf("mount %s: %w", g.Source, err)
		}
		if inFolder(p, source) {
			return fmt.Errorf("mount %s: a guest that writes there could change %s, and so what is run: mount it read-only, or a folder below it", g.Source, path)
		}
	}
	return nil
}

// resolve returns the absolute path without links, as far as it is there.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !os.IsNotExist(err) || filepath.Dir(at) == at {
			return "", err
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// inFolder reports whether a clean path is a folder or lies in it.
func inFolder(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
