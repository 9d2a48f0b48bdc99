package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

// Describe makes the manifest of a module by asking the module: it runs the
// guest's own discover and list methods in the sandbox, without any grant, and
// twice, since what a package says must not depend on when it was built. Of c it
// uses CacheDir, Compile and Logger.
//
// Definitions and capabilities are complete. Name, version, title and description
// are what the server calls itself, where that has a manifest's form, and "" where
// not: whoever publishes must fill in the first two. A guest that cannot list what
// it offers without being granted something is an error.
func Describe(ctx context.Context, c Config, module []byte) (*plugins.Manifest, error) {
	a, err := registry.Parse("package", module)
	if err != nil {
		return nil, err
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	backend := wasm.New(wasm.Config{CacheDir: subdir(c.CacheDir, "code"), Compile: c.Compile})
	m, err := describe(ctx, backend, a, log)
	return m, errors.Join(err, backend.Close(context.WithoutCancel(ctx)))
}

func describe(ctx context.Context, backend *wasm.Backend, a registry.Artifact, log *slog.Logger) (*plugins.Manifest, error) {
	guest, err := runtime.Open(ctx, backend, runtime.Artifact{Name: a.Name, Digest: a.Digest, Wasm: a.Wasm},
		runtime.Options{Stderr: func(line string) { log.Info(LogStderr, "line", line) }})
	if err != nil {
		return nil, err
	}
	first, err := ask(ctx, guest, a, "first")
	if err == nil {
		var again *plugins.Manifest
		if again, err = ask(ctx, guest, a, "again"); err == nil {
			err = sameManifest(first, again)
		}
	}
	if err = errors.Join(err, guest.Close(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	return first, nil
}

// ask has a guest describe itself.
func ask(ctx context.Context, guest gateway.Guest, a registry.Artifact, session string) (*plugins.Manifest, error) {
	definitions, asked, err := gateway.Describe(ctx, guest, session)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, &runtime.GuestError{Kind: runtime.KindLoad}):
			return nil, err
		}
		return nil, fmt.Errorf("ask the server what it offers: %w; a package lists all that it offers, so a server must answer %s and its lists before it is granted anything",
			err, plugins.MethodDiscover)
	}
	m := &plugins.Manifest{Contract: plugins.ContractVersion, Definitions: *definitions}
	if a.Module.Contract > 0 {
		m.Contract = a.Module.Contract
	}
	if len(asked) > 0 {
		if m.Capabilities, err = parseRequests(asked); err != nil {
			return nil, err
		}
	}
	introduce(m)
	return m, checkDescribed(m)
}

// parseRequests reads what a guest asks for as strictly as a manifest's.
func parseRequests(asked json.RawMessage) (*plugins.Requests, error) {
	text := wire.Object{}.Set("contract", json.RawMessage("1")).SetString("name", "x").SetString("version", "0.0.0").
		Set("capabilities", asked).Set("definitions", json.RawMessage("{}")).JSON()
	m, err := plugins.ParseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("what the server asks for (mcpwasm/capabilities): %w", err)
	}
	return m.Capabilities, nil
}

// introduce takes from the server's own description what a manifest can take.
func introduce(m *plugins.Manifest) {
	var info map[string]json.RawMessage
	if json.Unmarshal(m.Definitions.ServerInfo, &info) != nil {
		return // it has none
	}
	for _, f := range []struct {
		name  string
		field func(*plugins.Manifest) *string
	}{
		{"name", func(m *plugins.Manifest) *string { return &m.Name }},
		{"version", func(m *plugins.Manifest) *string { return &m.Version }},
		{"title", func(m *plugins.Manifest) *string { return &m.Title }},
		{"description", func(m *plugins.Manifest) *string { return &m.Description }},
	} {
		var text string
		if json.Unmarshal(info[f.name], &text) != nil {
			continue
		}
		probe := plugins.Manifest{Contract: 1, Name: "x", Version: "0.0.0"}
		*f.field(&probe) = text
		if text != "" && probe.Validate() == nil {
			*f.field(m) = text
		}
	}
}

// checkDescribed checks all but what is to be filled in.
func checkDescribed(m *plugins.Manifest) error {
	whole := *m
	whole.Name, whole.Version = "x", "0.0.0"
	return whole.Validate()
}

// sameManifest refuses a server that says something else each time.
func sameManifest(a, b *plugins.Manifest) error {
	for _, part := range []struct {
		name string
		of   func(*plugins.Manifest) any
	}{
		{"what it asks for", func(m *plugins.Manifest) any { return m.Capabilities }},
		{"serverInfo", func(m *plugins.Manifest) any { return m.Definitions.ServerInfo }},
		{"capabilities", func(m *plugins.Manifest) any { return m.Definitions.Capabilities }},
		{"instructions", func(m *plugins.Manifest) any { return m.Definitions.Instructions }},
		{"tools", func(m *plugins.Manifest) any { return m.Definitions.Tools }},
		{"prompts", func(m *plugins.Manifest) any { return m.Definitions.Prompts }},
		{"resources", func(m *plugins.Manifest) any { return m.Definitions.Resources }},
		{"resource templates", func(m *plugins.Manifest) any { return m.Definitions.ResourceTemplates }},
	} {
		before, err := canonical(part.of(a))
		if err != nil {
			return err
		}
		after, err := canonical(part.of(b))
		if err != nil {
			return err
		}
		if !bytes.Equal(before, after) {
			return fmt.Errorf("the server says something else each time that it is asked: %s; a package lists what does not change", part.name)
		}
	}
	return nil
}

func canonical(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return wire.Canonical(data)
}
