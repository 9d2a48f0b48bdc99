package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
	mounts "github.com/mcpwasm/mcpwasm/host/capability/files"
)

// policyWatch gives a host the policy of a file, again whenever that changes. It is
// used by one goroutine.
type policyWatch struct {
	s       Streams
	h       *host.Host
	path    string // "" for the shipped policy, which never changes
	inForce *cel.Policy
	servers []host.Server   // that the host has
	changed <-chan struct{} // nil where there is nothing to watch
	stop    context.CancelFunc
}

// watchPolicy watches the file of the policy that a host has.
func watchPolicy(ctx context.Context, s Streams, h *host.Host, path string, inForce *cel.Policy, servers []host.Server) (*policyWatch, error) {
	w := &policyWatch{s: s, h: h, inForce: inForce, servers: servers, stop: func() {}}
	if err := w.follow(ctx, path); err != nil {
		return nil, err
	}
	w.reload() // what was written since it was read
	return w, nil
}

// follow watches another file in place of the one before. What it has by now is not
// read.
func (w *policyWatch) follow(ctx context.Context, path string) error {
	if path == w.path {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	var changed <-chan struct{}
	if path != "" {
		var err error
		if changed, err = config.Watch(ctx, path); err != nil {
			stop()
			return err
		}
	}
	w.stop()
	w.path, w.changed, w.stop = path, changed, stop
	return nil
}

// reload takes the file's policy over, or says why not.
func (w *policyWatch) reload() {
	if w.path == "" {
		return
	}
	p, err := readPolicy(w.path)
	if err == nil && p.Hash() != w.inForce.Hash() {
		err = unwritable(w.path, working(w.h, w.servers)) // a link may lead elsewhere by now
	}
	if err != nil {
		report(w.s.Err, err)
		say(w.s, "%s was not taken over: the policy before it stays in force", w.path)
		return
	}
	if p.Hash() != w.inForce.Hash() {
		w.set(p)
		say(w.s, "%s was taken over", w.path)
	}
}

// set puts a policy in force, and returns what takes that back.
func (w *policyWatch) set(p *cel.Policy) (undo func()) {
	before := w.inForce
	w.h.SetPolicy(p)
	w.inForce = p
	return func() {
		w.h.SetPolicy(before)
		w.inForce = before
	}
}

// whileWatching does something while it watches a host's policy.
func whileWatching(ctx context.Context, s Streams, h *host.Host, path string, inForce *cel.Policy, servers []host.Server, do func() error) error {
	if path == "" {
		return do()
	}
	watchCtx, stop := context.WithCancel(ctx)
	w, err := watchPolicy(watchCtx, s, h, path, inForce, servers)
	if err != nil {
		stop()
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range w.changed {
			w.reload()
		}
	})
	err = do()
	stop()
	wg.Wait()
	return err
}

// unwritable makes sure that none of the servers may write to the file of a policy,
// or to a link that leads there.
func unwritable(path string, servers []host.Server) error {
	for _, server := range servers {
		for _, mount := range server.Grants.Mounts {
			if err := mounts.CheckOwn(mount, mounts.Own{Guarded: []string{path}}); err != nil {
				return &failure{ExitInput, fmt.Errorf("policy %s: server %s: %w", path, server.Name, err), "keep the policy where no server may write"}
			}
		}
	}
	return nil
}

// working are the servers that hold what they were granted.
func working(h *host.Host, servers []host.Server) []host.Server {
	broken := map[string]bool{}
	for _, st := range h.Status() {
		broken[st.Name] = len(grantProblems(st.Err)) > 0
	}
	return slices.DeleteFunc(slices.Clone(servers), func(s host.Server) bool { return broken[s.Name] })
}
