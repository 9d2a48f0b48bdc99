package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
)

// TestBuildWithoutCompiler: a folder cannot be compiled without Go.
func TestBuildWithoutCompiler(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	var errs bytes.Buffer
	code := cli.Run(t.Context(), []string{"build", dir}, cli.Streams{Out: &bytes.Buffer{}, Err: &errs})
	if code != cli.ExitFailure || !strings.Contains(errs.String(), "the go command is not there") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
