package wasi

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"
)

// TestProgram runs a Go program that uses package os over a folder and over a
// scratch folder; what it leaves is nothing.
func TestProgram(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out := filepath.Join(t.TempDir(), "osfiles.wasm")
	cmd := exec.Command("go", "build", "-o", out, filepath.Join("testdata", "osfiles", "main.go"))
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, b)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder, err := files.Open(files.Config{Source: dir, Access: plugins.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	scratch := files.NewScratch()
	mounts := []runtime.Mount{{Path: "/data", FS: folder}, {Path: "/tmp", FS: scratch}}
	for _, m := range mounts {
		t.Run(m.Path, func(t *testing.T) {
			var output bytes.Buffer
			s := New(Config{
				Args: []string{"osfiles", m.Path}, Stdin: Empty(), Stdout: Output(&output), Stderr: Output(&output), Mounts: mounts,
			})
			defer s.Close()
			s.SetAuthority(runtime.Authority{Files: everything})
			if err := start(With(t.Context(), s), module); err != nil || output.String() != "done\n" {
				t.Errorf("%v\n%s", err, &output)
			}
		})
	}
	if err := scratch.Close(); err != nil {
		t.Error(err)
	}
	for _, d := range []string{dir, os.TempDir()} {
		if entries, err := os.ReadDir(d); err != nil || len(entries) > 0 {
			t.Errorf("%s has %v, %v", d, entries, err)
		}
	}
}

// start runs a command to its end.
func start(ctx context.Context, module []byte) error {
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	if err := Instantiate(ctx, r); err != nil {
		return err
	}
	_, err := r.Instantiate(ctx, module)
	if exit, ok := err.(*sys.ExitError); ok && exit.ExitCode() == 0 { //nolint:errorlint // it is never wrapped
		return nil
	}
	return err
}
