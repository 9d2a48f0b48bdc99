package cli

import (
	"errors"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
)

// checkApproved compares the servers that are packages with the lock file beside
// the configuration. One that was not approved yet is a warning; one that was
// approved otherwise, which serve refuses, is a problem.
func (v *validateJSON) checkApproved(file *config.File) {
	p := &packages{file: file}
	var at lockFlags
	var err error
	p.lock, err = at.open(file)
	if _, ok := errors.AsType[config.Errors](err); ok {
		return // of the signers, which are checked with the trust
	}
	if err != nil {
		v.Problems = append(v.Problems, config.Problem{File: file.Path, Message: err.Error() + wayOut(err)})
		return
	}
	for _, server := range file.Servers {
		if !server.Package {
			continue
		}
		_, err := p.approval(server)
		if err == nil {
			continue
		}
		problem := file.At("servers."+server.Name, err)
		if placed, ok := errors.AsType[config.Errors](err); ok {
			problem = placed[0]
		}
		problem.Message += wayOut(err)
		if _, approved := p.lock.Servers[server.Name]; approved {
			v.Problems = append(v.Problems, problem)
		} else {
			v.Warnings = append(v.Warnings, problem)
		}
	}
}

// wayOut is an error's hint, to be added to a line.
func wayOut(err error) string {
	if f, ok := errors.AsType[*failure](err); ok && f.hint != "" {
		return ": " + f.hint
	}
	return ""
}
