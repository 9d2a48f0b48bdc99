package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// TestCheckInput lets a guest ask what its client declared, and under no name that
// clients take for the host's.
func TestCheckInput(t *testing.T) {
	const form = `{"method":"elicitation/create","params":{"mode":"form","message":"?","requestedSchema":{"type":"object"}}}`
	tests := []struct{ name, key, input, want string }{
		{"a form", "confirm", form, ""},
		{"the host's question", "mcpwasm/policy", form, `"mcpwasm/policy": only the host asks by this name`},
		{"another method", "x", `{"method":"tools/call"}`, "a server cannot ask a client for"},
		{"not declared", "x", `{"method":"roots/list"}`, "has not declared"},
		{"no object", "x", `[]`, "x"},
	}
	client, err := wire.ParseObject([]byte(`{"elicitation":{"form":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			members := wire.Object{}.Set(tt.key, []byte(tt.input)).Members()
			err := checkInput(client, members[0], fmt.Errorf)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("have %v, want %q", err, tt.want)
			}
		})
	}
}
