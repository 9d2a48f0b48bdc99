package cli

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// TestByFlag and TestBroken are about problems that only the host can find.
func TestByFlag(t *testing.T) {
	g := plugins.Grants{
		HTTP:    []plugins.HTTPGrant{{Host: "a.example"}},
		Mounts:  []plugins.MountGrant{{Source: "in", Path: "/in"}, {Source: "out", Path: "/out", Access: plugins.ReadWrite}},
		KV:      &plugins.KVGrant{},
		Secrets: []plugins.SecretGrant{{Name: "TOKEN", Provider: "store", Ref: "private", Hosts: []string{"a.example"}}},
		Tools:   map[string]plugins.Access{"greet": plugins.ReadOnly},
	}
	cause := errors.New("why")
	for path, want := range map[string]string{
		"grants.http[0]":       `--allow-http "a.example": why`,
		"grants.mounts[1]":     `--mount "out:/out:rw": why`,
		"grants.mounts":        "--mount: why",
		"grants.kv":            "--kv: why",
		"grants.secrets.TOKEN": "--secret TOKEN: why",
		"grants.tools.greet":   `--tool-access "greet=ro": why`,
		"env.KEY":              "--env KEY: why",
		"grants.mounts[7]":     "grants.mounts[7]: why",
	} {
		t.Run(path, func(t *testing.T) {
			err := byFlag(g, fmt.Errorf("server %q: %w", "x", &plugins.GrantProblem{Path: path, Err: cause}))
			if err.Error() != want || !errors.Is(err, cause) {
				t.Errorf("have %q, want %q", err, want)
			}
		})
	}
	if err := byFlag(g, cause); err != cause {
		t.Errorf("an error of another kind became %v", err)
	}
}

func TestBroken(t *testing.T) {
	text := "servers:\n  a:\n    source: a.wasm\n    grants:\n      mounts:\n        - in:/in\n      kv: rw\n"
	file, err := config.Parse("m.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	problems := plugins.GrantProblems{
		{Path: "grants.mounts[0]", Err: errors.New("there is no such folder")}, {Path: "grants.kv", Err: errors.New("no room")},
	}
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"works", nil, nil},
		{"something else", errors.New(`server "a": trap`), []string{`server "a": trap`}},
		{"one grant", problems[0], []string{"m.yaml:6:11: servers.a.grants.mounts[0]: there is no such folder"}},
		{"grants", fmt.Errorf("server %q: %w", "a", problems), []string{
			"m.yaml:6:11: servers.a.grants.mounts[0]: there is no such folder", "m.yaml:7:7: servers.a.grants.kv: no room",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if have := broken(file, host.Status{Name: "a", Err: tt.err}); !slices.Equal(have, tt.want) {
				t.Errorf("have %q, want %q", have, tt.want)
			}
		})
	}
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]bool{
		"https://app.example.com": true, "http://localhost:3000": true, "http://[::1]:8080": true, "chrome-extension://abc": true,
		"": false, "notanorigin": false, "app.example.com": false, "null": false, "*": false, "https://*.example.com": false,
		"https://": false, "https://:80": false, "https://a.example:": false, "https://a.example:x": false, "https://a.example/": false,
		"https://a.example/x": false, "https://a.example?x": false, "https://me@a.example": false, "https://A.example": false,
		"mailto:a@a.example": false,
	} {
		o, err := parseOrigin(text)
		if (err == nil) != want || want && o.String() != text {
			t.Errorf("%q: %q, %v", text, o, err)
		}
	}
}
