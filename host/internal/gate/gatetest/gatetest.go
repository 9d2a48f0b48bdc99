// Package gatetest has policies in Go, for tests of what asks them.
package gatetest

import (
	"context"
	"log/slog"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
)

// Policy decides by a function. The zero value allows everything.
type Policy struct {
	// Decides says what becomes of an input. Labels of the input are added to those
	// of the decision, as a policy does.
	Decides func(phase cel.Phase, in *cel.Input) cel.Decision
	// Checks says what is wrong with a tool.
	Checks func(server string, tool *cel.Tool) cel.Problems
	// Vary says that lists differ from one principal to the next.
	Vary bool
}

var _ gate.Policy = Policy{}

// Decide implements gate.Policy.
func (p Policy) Decide(ctx context.Context, phase cel.Phase, in *cel.Input) cel.Decision {
	switch {
	case ctx.Err() != nil:
		return cel.Decision{Verdict: cel.Deny, Message: "too late", Err: ctx.Err()}
	case p.Decides == nil:
		return cel.Decision{Verdict: cel.Allow, Labels: in.Labels}
	}
	d := p.Decides(phase, in)
	d.Labels = append(append([]string{}, in.Labels...), d.Labels...)
	return d
}

// CheckTool implements gate.Policy.
func (p Policy) CheckTool(server string, tool *cel.Tool) cel.Problems {
	if p.Checks == nil {
		return nil
	}
	return p.Checks(server, tool)
}

// ListsVary implements gate.Policy.
func (p Policy) ListsVary() bool { return p.Vary }

// Open returns a gate that allows everything.
func Open() *gate.Gate {
	sealer, err := seal.New(nil)
	if err != nil {
		panic(err) // only of a key that is given
	}
	return gate.New(gate.Config{Policy: Policy{}, Sealer: sealer, Log: slog.New(slog.DiscardHandler)})
}
