//go:build wasisuite

package wasi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

var suite = flag.String("suite", "", "folder of a checkout of WebAssembly/wasi-testsuite that has its modules")

// spec is what stands beside a module (the suite's doc/specification.md).
type spec struct {
	Args     []string          `json:"args"`
	Root     string            `json:"root"`
	Env      map[string]string `json:"env"`
	ExitCode uint32            `json:"exit_code"`
	Stdout   *string           `json:"stdout"`
}

// TestSuite runs the suite's modules for preview 1 over this package and over
// wazero's own WASI. What fails here and is not in testdata/suite-exceptions.txt is
// an error, and so is an exception that passes.
func TestSuite(t *testing.T) {
	modules, err := filepath.Glob(filepath.Join(*suite, "tests", "*", "testsuite", "wasm32-wasip1", "*.wasm"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("no modules in %q (%v): it must be a checkout of the branch that has them", *suite, err)
	}
	exceptions := readExceptions(t)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "test\there\twazero\t")
	var here, there int
	for _, m := range modules {
		name := suiteName(m)
		ours, theirs := runSpec(t, m, runHere), runSpec(t, m, runWazero)
		reason, excepted := exceptions[name]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, verdict(ours), verdict(theirs), reason)
		here, there = here+passed(ours), there+passed(theirs)
		switch {
		case ours != nil && !excepted:
			t.Errorf("%s: %v", name, ours)
		case ours == nil && excepted:
			t.Errorf("%s passes: it is no exception any more", name)
		}
	}
	fmt.Fprintf(table, "of %d\t%d\t%d\t\n", len(modules), here, there)
	table.Flush()
}

// suiteName is "c/lseek" and the like.
func suiteName(module string) string {
	parts := strings.Split(filepath.ToSlash(module), "/")
	return parts[len(parts)-4] + "/" + strings.TrimSuffix(parts[len(parts)-1], ".wasm")
}

func verdict(err error) string {
	if err != nil {
		return "fail"
	}
	return "pass"
}

func passed(err error) int {
	if err != nil {
		return 0
	}
	return 1
}

// readExceptions reads lines of a name and a reason.
func readExceptions(t *testing.T) map[string]string {
	f, err := os.Open(filepath.Join("testdata", "suite-exceptions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	exceptions := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, reason, _ := strings.Cut(s.Text(), " ")
		if name != "" && name != "#" {
			exceptions[name] = strings.TrimSpace(reason)
		}
	}
	return exceptions
}

type runner func(ctx context.Context, module []byte, s spec, root string, out, errOut *bytes.Buffer) error

// runSpec runs a module with a copy of its folder and says what was not as its
// spec wants it.
func runSpec(t *testing.T, module string, run runner) error {
	wasm, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if b, err := os.ReadFile(strings.TrimSuffix(module, ".wasm") + ".json"); err == nil {
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", module, err)
		}
	}
	root := ""
	if s.Root != "" {
		root = t.TempDir()
		if err := os.CopyFS(root, os.DirFS(filepath.Join(filepath.Dir(module), s.Root))); err != nil {
			t.Fatal(err)
		}
	}
	s.Args = append([]string{filepath.Base(module)}, s.Args...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errOut bytes.Buffer
	var code uint32
	if err := run(ctx, wasm, s, root, &out, &errOut); err != nil {
		var exit *sys.ExitError
		if !errors.As(err, &exit) {
			return fmt.Errorf("%w\n%s", err, &errOut)
		}
		code = exit.ExitCode()
	}
	switch {
	case code != s.ExitCode:
		return fmt.Errorf("exit code %d\n%s", code, &errOut)
	case s.Stdout != nil && out.String() != *s.Stdout:
		return fmt.Errorf("standard output %q", &out)
	}
	return nil
}

func runHere(ctx context.Context, module []byte, s spec, root string, out, errOut *bytes.Buffer) error {
	c := Config{Args: s.Args, ClockPrecision: 1, Stdin: Empty(), Stdout: Output(out), Stderr: Output(errOut)}
	for _, k := range slices.Sorted(maps.Keys(s.Env)) {
		c.Env = append(c.Env, k+"="+s.Env[k])
	}
	if root != "" {
		folder, err := files.Open(files.Config{Source: root, Access: plugins.ReadWrite})
		if err != nil {
			return err
		}
		defer folder.Close()
		c.Mounts = []runtime.Mount{{Path: "/", FS: folder}}
	}
	system := New(c)
	defer system.Close()
	system.SetAuthority(runtime.Authority{Files: everything})
	return runModule(With(ctx, system), module, wazero.NewModuleConfig(), Instantiate)
}

func runWazero(ctx context.Context, module []byte, s spec, root string, out, errOut *bytes.Buffer) error {
	c := wazero.NewModuleConfig().WithArgs(s.Args...).WithStdout(out).WithStderr(errOut).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep()
	for k, v := range s.Env {
		c = c.WithEnv(k, v)
	}
	if root != "" {
		c = c.WithFSConfig(wazero.NewFSConfig().WithDirMount(root, "/"))
	}
	return runModule(ctx, module, c, func(ctx context.Context, r wazero.Runtime) error {
		_, err := wasi_snapshot_preview1.Instantiate(ctx, r)
		return err
	})
}

func runModule(ctx context.Context, module []byte, c wazero.ModuleConfig, world func(context.Context, wazero.Runtime) error) error {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	defer r.Close(context.WithoutCancel(ctx))
	if err := world(ctx, r); err != nil {
		return err
	}
	_, err := r.InstantiateWithConfig(ctx, module, c)
	return err
}
