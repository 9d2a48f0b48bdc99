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
	file    *config.File // the configuration that is in force
	path    string       // "" for the shipped policy, which never changes
	inForce *cel.Policy
	servers []host.Server   // that the host has
	changed <-chan struct{} // nil where there is nothing to watch
	stop    context.CancelFunc
}

// watchPolicy watches the file of the policy that a host has.
func watchPolicy(ctx context.Context, s Streams, h *host.Host, file *config.File, path string, inForce *cel.Policy, servers []host.Server) (*policyWatch, error) {
	w := &policyWatch{s: s, h: h, file: file, inForce: inForce, servers: servers, stop: func() {}}
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
		if changed, err = config.WatchFile(ctx, path); err != nil {
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
	if err == nil && p.Hash() == w.inForce.Hash() {
		return
	}
	if err == nil {
		err = unwritable(w.path, working(w.h, w.servers)) // a link may lead elsewhere by now
	}
	if err == nil {
		err = atLabels(w.file, w.h.SetPolicy(p))
	}
	if err != nil {
		report(w.s.Err, err)
		say(w.s, "%s was not taken over: the policy before it stays in force", w.path)
		return
	}
	w.inForce = p
	say(w.s, "%s was taken over", w.path)
}

// whileWatching does something while it watches the policy of a host.
func whileWatching(ctx context.Context, s Streams, o *opened, do func() error) error {
	if o.policyFile == "" {
		return do()
	}
	watchCtx, stop := context.WithCancel(ctx)
	w, err := watchPolicy(watchCtx, s, o.Host, o.file, o.policyFile, o.policy, []host.Server{o.server})
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
