package main

import (
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestTools(t *testing.T) {
	tests := []struct {
		name, tool string
		in         map[string]any
		want       string
	}{
		{"echo", "echo", map[string]any{"text": "hi"}, "hi"},
		{"digest", "digest", map[string]any{"json": `{"b":[1, 2],"a":null}`}, "ee743f2fa2570a1b5e3270cc405d0456b983ba03ab9cb27552fc6c1a720183c7"},
		{"no JSON", "digest", map[string]any{"json": `{`}, "unexpected end of JSON input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (pdktest.Client{}).CallTool(t, tt.tool, tt.in).Text(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
