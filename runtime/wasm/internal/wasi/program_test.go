package wasi

import (
	"bytes"
	"context"
	"errors"
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
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	if err := Instantiate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	code, err := r.CompileModule(t.Context(), module)
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
			if err := start(With(t.Context(), s), r, code); err != nil || output.String() != "done\n" {
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
func start(ctx context.Context, r wazero.Runtime, code wazero.CompiledModule) error {
	_, err := r.InstantiateModule(ctx, code, wazero.NewModuleConfig().WithName(""))
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		return nil
	}
	return err
}
