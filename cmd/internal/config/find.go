package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// EnvFile is the variable that names the file where no flag does.
const EnvFile = "MCPWASM_CONFIG"

// Find returns the path of the configuration: what a flag says, else $MCPWASM_CONFIG,
// else mcpwasm.yaml in mcpwasm's folder in the user's folder for configuration,
// whether or not it is there. named says that it was one of the first two. The
// working directory is never looked into: clients start the program in folders
// that strangers wrote, and such a folder must not decide what is trusted or
// granted.
func Find(flag string, lookup func(string) (string, bool)) (path string, named bool, err error) {
	if flag != "" {
		return flag, true, nil
	}
	if path, ok := lookup(EnvFile); ok && path != "" {
		if !filepath.IsAbs(path) { // it would be relative to the working directory
			return "", true, fmt.Errorf("find the configuration: $%s is %q: want an absolute path", EnvFile, path)
		}
		return path, true, nil
	}
	dir, err := os.UserConfigDir()
	if err == nil && !filepath.IsAbs(dir) {
		err = fmt.Errorf("the user's folder for configuration is %q, which is not absolute", dir)
	}
	if err != nil {
		return "", false, fmt.Errorf("find the configuration: %w: name it with --config", err)
	}
	return filepath.Join(dir, "mcpwasm", DefaultName), false, nil
}

// Empty is what stands for a file at path that is not there: it trusts nothing.
func Empty(path string) *File { return &File{Path: path} }
