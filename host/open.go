package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/host/capability"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/privdir"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// open makes an entry of every server; one that is as it was keeps its guest.
func (h *Host) open(ctx context.Context, list []Server) []entry {
	entries := make([]entry, len(list))
	for i, s := range list {
		entries[i] = h.openOne(ctx, s)
		if err := entries[i].status.Err; err != nil {
			// Whoever opened the host reads its Status, and reports this once.
			h.log.Debug("a server cannot be used", "server", s.Name, "error", err)
		}
	}
	return entries
}

func (h *Host) openOne(ctx context.Context, s Server) entry {
	artifact, err := openArtifact(ctx, s)
	if s.Manifest == nil && artifact.Manifest != nil {
		s.Manifest, s.Definitions = artifact.Manifest, &artifact.Manifest.Definitions
	}
	e := entry{config: s, status: Status{Name: s.Name, Source: s.Source}}
	if err == nil {
		e.status.Digest, e.status.Shape = artifact.Digest, artifact.Module.Shape
		if old, ok := h.unchanged(e); ok {
			return old
		}
	}
	e.server = gateway.NewServer(s.Name, h.log, h.cache)
	if err == nil {
		err = h.start(ctx, e, artifact)
	}
	if err != nil {
		e.status.Err = named(s.Name, err)
		e.server.Fail(e.status.Err)
	}
	return e
}

// named names the server in an error, which the runtime's own do already.
func named(server string, err error) error {
	prefix := fmt.Sprintf("server %q", server)
	if strings.HasPrefix(err.Error(), prefix) {
		return err
	}
	return fmt.Errorf("%s: %w", prefix, err)
}

func openArtifact(ctx context.Context, s Server) (registry.Artifact, error) {
	if s.Err != nil {
		return registry.Artifact{}, s.Err
	}
	if s.Wasm != nil {
		return registry.Parse(s.Name, s.Wasm)
	}
	return registry.Open(ctx, s.Source, registry.Options{})
}

// unchanged finds the entry of a server whose settings and module are the same.
func (h *Host) unchanged(e entry) (entry, bool) {
	for _, old := range h.entries {
		if old.status.Err == nil && old.status.Digest == e.status.Digest && sameSettings(old.config, e.config) {
			return old, true
		}
	}
	return entry{}, false
}

// sameSettings compares all but the binary, which its digest stands for.
func sameSettings(a, b Server) bool {
	a.Wasm, b.Wasm = nil, nil
	return reflect.DeepEqual(a, b)
}

// start loads an artifact and gives it to the entry's server.
func (h *Host) start(ctx context.Context, e entry, a registry.Artifact) error {
	log := h.log.With("server", e.config.Name)
	set, err := openCapabilities(ctx, h.cfg, e.config, log)
	if err != nil {
		return err
	}
	seen := gate.NewServer(about(e.config, a.Digest, e.config.Grants))
	e.server.Describe(seen)
	guest, err := runtime.Open(ctx, h.backend,
		runtime.Artifact{Name: e.config.Name, Digest: a.Digest, Wasm: a.Wasm},
		runtime.Options{
			Args: e.config.Args, Env: set.Env(), Mounts: set.Mounts(),
			Start: *set.Authority(effect.Call{Server: e.config.Name, Decide: h.gate.Start(seen)}), Exclusive: set.Holds(),
			Lifetime: e.config.Lifetime, Limits: e.config.Limits, ClockPrecision: e.config.Clock,
			Signal: e.server.Signal,
			Stderr: func(line string) { log.Info(LogStderr, "line", set.ScrubText(line)) },
		})
	if err != nil {
		return errors.Join(err, set.Close())
	}
	held := holder{guest, set}
	if e.config.Definitions != nil {
		if err := e.server.Pin(e.config.Definitions, set); err != nil {
			return errors.Join(err, held.Close(ctx))
		}
	}
	e.server.Attach(held, identity(e.config, a.Digest), set)
	return nil
}

// CheckGrants finds out, without running anything, whether what a server is
// granted can be given to it: folders, secrets and the store are there, and no
// mount shows what is the host's own. What is granted in vain is logged. The error is a [plugins.GrantProblems].
func CheckGrants(ctx context.Context, c Config, s Server) error {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	set, err := openCapabilities(ctx, c, s, log.With("server", s.Name))
	if err != nil {
		return err
	}
	return set.Close()
}

// openCapabilities opens what a server was granted.
func openCapabilities(ctx context.Context, c Config, s Server, log *slog.Logger) (*capability.Set, error) {
	scope, err := scopeOf(s)
	if err != nil {
		return nil, err
	}
	return capability.Open(ctx, capability.Config{
		Server: s.Name, Scope: scope, Grants: s.Grants, Manifest: s.Manifest, Env: s.Env, HTTP: s.HTTP,
		Store: c.Store, Secrets: c.Secrets, Labels: s.Labels.Grants, Own: own(c, s), Log: log,
	})
}

// scopeOf says what a server's data is kept under. A source that is only a name
// counts as it is written.
func scopeOf(s Server) (string, error) {
	switch {
	case s.Scope != "":
		return s.Scope, nil
	case s.Source == "":
		return s.Name, nil
	case s.Wasm != nil:
		return s.Name + " " + s.Source, nil
	}
	path, err := filepath.Abs(s.Source)
	if err != nil {
		return "", fmt.Errorf("source: %w", err)
	}
	return s.Name + " " + path, nil
}

// own are the paths that are the host's own.
func own(c Config, s Server) files.Own {
	o := files.Own{Private: c.Private, Guarded: c.Guarded}
	if c.CacheDir != "" {
		o.Private = append(slices.Clone(o.Private), c.CacheDir)
	}
	o.Guarded = slices.Clone(o.Guarded)
	for _, server := range append(slices.Clone(c.Servers), s) {
		if server.Source != "" && server.Wasm == nil {
			o.Guarded = append(o.Guarded, server.Source)
		}
	}
	return o
}

// holder is a guest with what it holds, which ends after it.
type holder struct {
	*runtime.Server
	set *capability.Set
}

func (g holder) Close(ctx context.Context) error {
	return errors.Join(g.Server.Close(ctx), g.set.Close())
}

// identity is the key under which a server's definitions are kept: it changes
// with whatever they may depend on. Nothing of it can be read back.
func identity(s Server, digest string) string {
	key, err := json.Marshal([]any{"definitions", plugins.ContractVersion, digest, s.Args, s.Env, s.Grants})
	if err != nil {
		panic(err) // strings always encode
	}
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}

func servers(entries []entry) []*gateway.Server {
	out := make([]*gateway.Server, len(entries))
	for i, e := range entries {
		out[i] = e.server
	}
	return out
}

// newServers are those of entries that are not among old.
func newServers(entries, old []entry) []*gateway.Server {
	before := servers(old)
	return slices.DeleteFunc(servers(entries), func(s *gateway.Server) bool { return slices.Contains(before, s) })
}

// fileCache keeps definitions in files, for as long as their servers are the
// same.
type fileCache struct {
	root *os.Root
}

// openCache returns the cache in a directory, or nil for "".
func openCache(dir string) (gateway.Cache, error) {
	if dir == "" {
		return nil, nil
	}
	dir = subdir(dir, "definitions")
	if err := privdir.Make(dir); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return fileCache{root}, nil
}

func subdir(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// Get implements gateway.Cache. What cannot be read is not there.
func (c fileCache) Get(key string) ([]byte, bool) {
	data, err := c.root.ReadFile(key + ".json")
	return data, err == nil
}

// Put implements gateway.Cache. A file appears complete or not at all; one that
// cannot be written is read from the server again the next time.
func (c fileCache) Put(key string, data []byte) {
	tmp := fmt.Sprintf("%s.%d.tmp", key, os.Getpid())
	if err := c.root.WriteFile(tmp, data, 0o600); err == nil {
		err = c.root.Rename(tmp, key+".json")
		if err == nil {
			return
		}
	}
	_ = c.root.Remove(tmp) // nothing depends on it
}
