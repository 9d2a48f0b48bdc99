// Package packages tries packages of mcpwasm from outside: the program against
// registries that others wrote, with other people's oras and cosign as the second
// party, and against a registry, a disk and a lock file in an attacker's hands.
// "make packages" builds what it needs and runs it.
package packages

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for what must come at once: a safety net.
const patience = 2 * time.Minute

// canary is what the guest of this module writes to standard error whenever any
// of its code runs.
const canary = "the canary sings"

// Where things are, absolute; set by TestMain.
var (
	programs map[string]string // mcpwasm, oras, cosign2, cosign3
	hello    string            // the sample hello as a module
	guest    string            // guests/canary as a module
	shared   string            // a folder for compiled code, so that a module is compiled once
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "interop-packages-")
	if err == nil {
		err = prepare(dir)
	}
	if err == nil {
		err = startRegistries(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop/packages:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // a folder for temporary files
	os.Exit(code)
}

// prepare finds what "make packages" built, and builds this module's guest.
func prepare(dir string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	programs = map[string]string{"mcpwasm": filepath.Join(root, "bin", "mcpwasm")}
	for _, tool := range []string{"oras", "cosign2", "cosign3"} {
		programs[tool] = filepath.Join(root, ".cache", "tools", tool)
	}
	hello = filepath.Join(root, "bin", "plugins", "hello.wasm")
	for _, file := range []string{programs["mcpwasm"], programs["oras"], programs["cosign2"], programs["cosign3"], hello} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%w: run \"make packages\"", err)
		}
	}
	shared, guest = filepath.Join(dir, "shared"), filepath.Join(dir, "canary.wasm")
	if err := os.Mkdir(shared, 0o700); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", guest, "./guests/canary")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("build the guest canary: %w", err), errors.New(string(out)))
	}
	return nil
}
