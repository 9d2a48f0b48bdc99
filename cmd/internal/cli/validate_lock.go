package cli

import (
	"errors"
	"strings"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
)

// checkLock holds the configuration against the lock file, and lists the servers
// that only the lock file has.
func (v *validateJSON) checkLock(file *config.File, at *lockFlags) {
	l, err := at.open(file)
	if _, ok := errors.AsType[config.Errors](err); ok {
		return // of trust.lock, which checkTrust reports
	}
	named := map[string]bool{}
	for _, s := range file.Servers {
		named[s.Name] = true
	}
	if err == nil {
		v.checkApproved(&packages{file: file, lock: l})
		v.Locked, err = l.approved(func(name string) bool { return !named[name] })
	}
	if err != nil {
		path := at.in(file)
		v.Problems = append(v.Problems, config.Problem{File: path, Message: strings.TrimPrefix(err.Error(), path+": ")})
	}
}

// checkApproved compares the servers that are packages with what was approved. One
// that was not yet is a warning; one that was approved otherwise, which serve
// refuses, is a problem.
func (v *validateJSON) checkApproved(p *packages) {
	for _, server := range p.file.Servers {
		if !server.Package {
			continue
		}
		_, err := p.approval(server)
		if err == nil {
			continue
		}
		problem := p.file.At("servers."+server.Name, err)
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
