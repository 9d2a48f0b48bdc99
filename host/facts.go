package host

import (
	"context"
	"fmt"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// PolicyInput is the name of the host's own question among a result's inputRequests
// (MCP 2026-07-28, client/elicitation), and of the answer to it.
const PolicyInput = gate.InputKey

// Facts are what policies know of a server before anything is asked of it.
type Facts struct {
	Server *cel.Server
	// Tools are in the order in which the server lists them.
	Tools []*cel.Tool
	// Labels are the operator's, by the tool's name.
	Labels map[string][]string
	// Problems are what the operator grants, labels or tags of tools and prompts that
	// the server does not have. It cannot be served so.
	Problems plugins.GrantProblems

	granted capability.Config
}

// EffectLabels are the labels that an effect has by the operator's word about the
// grants: policies see them beside those of the tool. The error says why the effect is
// denied whatever the policy says.
func (f Facts) EffectLabels(e *cel.Effect) ([]string, error) {
	return capability.LabelsOf(f.granted, e)
}

// FactsOf returns what policies know of a server. What it offers is taken from its
// definitions or its package's manifest; a module without either is run as
// [Describe] does it, with what that uses of c. A server with Err set has no facts
// but that error.
func FactsOf(ctx context.Context, c Config, s Server) (Facts, error) {
	artifact, err := openArtifact(ctx, s)
	if err != nil {
		return Facts{}, err
	}
	manifest, definitions := s.Manifest, s.Definitions
	if manifest == nil && artifact.Manifest != nil {
		manifest, definitions = artifact.Manifest, &artifact.Manifest.Definitions
	}
	if definitions == nil {
		m, err := Describe(ctx, c, artifact.Wasm)
		if err != nil {
			return Facts{}, err
		}
		definitions = &m.Definitions
	}
	a := about(s, artifact.Digest, s.Grants)
	server := gate.NewServer(a)
	seen, err := server.Define(definitions)
	if err != nil {
		return Facts{}, fmt.Errorf("definitions: %w", err)
	}
	problems := append(capability.CheckTools(s.Grants, definitions), server.Check(definitions)...)
	return Facts{
		Server: &a.Server, Tools: seen.Tools(), Labels: s.Labels.Tools, Problems: problems,
		granted: capability.Config{Grants: s.Grants, Manifest: manifest, Labels: s.Labels.Grants},
	}, nil
}
