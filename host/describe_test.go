package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// describe returns what a sample says about itself.
func describe(t *testing.T, name string) (*plugins.Manifest, error) {
	t.Helper()
	wasm, err := os.ReadFile(guest(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return host.Describe(t.Context(), host.Config{CacheDir: cacheDir(t)}, wasm)
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		guest, name, version string
		tools                []string
		asked                string
	}{
		{"hello", "hello", "1.0.0", []string{"greet"}, "null"},
		{"notes", "notes", "1.0.0", []string{"add_note", "list_notes"}, `{"kv":{"reason":"Keeps the notes."}}`},
		{"files", "files", "1.0.0", []string{"read_file"}, `{"files":[{"path":"/data","access":"rw","reason":"The folder to work in."}]}`},
		{"stdio", "", "", []string{"ok", "loop"}, "null"},
	}
	for _, tt := range tests {
		t.Run(tt.guest, func(t *testing.T) {
			m, err := describe(t, tt.guest)
			if err != nil {
				t.Fatal(err)
			}
			if m.Contract != 1 || tt.name != "" && (m.Name != tt.name || m.Version != tt.version) {
				t.Errorf("contract %d, name %q, version %q", m.Contract, m.Name, m.Version)
			}
			for _, tool := range tt.tools {
				if d, ok := m.Definitions.Tools.Find(tool); !ok || !strings.Contains(string(d.Raw), `"inputSchema"`) {
					t.Errorf("tool %q: %s", tool, d.Raw)
				}
			}
			asked, err := json.Marshal(m.Capabilities)
			if err != nil || string(asked) != tt.asked {
				t.Errorf("asks for %s, %v; want %s", asked, err, tt.asked)
			}
		})
	}
}

// TestDescribeAgrees compares what a package would say with what clients are told.
func TestDescribeAgrees(t *testing.T) {
	t.Parallel()
	m, err := describe(t, "everything")
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, host.Config{Servers: []host.Server{{Name: "everything", Source: guest(t, "everything")}}})
	d, err := h.Definitions(t.Context(), "everything")
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(m.Definitions); err != nil || string(got) != string(want) {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	if len(d.Tools.Items)*len(d.Prompts.Items)*len(d.Resources.Items)*len(d.ResourceTemplates.Items) == 0 {
		t.Error("the sample has not everything")
	}
}

func TestDescribeRefuses(t *testing.T) {
	t.Parallel()
	// It ends at once when it is started, as a server does that misses something.
	ends := "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
		"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"
	_, err := host.Describe(t.Context(), host.Config{}, []byte(ends))
	if ge, ok := errors.AsType[*runtime.GuestError](err); !ok || !strings.Contains(err.Error(), "before it is granted anything") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a server that ends: %v, %v", ge, err)
	}
	if _, err := host.Describe(t.Context(), host.Config{}, []byte("#!/bin/sh")); !errors.Is(err, plugins.ErrModule) {
		t.Errorf("no module: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := host.Describe(ctx, host.Config{}, []byte(ends)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPinnedDefinitions: a package's lists are told without running its guest,
// which is called as ever.
func TestPinnedDefinitions(t *testing.T) {
	t.Parallel()
	wasm, err := os.ReadFile(guest(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := describe(t, "hello")
	if err != nil {
		t.Fatal(err)
	}
	pinned := m.Definitions
	pinned.Tools.Items = slices.Clone(pinned.Tools.Items)
	for i, d := range pinned.Tools.Items {
		pinned.Tools.Items[i].Raw = json.RawMessage(strings.Replace(string(d.Raw), `"description":"`, `"description":"Pinned. `, 1))
	}
	server := host.Server{Name: "hello", Source: "example.com/hello:1", Wasm: wasm, Definitions: &pinned}
	h := open(t, host.Config{Servers: []host.Server{server}})
	d, err := h.Definitions(t.Context(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	if tool, ok := d.Tools.Find("greet"); !ok || !strings.Contains(string(tool.Raw), "Pinned. ") {
		t.Errorf("the tool is %s", tool.Raw)
	}
	mustSay(t, h, "greet", toolArgs{"name": "Ada"}, "Ada")

	server.Grants.Tools = map[string]plugins.Access{"greeet": plugins.ReadOnly}
	err = open(t, host.Config{Servers: []host.Server{server}}).Status()[0].Err
	if _, ok := errors.AsType[plugins.GrantProblems](err); !ok || !strings.Contains(err.Error(), `did you mean "greet"`) {
		t.Errorf("a grant for a tool that it does not have: %v", err)
	}
}

// TestScope: data is kept under the scope, wherever the module came from, and a
// source that is a name is no file.
func TestScope(t *testing.T) {
	t.Parallel()
	wasm, err := os.ReadFile(guest(t, "notes"))
	if err != nil {
		t.Fatal(err)
	}
	data := newStore(t)
	notes := func(scope, source string) *host.Host {
		return open(t, host.Config{Store: data, Servers: []host.Server{{
			Name: "notes", Source: source, Wasm: wasm, Scope: scope, Grants: plugins.Grants{KV: &plugins.KVGrant{}}}}})
	}
	const none = `{"notes":[]}`
	mustSay(t, notes("example.com/notes", "example.com/notes:1"), "add_note", toolArgs{"title": "Milk", "text": "Two litres."}, "Milk")
	mustSay(t, notes("example.com/notes", "example.com/notes:2"), "list_notes", toolArgs{}, "Milk")
	mustSay(t, notes("example.com/other", "example.com/notes:1"), "list_notes", toolArgs{}, none)
	mustSay(t, notes("", "example.com/notes:1"), "list_notes", toolArgs{}, none)
}
