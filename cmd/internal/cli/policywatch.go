package cli

import (
	"context"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/host"
)

// policyWatch gives a host the policy of a file, again whenever that changes. It is
// used by one goroutine.
type policyWatch struct {
	s       Streams
	h       *host.Host
	path    string // "" for the shipped policy, which never changes
	inForce *cel.Policy
	changed <-chan struct{} // nil where there is nothing to watch
	stop    context.CancelFunc
}

// watchPolicy watches the file of the policy that a host has.
func watchPolicy(ctx context.Context, s Streams, h *host.Host, path string, inForce *cel.Policy) (*policyWatch, error) {
	w := &policyWatch{s: s, h: h, inForce: inForce, stop: func() {}}
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
func whileWatching(ctx context.Context, s Streams, h *host.Host, path string, inForce *cel.Policy, do func() error) error {
	if path == "" {
		return do()
	}
	watchCtx, stop := context.WithCancel(ctx)
	w, err := watchPolicy(watchCtx, s, h, path, inForce)
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
