package main

import (
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestGreet(t *testing.T) {
	tests := []struct {
		name string
		in   map[string]any
		want string
	}{
		{"default", map[string]any{"name": "Ada"}, "Hello, Ada!"},
		{"French", map[string]any{"name": "Ada", "language": "fr"}, "Bonjour, Ada!"},
		{"unknown language", map[string]any{"name": "Ada", "language": "xx"}, `arguments.language: want one of "en", "de", "fr"`},
		{"nobody", map[string]any{}, `arguments: missing required member "name"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (pdktest.Client{}).CallTool(t, "greet", tt.in).Text(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
