package capability

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// maxFileUses is how many uses of files a gate remembers. One that it has forgotten is
// asked about again.
const maxFileUses = 1024

// gate is the [runtime.FileGate] of one call. It is asked whenever a guest touches a
// file, so it remembers what the policy has allowed for as long as that holds.
type gate struct {
	performer
	mu   sync.Mutex
	uses map[use]*effect.Permission
}

type use struct {
	path  string
	write bool
}

// may decides on a use of a mount: first what was granted, then the policy. Scratch
// space is the guest's own, and goes with it.
func (g *gate) may(ctx context.Context, path string, write bool) error {
	if below(path, plugins.ScratchPath) {
		return nil
	}
	m := mountOf(g.set.held.Mounts, path)
	if write {
		if err := g.mayWrite(path, m); err != nil {
			return err
		}
	}
	err := g.permission(path, write, m).Check(ctx)
	if err == nil {
		return nil
	}
	if told, ok := errors.AsType[*plugins.EffectError](err); ok && g.call.Decide == nil {
		g.denied("file", told)
	}
	return fmt.Errorf("%w: %w", fs.ErrPermission, err)
}

// mayWrite says what the grants say of writing.
func (g *gate) mayWrite(path string, m *plugins.MountGrant) error {
	switch {
	case m != nil && m.Access != plugins.ReadWrite:
		wanted := plugins.MountGrant{Source: m.Source, Path: m.Path, Access: plugins.ReadWrite}
		g.denied("file", effect.Denied("--mount "+wanted.String(), "%s: it is mounted for reading only", path))
		return runtime.ErrReadOnly
	case !g.call.ReadOnly:
		return nil
	}
	g.denied("file", effect.Denied("--tool-access "+g.call.Tool+"=rw",
		"%s: the tool %q only reads, as it says (readOnlyHint) or the grants do", path, g.call.Tool))
	return runtime.ErrReadOnly
}

// permission returns the policy's for a use of a path.
func (g *gate) permission(path string, write bool, m *plugins.MountGrant) *effect.Permission {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p, ok := g.uses[use{path, write}]; ok {
		return p
	}
	f := &cel.File{Path: path, Access: cel.AccessRead}
	if write {
		f.Access = cel.AccessWrite
	}
	var labels []string
	if m != nil {
		labels = g.set.labels.Mounts[m.Path]
	}
	p := g.call.Permission(effect.Intent{Effect: &cel.Effect{Kind: cel.EffectFile, File: f}, Labels: labels})
	if len(g.uses) >= maxFileUses {
		clear(g.uses)
	}
	g.uses[use{path, write}] = p
	return p
}

// mountOf returns the grant that a guest's path is under, or nil.
func mountOf(held []plugins.MountGrant, path string) *plugins.MountGrant {
	var found *plugins.MountGrant
	for i, m := range held {
		if below(path, m.Path) && (found == nil || len(m.Path) > len(found.Path)) {
			found = &held[i]
		}
	}
	return found
}

// below reports whether a clean path is a folder's or of something in it.
func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
