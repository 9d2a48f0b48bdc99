package host

import (
	"context"
	"errors"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// Describe runs a module's list methods in a sandbox without grants.
func Describe(ctx context.Context, c Config, wasm []byte) (*plugins.Definitions, error) {
	c.Servers, c.Prefix = []Server{{Name: "server", Wasm: wasm}}, false
	h, err := New(ctx, c)
	if err != nil {
		return nil, err
	}
	d, err := h.Definitions(ctx, "server")
	return &d, errors.Join(err, h.Close())
}
