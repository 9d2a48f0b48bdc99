package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// buildFlags are the flags of commands that make packages: what a package says
// beyond what its module does.
type buildFlags struct {
	cacheFlags
	verbose bool
	file    string
	said    config.Package
}

func (f *buildFlags) register(cmd *cobra.Command) {
	f.cacheFlags.register(cmd)
	f.registerSaid(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show what the server writes to its standard error")
}

// registerSaid is register for commands that have flags of those names already.
func (f *buildFlags) registerSaid(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.file, "package", "", "`FILE` in place of "+config.PackageName+" beside the module or source")
	flags.StringVar(&f.said.Name, "name", "", "the package's `NAME`, such as io.github.someone/weather")
	flags.StringVar(&f.said.Version, "version", "", "its semantic `VERSION`")
	flags.StringVar(&f.said.Title, "title", "", "its name for people")
	flags.StringVar(&f.said.Description, "description", "", "what it is, in a paragraph")
	flags.StringVar(&f.said.License, "license", "", "its licence, an SPDX `EXPRESSION`")
	flags.StringVar(&f.said.Source, "source", "", "the `URL` of its source code")
	flags.StringArrayVar(&f.said.Authors, "author", nil, "an author; may be repeated")
}

// build makes the package of a .wasm file, or of a folder with Go source. The
// errors are for report.
func (f *buildFlags) build(ctx context.Context, s Streams, input string) (*pack.Package, *plugins.Manifest, error) {
	created, err := sourceDate()
	if err != nil {
		return nil, nil, err
	}
	said, err := f.packageFile(input)
	if err != nil {
		return nil, nil, err
	}
	wasm, err := module(ctx, s, input)
	if err != nil {
		return nil, nil, err
	}
	m, err := f.describe(ctx, s, wasm)
	if err != nil {
		return nil, nil, err
	}
	if err := agree(m.Capabilities, said.Capabilities); err != nil {
		return nil, nil, err
	}
	said.Fill(m)
	f.said.Fill(m)
	if err := checkNamed(m); err != nil {
		return nil, nil, err
	}
	p, err := pack.Build(wasm, m, pack.Options{Created: created})
	if err != nil {
		return nil, nil, &failure{ExitInput, err, ""}
	}
	return p, m, nil
}

// packageFile reads what the author wrote: the file that was named, or the one
// beside the module or in the source's folder, if there is one.
func (f *buildFlags) packageFile(input string) (*config.Package, error) {
	path, named := f.file, f.file != ""
	if !named {
		dir := input
		if info, err := os.Stat(input); err != nil || !info.IsDir() {
			dir = filepath.Dir(input)
		}
		path = filepath.Join(dir, config.PackageName)
	}
	p, err := config.LoadPackage(path)
	switch {
	case err == nil:
		return p, nil
	case !named && errors.Is(err, os.ErrNotExist):
		return &config.Package{}, nil
	}
	if _, ok := errors.AsType[config.Errors](err); ok {
		return nil, &failure{ExitInput, err, "it takes name, version, title, description, license, source, authors and capabilities"}
	}
	return nil, &failure{ExitInput, err, ""}
}

// module reads a .wasm file, or compiles a folder.
func module(ctx context.Context, s Streams, input string) ([]byte, error) {
	info, err := os.Stat(input)
	if err == nil && info.IsDir() {
		return compileGo(ctx, s, input)
	}
	a, err := registry.Open(ctx, input, registry.Options{})
	return a.Wasm, err
}

// compileGo compiles the Go plugin in a folder. What the compiler says goes to
// standard error.
func compileGo(ctx context.Context, s Streams, dir string) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s is a package already", dir), "mcpwasm push publishes it"}
	}
	source, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(source) == 0 {
		return nil, &failure{ExitInput, fmt.Errorf("%s: there is no Go source in the folder", dir), "a server in another language is compiled first: mcpwasm build FILE.wasm"}
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		return nil, &failure{ExitFailure, errors.New("the go command is not there, which compiles the folder"), "install Go from https://go.dev, or name a .wasm file"}
	}
	temp, err := os.MkdirTemp("", "mcpwasm-build-*")
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", dir, err)
	}
	defer os.RemoveAll(temp) //nolint:errcheck // a folder for temporary files
	path := filepath.Join(temp, "plugin.wasm")
	// Without the state of version control, which would make other bytes of the same source.
	cmd := exec.CommandContext(ctx, compiler, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", path, ".")
	cmd.Dir = dir
	// Nor with what the caller has set for other builds; GOFLAGS has a value since an
	// empty one would be that of go env -w.
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-trimpath", "GOWASM=", "GOEXPERIMENT=", "GOFIPS140=off")
	cmd.Stdout, cmd.Stderr = s.Err, s.Err
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &failure{ExitInput, fmt.Errorf("compile %s: go build: %w", dir, err), ""}
	}
	a, err := registry.Open(ctx, path, registry.Options{})
	if errors.Is(err, plugins.ErrModule) {
		return nil, &failure{ExitInput, fmt.Errorf("%s: what was compiled is no plugin: %w", dir, errors.Unwrap(err)),
			"a server that speaks MCP on stdin and stdout is compiled by GOOS=wasip1 GOARCH=wasm go build -o FILE.wasm; then mcpwasm build FILE.wasm"}
	}
	return a.Wasm, err
}

// describe asks the module what it offers.
func (f *buildFlags) describe(ctx context.Context, s Streams, wasm []byte) (m *plugins.Manifest, err error) {
	level, tail := slog.LevelWarn, &stderrTail{}
	if f.verbose {
		level = slog.LevelInfo
	}
	handler := slog.Handler(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level}))
	if !f.verbose {
		handler = tailHandler{Handler: handler, tail: tail}
	}
	m, err = host.Describe(ctx, host.Config{CacheDir: f.dir(), Compile: compileApart, Logger: slog.New(handler)}, wasm)
	tail.show(s, err)
	return m, err
}

// agree refuses a package file that asks for something else than the server.
func agree(own, said *plugins.Requests) error {
	if own == nil || said == nil {
		return nil
	}
	a, errA := canonicalJSON(own)
	b, errB := canonicalJSON(said)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if bytes.Equal(a, b) {
		return nil
	}
	return &failure{ExitInput, fmt.Errorf("%s: capabilities: the server asks for something else itself: %s", config.PackageName, a),
		"leave capabilities out of the file: the server says them"}
}

func canonicalJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return wire.Canonical(data)
}

// checkNamed says how to give what the server does not say about itself.
func checkNamed(m *plugins.Manifest) error {
	missing := func(field, example string) error {
		return &failure{ExitUsage, fmt.Errorf("the package has no %s", field),
			fmt.Sprintf("--%s %s, or %[1]s: %[2]s in %s", field, example, config.PackageName)}
	}
	switch {
	case m.Name == "":
		return missing("name", "io.github.someone/weather")
	case m.Version == "":
		return missing("version", "1.0.0")
	}
	return nil
}

// envSourceDate is the date of the source in seconds since 1970
// (reproducible-builds.org, "SOURCE_DATE_EPOCH").
const envSourceDate = "SOURCE_DATE_EPOCH"

// lastYear is the end of the years that RFC 3339 can write.
var lastYear = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()

// sourceDate is the date to write, zero for none.
func sourceDate() (time.Time, error) {
	text := os.Getenv(envSourceDate)
	if text == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > lastYear {
		return time.Time{}, usage("", "$%s %q: want seconds since 1970", envSourceDate, text)
	}
	return time.Unix(n, 0), nil
}
