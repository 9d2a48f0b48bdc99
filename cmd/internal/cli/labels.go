package cli

import (
	"errors"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
)

// atLabels names the lines of a configuration in an error about labels that the policy
// does not know. Any other error stays as it is.
func atLabels(file *config.File, err error) error {
	problems := labelProblems(file, err)
	if len(problems) == 0 {
		return err
	}
	return &failure{ExitInput, config.Errors(problems), ""}
}

// labelProblems are the problems of a host's [host.LabelProblems] with their lines.
func labelProblems(file *config.File, err error) []config.Problem {
	all, ok := errors.AsType[host.LabelProblems](err)
	if !ok || file == nil {
		return nil
	}
	var problems []config.Problem
	for _, p := range all {
		problems = append(problems, file.At("servers."+p.Server+"."+p.Path, p.Err))
	}
	return problems
}

// saysOfTools reports whether the operator says something of a server's tools or
// prompts: only the server itself can say whether there are such.
func saysOfTools(s host.Server) bool {
	return len(s.Grants.Tools)+len(s.Labels.Tools)+len(s.Labels.Prompts)+len(s.Tags) > 0
}
