package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// proposal is what could be granted of what a package asks for.
type proposal struct {
	plugins.Grants
	// Rest is what is not proposed, each with the flag that grants it.
	Rest []unproposed
}

// unproposed is a request that only a person can grant: it is optional, or a part of
// the answer is the person's.
type unproposed struct {
	What, Flag string
}

// propose makes grants of a package's requests, never wider than those. What is
// optional is left to whoever wants it, and so are folders, variables and what is
// asked for in a way that no grant has.
func propose(asked *plugins.Requests) proposal {
	var p proposal
	if asked == nil {
		return p
	}
	for _, h := range asked.HTTP {
		p.http(h)
	}
	for _, f := range asked.Files {
		access := cmp.Or(f.Access, "ro")
		p.rest("files: "+f.Path+" "+access, "--mount FOLDER:"+f.Path+":"+access)
	}
	if kv := asked.KV; kv != nil {
		grant := plugins.KVGrant{Access: cmp.Or(plugins.Access(kv.Access), plugins.ReadWrite)}
		if kv.Optional {
			p.rest("kv: "+string(grant.Access), "--kv="+grant.String())
		} else {
			p.KV = &grant
		}
	}
	for _, s := range asked.Secrets {
		p.secret(s)
	}
	for _, e := range asked.Env {
		p.rest("env: "+e.Name, "--env "+e.Name+"=VALUE")
	}
	p.drop()
	return p
}

func (p *proposal) rest(what, flag string) { p.Rest = append(p.Rest, unproposed{what, flag}) }

// http proposes a grant for every port and path of a request.
func (p *proposal) http(h plugins.HTTPRequest) {
	methods := h.Methods
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD"}
	}
	ports, paths := h.Ports, h.Paths
	if len(ports) == 0 {
		ports = []int{0}
	}
	if len(paths) == 0 {
		paths = []string{""}
	}
	for _, port := range ports {
		for _, path := range paths {
			// Without a scheme a grant is for http, too, where the host is this machine.
			text := strings.Join(methods, ",") + " " + cmp.Or(h.Scheme, "https") + "://" + h.Host
			if port != 0 {
				text += fmt.Sprintf(":%d", port)
			}
			g, err := plugins.ParseHTTPGrant(text + path)
			switch {
			case err != nil:
				p.rest("http: "+text+path, "no grant has this form: "+err.Error())
			case h.Optional:
				p.rest("http: "+g.String(), fmt.Sprintf("--allow-http %q", g))
			case !slices.ContainsFunc(p.HTTP, func(o plugins.HTTPGrant) bool { return o.String() == g.String() }):
				p.HTTP = append(p.HTTP, g)
			}
		}
	}
}

// secret proposes the secret of the same name in the store.
func (p *proposal) secret(s plugins.SecretRequest) {
	in := s.In
	if len(in) == 0 {
		in = []string{"header"}
	}
	text := fmt.Sprintf("%s=store:%[1]s@%s in=%s", s.Name, strings.Join(s.Hosts, ","), strings.Join(in, ","))
	g, err := plugins.ParseSecretGrant(text)
	switch {
	case err != nil:
		p.rest("secret: "+s.Name, "no grant has this form: "+err.Error())
	case s.Optional:
		p.rest("secret: "+s.Name, fmt.Sprintf("--secret %q", text))
	default:
		p.Secrets = append(p.Secrets, g)
	}
}

// drop takes out what does not hold together, such as a secret for a host that
// only an optional request is for.
func (p *proposal) drop() {
	var problems plugins.GrantProblems
	if !errors.As(p.Validate(nil), &problems) {
		return
	}
	for _, problem := range problems {
		name, isSecret := strings.CutPrefix(problem.Path, "grants.secrets.")
		if !isSecret {
			continue
		}
		p.Secrets = slices.DeleteFunc(p.Secrets, func(g plugins.SecretGrant) bool {
			if g.Name == name {
				p.rest("secret: "+name, fmt.Sprintf("--secret %q, with requests to its hosts", g))
			}
			return g.Name == name
		})
	}
	if err := p.Validate(nil); err != nil {
		p.Grants = plugins.Grants{}
		p.rest("all of it", "say it by flags: "+err.Error())
	}
}
