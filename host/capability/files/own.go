package files

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/links"
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
// itself: at what a path leads to, and at each link that leads there.
func CheckOwn(g plugins.MountGrant, own Own) error {
	source, err := links.Trail(g.Source)
	if err != nil {
		return fmt.Errorf("mount %s: %w", g.Source, err)
	}
	folder := source[len(source)-1]
	at, err := firstOf(own.Private, func(place string) bool { return inFolder(place, folder) || inFolder(folder, place) })
	if err != nil {
		return fmt.Errorf("mount %s: %w", g.Source, err)
	}
	if at != "" {
		return fmt.Errorf("mount %s: a guest with it could get at %s, which mcpwasm keeps for itself: mount a folder apart from that", g.Source, at)
	}
	if g.Access != plugins.ReadWrite {
		return nil
	}
	at, err = firstOf(own.Guarded, func(place string) bool { return inFolder(place, folder) })
	if err != nil {
		return fmt.Errorf("mount %s: %w", g.Source, err)
	}
	if at != "" {
		return fmt.Errorf("mount %s: a guest that writes there could change %s, and so what is run: mount it read-only, or a folder below it", g.Source, at)
	}
	return nil
}

// firstOf returns the first path that has a place on its way for which is holds.
func firstOf(paths []string, is func(place string) bool) (string, error) {
	for _, path := range paths {
		trail, err := links.Trail(path)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(trail, is) {
			return path, nil
		}
	}
	return "", nil
}

// inFolder reports whether a clean path is a folder or lies in it.
func inFolder(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
