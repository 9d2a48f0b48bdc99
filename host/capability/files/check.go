package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// system are folders that are no files of anybody: what looks like one there is a
// door to the machine.
var system = []string{"/proc", "/sys", "/dev"}

// Check says what is wrong with a grant: the host's folder is not there or is
// none that a guest may have, or the guest's path makes no sense. A guest may
// have a folder as its "/".
func Check(g plugins.MountGrant) error {
	if g.Access != "" && g.Access != plugins.ReadOnly && g.Access != plugins.ReadWrite {
		return fmt.Errorf("mount %s: access is %q: use ro or rw", g.Source, g.Access)
	}
	if g.QuotaBytes < 0 {
		return fmt.Errorf("mount %s: the quota is negative", g.Source)
	}
	if !path.IsAbs(g.Path) || path.Clean(g.Path) != g.Path || strings.ContainsRune(g.Path, 0) {
		return fmt.Errorf("mount %s: the guest's path %q must be absolute, without . and .. and a slash at its end", g.Source, g.Path)
	}
	fi, err := os.Stat(g.Source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mount %s: there is no such folder: create it first", g.Source)
	case err != nil:
		return fmt.Errorf("mount %s: %w", g.Source, err)
	case !fi.IsDir():
		return fmt.Errorf("mount %s: it is not a folder: mount the folder that it is in", g.Source)
	}
	return checkSource(g.Source)
}

// checkSource refuses what would give a guest the machine. Links are followed
// before the look.
func checkSource(source string) error {
	abs, err := filepath.Abs(source)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", source, err)
	}
	if filepath.Dir(abs) == abs {
		return fmt.Errorf("mount %s: the whole file system is not given to a guest: mount a folder in it", source)
	}
	slash := filepath.ToSlash(abs)
	for _, s := range system {
		if slash == s || strings.HasPrefix(slash, s+"/") {
			return fmt.Errorf("mount %s: %s belongs to the system and is not given to a guest", source, s)
		}
	}
	return nil
}
