package host

import (
	"context"
	"fmt"

	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// Locked gets the package of a lock file's entry, exactly as it was approved, and
// returns the server to put into a [Config]. dir is the lock file's folder. The
// package is verified again; whatever differs from the entry is refused before
// anything of it is compiled, and the error wraps [lock.ErrChanged] or, from the
// client, [registry.ErrSource].
//
// The server has the entry's grants, answers lists from the package's manifest, and
// keeps its data under its name and repository, so that an update keeps it. Policies
// see who vouches for the package, and where it came from. A bare
// module has no manifest: it is run in a sandbox of c without grants, and has to say
// about itself what was approved.
func Locked(ctx context.Context, c Config, client *registry.Client, name string, e lock.Entry, dir string) (Server, error) {
	ref, err := e.Exact()
	if err != nil {
		return Server{}, fmt.Errorf("lock file: servers.%s: %w", name, err)
	}
	grants, clock, err := e.Grants.Parse(dir)
	if err != nil {
		return Server{}, fmt.Errorf("lock file: servers.%s: grants: %w", name, err)
	}
	p, err := client.Verify(ctx, ref)
	if err != nil {
		return Server{}, err
	}
	found, err := lock.Of(p)
	if err != nil {
		return Server{}, fmt.Errorf("%s: %w", ref, err)
	}
	if p.Plugin == nil {
		found.Definitions = e.Definitions // which are compared below
	}
	if err := e.Check(found); err != nil {
		return Server{}, fmt.Errorf("%s: %w", ref, err)
	}
	a, err := client.Open(ctx, p)
	if err != nil {
		return Server{}, err
	}
	s := Server{
		Name: name, Source: ref.String(), Wasm: a.Wasm, Env: e.Grants.Env, Grants: grants, Clock: clock,
		Manifest: p.Plugin, Scope: name + " " + ref.Name(),
		Signers: p.Verdict.Signers, Registry: ref.Registry, Repository: ref.Name(),
	}
	if p.Plugin != nil {
		s.Definitions = &p.Plugin.Definitions
		return s, nil
	}
	described, err := Describe(ctx, c, a.Wasm)
	if err != nil {
		return Server{}, fmt.Errorf("%s: %w", ref, err)
	}
	s.Definitions = &described.Definitions
	if found.Definitions, err = lock.HashDefinitions(*s.Definitions); err == nil {
		err = e.Check(found)
	}
	if err != nil {
		return Server{}, fmt.Errorf("%s: %w", ref, err)
	}
	return s, nil
}
