package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// place is where a person works: a folder with a home, Docker's configuration,
// mcpwasm's and its caches. Nothing of the real user is seen or changed.
type place struct {
	t   *testing.T
	dir string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t, t.TempDir()}
	docker, err := dockerConfig()
	if err != nil {
		t.Fatal(err)
	}
	p.write("docker/config.json", docker, 0o600)
	p.write("bin/docker-credential-standin", []byte(credentialHelper()), 0o700)
	p.configure("")
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *place) write(name string, content []byte, mode os.FileMode) string {
	p.t.Helper()
	file := p.path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, content, mode); err != nil {
		p.t.Fatal(err)
	}
	return file
}

func (p *place) read(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// configure writes mcpwasm.yaml: how the registries are reached, and what is given.
func (p *place) configure(rest string, more ...*registry) {
	p.t.Helper()
	var b strings.Builder
	b.WriteString("registries:\n")
	for _, r := range append(registries(), more...) {
		b.WriteString(r.setting())
	}
	b.WriteString(rest)
	p.write("mcpwasm.yaml", []byte(b.String()), 0o600)
}

// result is how a program ended.
type result struct {
	out, err string // standard output and error
	code     int
}

// run runs a program to its end.
func (p *place) run(name string, args ...string) result {
	p.t.Helper()
	return p.feed(nil, name, args...)
}

// feed runs a program with an input.
func (p *place) feed(in io.Reader, name string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, programs[name], args...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + p.path("bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + p.dir, "TMPDIR=" + os.TempDir(),
		"XDG_CONFIG_HOME=" + p.path("config"), "XDG_CACHE_HOME=" + p.path("cache"), "XDG_DATA_HOME=" + p.path("data"),
		"DOCKER_CONFIG=" + p.path("docker"), "MCPWASM_CONFIG=" + p.path("mcpwasm.yaml"),
		"COSIGN_PASSWORD=", "COSIGN_YES=true", "NO_PROXY=127.0.0.1",
	}
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || ctx.Err() != nil) {
		p.t.Fatalf("%s %s: %v %v\n%s", name, strings.Join(args, " "), err, exit, stderr.String())
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a program that must end well, and returns its output.
func (p *place) must(name string, args ...string) string {
	p.t.Helper()
	r := p.run(name, args...)
	if r.code != 0 {
		p.t.Fatalf("%s %s: exit code %d\n%s%s", name, strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a program that must not end well.
func (p *place) fails(name string, args ...string) result {
	p.t.Helper()
	r := p.run(name, args...)
	if r.code == 0 {
		p.t.Fatalf("%s %s: went well\n%s%s", name, strings.Join(args, " "), r.out, r.err)
	}
	return r
}

// decode reads JSON that a program printed.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}
