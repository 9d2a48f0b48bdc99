package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
)

// reloader has a host that serves take changed files over: the configuration and the
// lock file, and the policy.
type reloader struct {
	flags  *serveFlags
	s      Streams
	before *packages   // as they were at the start
	c      host.Config // likewise
	h      *host.Host
	policy *policyWatch
	// behind says that the configuration as it is now was not taken over.
	behind bool
}

// serveAndWatch serves while it watches the files; it ends with the serving.
func (f *serveFlags) serveAndWatch(ctx context.Context, s Streams, p *packages, c host.Config, h *host.Host) error {
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	changed, err := config.Watch(watchCtx, append([]string{p.file.Path}, p.lock.guarded()...)...)
	if err != nil {
		return err
	}
	r := &reloader{flags: f, s: s, before: p, c: c, h: h}
	if r.policy, err = watchPolicy(watchCtx, s, h, p.file, f.policy.in(p.file), c.Policy, c.Servers); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.run(watchCtx, changed) })
	err = f.front.serve(ctx, s, h)
	stop()
	wg.Wait()
	return err
}

// run takes changes over until ctx is done.
func (r *reloader) run(ctx context.Context, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-changed:
			if !ok {
				return
			}
			r.reload(ctx)
		case _, ok := <-r.policy.changed:
			switch {
			case !ok:
				return // ctx is done
			case r.behind: // which may be because of the policy
				r.reload(ctx)
			default:
				r.policy.reload()
			}
		}
	}
}

// reload takes changed files over, or says why not.
func (r *reloader) reload(ctx context.Context) {
	path := r.before.file.Path
	p, servers, err := r.takeOver(ctx)
	if ctx.Err() != nil {
		return
	}
	r.behind = err != nil
	if err != nil {
		_, placed := errors.AsType[*failure](err)
		if problems, _ := problemsOf(err); !placed && problems == nil {
			err = configFailure(path, true, err)
		}
		report(r.s.Err, err)
		say(r.s, "%s was not taken over: the servers go on as they were, and so does the policy", path)
		return
	}
	say(r.s, "%s was taken over", path)
	reportBroken(ctx, r.s, r.h, p.file, servers)
}

// takeOver reads the files and gives the host what they have, at once: no server is
// ever served by a policy that was not written for it.
func (r *reloader) takeOver(ctx context.Context) (*packages, []host.Server, error) {
	p, err := r.flags.open(r.s)
	if err == nil && len(r.before.file.Servers) > 0 {
		_, err = os.Stat(r.before.file.Path) // without which open would do
	}
	if err != nil {
		return nil, nil, err
	}
	path := r.flags.policy.in(p.file)
	if err := r.policy.follow(ctx, path); err != nil {
		return nil, nil, err
	}
	policy, err := readPolicy(path)
	if err != nil {
		return nil, nil, err
	}
	servers, err := p.servers(ctx, r.c)
	if err != nil {
		return nil, nil, err
	}
	if err := r.unwritable(path, servers); err != nil {
		return nil, nil, err
	}
	if err := r.h.Replace(ctx, servers, policy); err != nil {
		return nil, nil, atLabels(p.file, err)
	}
	r.policy.inForce, r.policy.file, r.policy.servers = policy, p.file, servers
	return p, servers, nil
}

// unwritable makes sure that no server may write to the file of the policy. Of the one
// at the start the host knows, and looks at what is served anew.
func (r *reloader) unwritable(path string, servers []host.Server) error {
	if path == "" {
		return nil
	}
	if path == r.flags.policy.in(r.before.file) {
		servers = slices.DeleteFunc(working(r.h, servers), func(s host.Server) bool { return !r.keeps(s) })
	}
	return unwritable(path, servers)
}

// keeps reports whether a server is served with these mounts already.
func (r *reloader) keeps(s host.Server) bool {
	return slices.ContainsFunc(r.policy.servers, func(served host.Server) bool {
		return served.Name == s.Name && slices.Equal(served.Grants.Mounts, s.Grants.Mounts)
	})
}
