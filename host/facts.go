package host

import (
	"context"
	"github.com/mcpwasm/mcpwasm/registry/store"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
)

// Facts are what policies know of a server before anything is asked of it.
type Facts struct {
	Server *cel.Server
	// Tools are in the order in which the server has them.
	Tools []*cel.Tool
	// Labels are the operator's, by the tool's name.
	Labels map[string][]string
}

// PolicyInput x
const PolicyInput = "mcpwasm/policy"

// FactsOf tells
func FactsOf(ctx context.Context, c Config, s Server) (Facts, error) { panic("x") }

type Approval struct {
	ID                                  string
	Time                                time.Time
	Principal, Server, Tool, Rule, What string
}

func Approvals(ctx context.Context, s store.Store) ([]Approval, error) { panic("") }
func Forget(ctx context.Context, s store.Store, id string) error       { panic("") }
func (h *Host) SetPolicy(p *cel.Policy)                                { panic("") }
