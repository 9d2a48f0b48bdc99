package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
)

// patience is how long a test waits for what must come; it never decides whether
// a test passes.
const patience = time.Minute

// guestSources are the guests of these tests: their folder, the mode in which it
// is built, and whether it is run by mcpwasm rather than in the tests' process.
var guestSources = map[string]struct {
	dir, mode string
	binary    bool
}{
	"hello":      {"../plugins/examples/hello", "c-shared", false},
	"everything": {"../plugins/examples/everything", "c-shared", false},
	"notes":      {"../plugins/examples/notes", "c-shared", false},
	"files":      {"../plugins/examples/files", "c-shared", false},
	"fetch":      {"../plugins/examples/fetch", "c-shared", false},
	"issues":     {"../plugins/examples/issues", "c-shared", false},
	"hostile":    {"../plugins/examples/hostile", "c-shared", false},
	"api":        {"../plugins/examples/stdio/api", "default", false},
	"gosdk":      {"../plugins/examples/stdio/gosdk", "default", true},
	"mcpgo":      {"../plugins/examples/stdio/mcpgo", "default", true},
	"reactor":    {"testdata/guests/reactor", "c-shared", false},
	"stdio":      {"testdata/guests/stdio", "default", false},
	"legacy":     {"testdata/guests/legacy", "default", false},
	"servestdio": {"testdata/guests/servestdio", "default", true},
}

// build is what the tests share: a folder with an ordinary build of mcpwasm, the
// guests, and their compiled code.
var build struct {
	dir    string
	binary func() error
	warmer func() error
	mu     sync.Mutex
	guests map[string]func() error
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if path := os.Getenv(envWarm); path != "" {
		return warm(path)
	}
	dir, err := os.MkdirTemp("", "mcpwasm-host")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder for temporary files
	build.dir, build.guests = dir, map[string]func() error{}
	build.binary = sync.OnceValue(func() error {
		return run(exec.Command("go", "build", "-buildvcs=false", "-o", binary(), "../cmd/mcpwasm"))
	})
	build.warmer = sync.OnceValue(func() error {
		return run(exec.Command("go", "test", "-buildvcs=false", "-c", "-o", warmer(), "."))
	})
	return m.Run()
}

// envWarm has these tests do nothing but compile a module to the shared cache.
const envWarm = "MCPWASM_TEST_WARM"

func warm(path string) int {
	h, err := host.New(context.Background(), host.Config{CacheDir: filepath.Join(filepath.Dir(path), "cache"),
		Servers: []host.Server{{Name: "warm", Source: path}}})
	if err == nil {
		_, err = h.Definitions(context.Background(), "warm")
		err = errors.Join(err, h.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// warmer is an ordinary build of these tests.
func warmer() string { return filepath.Join(build.dir, "warm.exe") }

// binary is an ordinary build of mcpwasm.
func binary() string { return filepath.Join(build.dir, "mcpwasm.exe") }

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// module returns the path of a guest's module, which it builds first. The module
// is compiled to the shared cache by an ordinary build of these tests, since one
// with the race detector would take minutes; compiled code is good for either
// tests or mcpwasm, in whose builds wazero finds another version of itself.
func module(name string) (string, error) {
	path := filepath.Join(build.dir, name+".wasm")
	build.mu.Lock()
	if build.guests[name] == nil {
		build.guests[name] = sync.OnceValue(func() error { return buildGuest(name, path) })
	}
	once := build.guests[name]
	build.mu.Unlock()
	return path, once()
}

func buildGuest(name, path string) error {
	source, ok := guestSources[name]
	if !ok {
		return errors.New("there is no guest " + name)
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-buildmode="+source.mode, "-o", path, ".")
	cmd.Dir = source.dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if err := run(cmd); err != nil {
		return err
	}
	if err := build.binary(); err != nil {
		return err
	}
	if source.binary {
		// It need not serve to be compiled.
		_ = exec.Command(binary(), "tools", "--cache-dir", filepath.Join(build.dir, "cache"), path).Run()
		return nil
	}
	if err := build.warmer(); err != nil {
		return err
	}
	cmd = exec.Command(warmer())
	cmd.Env = append(os.Environ(), envWarm+"="+path)
	return run(cmd)
}

// guest returns the path of a guest's module.
func guest(t *testing.T, name string) string {
	t.Helper()
	path, err := module(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// cacheDir returns a new cache that shares nothing but compiled code with those
// of other tests.
func cacheDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	code := filepath.Join(build.dir, "cache", "code")
	if err := os.MkdirAll(code, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(code, filepath.Join(dir, "code")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open returns a host that is closed with the test. Config.CacheDir is filled in.
func open(t *testing.T, c host.Config) *host.Host {
	t.Helper()
	if c.CacheDir == "" {
		c.CacheDir = cacheDir(t)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	h, err := host.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}
