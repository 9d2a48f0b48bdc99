package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// packages gets servers out of packages: those that were approved, as the lock
// file has them, and others by trust alone.
type packages struct {
	s        Streams
	flags    packageFlags
	cacheDir string
	file     *config.File
	lock     *lockFile
	clients  map[bool]*registry.Client // by whether unsigned packages are allowed
}

// openPackages reads the configuration and the lock file.
func openPackages(s Streams, flags packageFlags, lockFlags lockFlags, cacheDir string) (*packages, error) {
	flags.lock = lockFlags
	p := &packages{s: s, flags: flags, cacheDir: cacheDir, clients: map[bool]*registry.Client{}}
	client, file, err := flags.open(s, cacheDir)
	if err != nil {
		return nil, err
	}
	p.clients[flags.allowUnsigned], p.file = client, file
	p.lock, err = lockFlags.open(file)
	return p, err
}

// client returns the client for packages that must be signed, or for those that
// need not be.
func (p *packages) client(unsigned bool) (*registry.Client, error) {
	if c, ok := p.clients[unsigned]; ok {
		return c, nil
	}
	flags := p.flags
	flags.allowUnsigned = unsigned
	c, _, err := flags.open(p.s, p.cacheDir)
	if err != nil {
		return nil, err
	}
	p.clients[unsigned] = c
	return c, nil
}

// guarded are the files that decide what is run.
func (p *packages) guarded() []string { return append(guarded(p.file), p.lock.guarded()...) }

// entry returns what was approved under a name.
func (p *packages) entry(name string) (lock.Entry, error) {
	if err := p.lock.present(); err != nil {
		return lock.Entry{}, err
	}
	e, ok := p.lock.Servers[name]
	if !ok {
		known := slices.Collect(maps.Keys(p.lock.Servers))
		return e, &failure{ExitInput, fmt.Errorf("no server %q was approved in %s%s", name, p.lock.path, nearest.Hint(name, known)),
			"mcpwasm add REFERENCE --name " + name + " approves one; ./" + name + " means the file or folder"}
	}
	return e, nil
}

// approved returns the entry of a reference with a tag: what stands behind the
// tag by now is not asked.
func (p *packages) approved(ref oci.Reference) (string, error) {
	if err := p.lock.present(); err != nil {
		return "", err
	}
	var names []string
	for name, e := range p.lock.Servers {
		if e.Reference == ref.String() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", &failure{ExitInput, fmt.Errorf("%s was not approved: a tag may point to another package at any time", ref),
			"mcpwasm add " + ref.String() + ", or name the digest: " + ref.Name() + "@sha256:…"}
	}
	return "", &failure{ExitInput, fmt.Errorf("%s was approved as %s", ref, list(names, "and")), "run one of them by its name"}
}

// open returns the server that was approved under a name, as the configuration has
// it where it stands there as well.
func (p *packages) open(ctx context.Context, c host.Config, name string) (host.Server, error) {
	if s := p.server(name); s != nil {
		return p.configured(ctx, c, *s)
	}
	e, err := p.entry(name)
	if err != nil {
		return host.Server{}, err
	}
	if missing := e.Grants.MissingEnv(); len(missing) > 0 {
		return host.Server{}, &failure{ExitInput, fmt.Errorf("%s: the value of the variable %s stands in the configuration, and %s has no server %[1]s", name, missing[0], p.file.Path),
			"mcpwasm update " + name + " --env " + missing[0] + "=VALUE and its other grants as flags"}
	}
	return p.locked(ctx, c, name, e)
}

// server returns the server of the configuration by a name, or nil.
func (p *packages) server(name string) *config.Server {
	i := slices.IndexFunc(p.file.Servers, func(s config.Server) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &p.file.Servers[i]
}

// configured returns a server of the configuration whose source is a reference.
func (p *packages) configured(ctx context.Context, c host.Config, s config.Server) (host.Server, error) {
	e, err := p.approval(s)
	if err != nil {
		return host.Server{}, err
	}
	server, err := p.locked(ctx, c, s.Name, e)
	if err != nil {
		return host.Server{}, err
	}
	server.Args, server.Env, server.Lifetime, server.Limits = s.Args, s.Env, s.Lifetime, s.Limits
	server.Labels, server.Tags = hostLabels(s.Labels), s.Tags
	server.HTTP = egress.Limits{Time: s.HTTP.Timeout, RequestBytes: s.HTTP.RequestBytes, ResponseBytes: s.HTTP.ResponseBytes}
	return server, nil
}

// approval returns the entry of a server of the configuration: it has to have been
// approved under its name, with the same source and grants.
func (p *packages) approval(s config.Server) (lock.Entry, error) {
	if !s.Package {
		return lock.Entry{}, &failure{ExitInput, fmt.Errorf("%s has the source %s in %s, which is no package", s.Name, s.Source, p.file.Path), "mcpwasm run " + s.Source}
	}
	if s.Manifest != "" {
		return lock.Entry{}, p.refuse(s, ".manifest", "", "what a package asks for stands in the package: leave manifest out")
	}
	ref, err := oci.ParseReference(s.Source)
	if err != nil {
		return lock.Entry{}, &failure{ExitInput, err, ""}
	}
	if err := p.lock.present(); err != nil {
		return lock.Entry{}, err
	}
	e, ok := p.lock.Servers[s.Name]
	if !ok {
		return lock.Entry{}, p.refuse(s, ".source", "mcpwasm add "+s.Source+" --name "+s.Name, "%s was not approved", s.Source)
	}
	update := "mcpwasm update " + s.Name
	if !sameSource(e, ref) {
		return lock.Entry{}, p.refuse(s, ".source", update, "%s is approved as %s, not %s", s.Name, e.Reference, s.Source)
	}
	grants, err := configGrants(s, p.lock.dir())
	if err != nil {
		return lock.Entry{}, err
	}
	if field := differentGrant(e.Grants, grants); field != "" {
		return lock.Entry{}, p.refuse(s, "", update, "%s is not what was approved", field)
	}
	return e, nil
}

// refuse names the place in the configuration that does not agree with the lock
// file.
func (p *packages) refuse(s config.Server, key, hint, format string, args ...any) error {
	return &failure{ExitInput, config.Errors{p.file.At("servers."+s.Name+key, fmt.Errorf(format, args...))}, hint}
}

// sameSource reports whether an entry was approved for a reference.
func sameSource(e lock.Entry, ref oci.Reference) bool {
	if ref.Digest != "" && ref.Digest != e.Digest {
		return false
	}
	if ref.Tag != "" {
		ref.Digest = ""
	}
	return e.Reference == ref.String()
}

// configGrants are the grants of a server of the configuration as the lock file
// has them: values of variables stay in the configuration, since they may come from the
// environment.
func configGrants(s config.Server, dir string) (lock.Grants, error) {
	var env []string
	for _, kv := range s.Env {
		key, value, _ := strings.Cut(kv, "=")
		if _, ok := plugins.EnvSecret(value); !ok {
			kv = key
		}
		env = append(env, kv)
	}
	return lock.NewGrants(s.Grants, env, s.Clock, dir)
}

// differentGrant names the first part in which grants differ, "" for none.
func differentGrant(a, b lock.Grants) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"grants.http", slices.Equal(a.HTTP, b.HTTP)}, {"grants.mounts", slices.Equal(a.Mounts, b.Mounts)}, {"grants.kv", a.KV == b.KV},
		{"grants.secrets", maps.Equal(a.Secrets, b.Secrets)}, {"grants.tools", maps.Equal(a.Tools, b.Tools)},
		{"env", slices.Equal(a.Env, b.Env)}, {"grants.clock", a.Clock == b.Clock},
	} {
		if !f.same {
			return f.name
		}
	}
	if !reflect.DeepEqual(a, b) {
		return "grants" // a part that was added since
	}
	return ""
}

// locked gets exactly what was approved.
func (p *packages) locked(ctx context.Context, c host.Config, name string, e lock.Entry) (host.Server, error) {
	if e.Unsigned {
		if !p.flags.allowUnsigned {
			return host.Server{}, &failure{ExitInput, fmt.Errorf("%s: nobody vouches for %s: it was approved unsigned", name, e.Reference),
				"--insecure-allow-unsigned starts it all the same; mcpwasm update " + name + " takes a signed one"}
		}
		say(p.s, "warning: %s: nobody vouches for %s, and it is started because of --insecure-allow-unsigned", name, e.Reference)
	}
	client, err := p.client(e.Unsigned)
	if err != nil {
		return host.Server{}, err
	}
	server, err := host.Locked(ctx, c, client, name, e, p.lock.dir())
	if errors.Is(err, lock.ErrChanged) {
		return host.Server{}, &failure{ExitInput, fmt.Errorf("%s: %w", name, err), "mcpwasm update " + name + " shows what changed and asks"}
	}
	return server, err
}

// byDigest gets a package that a reference names by its digest: it is verified by
// trust, and nobody has to have approved it.
func (p *packages) byDigest(ctx context.Context, ref oci.Reference) (host.Server, error) {
	if err := p.lock.present(); err != nil {
		return host.Server{}, err
	}
	client, err := p.client(p.flags.allowUnsigned)
	if err != nil {
		return host.Server{}, err
	}
	pkg, err := client.Verify(ctx, ref)
	if err != nil {
		return host.Server{}, err
	}
	if pkg.Verdict.Unsigned {
		say(p.s, "warning: nobody vouches for %s, and it is started because of --insecure-allow-unsigned", ref)
	}
	a, err := client.Open(ctx, pkg)
	if err != nil {
		return host.Server{}, err
	}
	return host.Server{
		Name: a.Name, Source: ref.String(), Wasm: a.Wasm, Manifest: pkg.Plugin, Scope: a.Name + " " + ref.Name(),
		Signers: pkg.Verdict.Signers, Registry: ref.Registry, Repository: ref.Name(),
	}, nil
}
