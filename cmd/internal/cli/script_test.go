package cli_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
	"github.com/mcpwasm/mcpwasm/cmd/internal/trial"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-module" { // as a command that runs inside a test starts itself
		os.Exit(cli.Main())
	}
	testscript.Main(suite{m}, map[string]func(){"mcpwasm": func() { os.Exit(cli.Main()) }})
}

// suite removes what the tests built when they are done.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	code := s.m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a folder for temporary files
	}
	return code
}

// built is where the samples and their compiled code are, once they are there.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// sample returns the path of a sample's module: hello, everything or stdio.
func sample(t *testing.T, name string) string {
	t.Helper()
	built.once.Do(buildSamples)
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name+".wasm")
}

// cacheDir returns the folder of the samples' compiled code. It is filled by an
// ordinary build of mcpwasm: one with the race detector takes minutes to compile
// a guest.
func cacheDir(t *testing.T) string {
	return filepath.Join(filepath.Dir(sample(t, "hello")), "mcpwasm")
}

func buildSamples() {
	if built.dir, built.err = os.MkdirTemp("", "mcpwasm-test"); built.err != nil {
		return
	}
	binary := filepath.Join(built.dir, "warm.exe")
	if built.err = goTool(".", nil, "build", "-buildvcs=false", "-o", binary, "../../mcpwasm"); built.err != nil {
		return
	}
	for _, s := range []struct{ name, source, mode string }{
		{"hello", "hello", "c-shared"},
		{"files", "files", "c-shared"},
		{"everything", "everything", "c-shared"},
		{"stdio", "stdio/mcpgo", "default"},
	} {
		module := filepath.Join(built.dir, s.name+".wasm")
		built.err = goTool(filepath.Join("../../../plugins/examples", s.source), []string{"GOOS=wasip1", "GOARCH=wasm"},
			"build", "-buildvcs=false", "-trimpath", "-buildmode="+s.mode, "-o", module, ".")
		if built.err != nil {
			return
		}
		out, err := exec.Command(binary, "tools", "--cache-dir", filepath.Join(built.dir, "mcpwasm"), module).CombinedOutput()
		if err != nil {
			built.err = errors.New(string(out))
			return
		}
	}
}

func goTool(dir string, env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	return nil
}

func TestScripts(t *testing.T) {
	cache := filepath.Dir(cacheDir(t))
	hello, everything, files, stdio := sample(t, "hello"), sample(t, "everything"), sample(t, "files"), sample(t, "stdio")
	source, err := filepath.Abs("../../../plugins/examples/hello")
	if err != nil {
		t.Fatal(err)
	}
	goEnv, err := compilerEnv()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HELLO", hello)
			e.Setenv("EVERYTHING", everything)
			e.Setenv("FILES", files)
			e.Setenv("STDIO", stdio)
			e.Setenv("HELLO_SOURCE", source)
			for name, value := range goEnv {
				e.Setenv(name, value)
			}
			// The user's cache folder, on Linux, Windows and macOS.
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("LocalAppData", cache)
			e.Setenv("HOME", cache)
			return writeModules(e.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "registry": startRegistry},
	})
}

// compilerEnv is what the go command in a script needs in order to use what is
// there already.
func compilerEnv() (map[string]string, error) {
	cmd := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	return env, json.Unmarshal(out, &env)
}

// exits runs a command and checks its exit code: exits 2 mcpwasm nope.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// startRegistry starts a registry and sets $REGISTRY to its host; one that asks for
// the user "someone" and the password "open sesame" is started by registry
// locked: registry [locked].
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 || len(args) == 1 && args[0] != "locked" {
		ts.Fatalf("usage: registry [locked]")
	}
	handler, err := trial.New("")
	ts.Check(err)
	if len(args) == 1 {
		open := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "someone" || password != "open sesame" {
				w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			open.ServeHTTP(w, r)
		})
	}
	server := httptest.NewServer(handler)
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
}
