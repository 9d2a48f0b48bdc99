package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Describe asks a guest that holds nothing what it offers and, in asked, what it
// asks for (docs/guest-contract.md, "mcpwasm/capabilities"), nil where it does not
// say that.
func Describe(ctx context.Context, g Guest, session string) (d *plugins.Definitions, asked json.RawMessage, err error) {
	var discovered json.RawMessage
	d, err = readDefinitions(ctx, func(ctx context.Context, m plugins.Message) (plugins.Answer, error) {
		a, err := g.Handle(ctx, runtime.Call{Message: m, Session: session})
		if err == nil && m.Method == plugins.MethodDiscover {
			discovered = a.Result
		}
		return a, err
	})
	if err != nil {
		return nil, nil, err
	}
	result, err := wire.ParseObject(discovered)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", plugins.MethodDiscover, err)
	}
	meta, _, err := result.GetObject("_meta")
	if err != nil {
		return nil, nil, fmt.Errorf("%s: _meta: %w", plugins.MethodDiscover, err)
	}
	asked, _ = meta.Get(metaCapabilities)
	return d, asked, nil
}

// metaCapabilities is where a guest says what it asks for.
const metaCapabilities = "mcpwasm/capabilities"
