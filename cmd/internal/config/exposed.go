package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// Exposed returns a line for each of the paths, and for each folder that they are
// in, that others than the user and root may write to: they could decide what is
// trusted and granted. Paths that are not there are left out. On Windows, where
// access is no matter of modes, it returns nothing.
func Exposed(paths []string) []string {
	var lines []string
	seen := map[string]bool{}
	look := func(path string) {
		info, err := os.Stat(path)
		if err != nil || seen[path] {
			return
		}
		seen[path] = true
		if who := writers(info); who != "" {
			lines = append(lines, fmt.Sprintf("%s %s, who could decide what is trusted and granted: close it (chmod go-w), or keep it elsewhere", path, who))
		}
	}
	for _, path := range paths {
		if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
			look(filepath.Dir(path)) // in which a link could be replaced
			path = target
		}
		look(path)
		look(filepath.Dir(path))
	}
	return lines
}
