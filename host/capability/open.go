package capability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/host/capability/kv"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Config is what a server's capabilities are made of.
type Config struct {
	// Server is the server's name. Scope tells it from others that were called
	// the same at another time: where its module comes from.
	Server, Scope string
	Grants        plugins.Grants
	// Manifest is the package's, nil where the server has none: then what was
	// granted is what it holds.
	Manifest *plugins.Manifest
	// Env is the environment as it was configured, "KEY=value"; a value
	// "secret:NAME" is replaced by the handle of a granted secret.
	Env []string
	// HTTP bounds requests.
	HTTP egress.Limits
	// Store keeps key-value data; nil where there is none to be had.
	Store store.Store
	// Secrets are where values come from, by the provider's name in a grant.
	Secrets map[string]secrets.Provider
	// Labels are the operator's for the grants, for the policy. One of what was not
	// granted is an error.
	Labels effect.Labels
	// Own are the host's own paths, which are not mounted.
	Own files.Own
	// Log takes denials and failures. It must not be nil.
	Log *slog.Logger
}

// Set is what one server was granted. It is safe for concurrent use.
type Set struct {
	log      *slog.Logger
	held     plugins.Grants // what was granted and asked for
	labels   effect.Labels
	handlers map[string]effect.Handler
	secrets  *secrets.Set
	egress   *egress.Client
	folders  []*files.Folder
	mounts   []runtime.Mount
	env      []string
}

// Open checks what the grants refer to and opens it. All that is wrong is
// reported at once, as [plugins.GrantProblems].
func Open(ctx context.Context, c Config) (*Set, error) {
	if err := c.Grants.Validate(c.Env); err != nil {
		return nil, err
	}
	s := &Set{log: c.Log, held: c.Grants, labels: c.Labels, env: c.Env}
	asked := s.narrow(c)
	problems := append(s.openMounts(c.Grants.Mounts, c.Own), s.openSecrets(ctx, c)...)
	if err := s.checkStore(ctx, c.Store); err != nil {
		problems = append(problems, &plugins.GrantProblem{Path: "grants.kv", Err: err})
	}
	problems = append(problems, checkLabels(c.Labels, c.Grants)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems, s.Close())
	}
	s.openHandlers(c, asked)
	return s, nil
}

// narrow takes away what the package does not ask for, and returns what it asks
// for: nil without a manifest.
func (s *Set) narrow(c Config) *plugins.Requests {
	asked := asks(c.Manifest)
	if asked == nil {
		return nil
	}
	var withheld, names []string
	s.held, withheld = c.Grants.Narrow(asked)
	s.env, names = asked.NarrowEnv(c.Env)
	for _, name := range names {
		withheld = append(withheld, "env: the package does not ask for "+name)
	}
	for _, w := range withheld {
		s.log.Warn("granted in vain", "grant", w)
	}
	return asked
}

// asks is what a package asks for, nil where there is no manifest.
func asks(m *plugins.Manifest) *plugins.Requests {
	switch {
	case m == nil:
		return nil
	case m.Capabilities == nil:
		return &plugins.Requests{}
	}
	return m.Capabilities
}

// openMounts checks all folders that were granted, and opens those that are
// held.
func (s *Set) openMounts(granted []plugins.MountGrant, own files.Own) (problems plugins.GrantProblems) {
	for i, g := range granted {
		err := files.Check(g)
		if err == nil {
			err = files.CheckOwn(g, own)
		}
		if err != nil {
			problems = append(problems, &plugins.GrantProblem{Path: fmt.Sprintf("grants.mounts[%d]", i), Err: err})
		}
	}
	if len(problems) == 0 {
		problems = overlapping(granted)
	}
	for _, g := range s.held.Mounts {
		if len(problems) > 0 {
			break
		}
		f, err := files.Open(files.Config{Source: g.Source, Access: g.Access, QuotaBytes: g.QuotaBytes})
		if err != nil {
			return append(problems, &plugins.GrantProblem{Path: "grants.mounts", Err: err})
		}
		s.folders = append(s.folders, f)
		s.mounts = append(s.mounts, runtime.Mount{Path: g.Path, FS: f})
	}
	if len(s.mounts) > 0 {
		s.mounts = append(s.mounts, runtime.Mount{Path: plugins.ScratchPath, New: newScratch})
	}
	return problems
}

// checkStore finds out at the start whether data can be kept.
func (s *Set) checkStore(ctx context.Context, data store.Store) error {
	switch {
	case s.held.KV == nil:
		return nil
	case data == nil:
		return errors.New("this host keeps no state: give it a store")
	}
	_, err := data.Get(ctx, "kv")
	return err
}

// overlapping finds folders that are one under two names, or one within the other,
// as [plugins.Grants.Validate] finds those that are so by their names.
func overlapping(granted []plugins.MountGrant) plugins.GrantProblems {
	real := slices.Clone(granted)
	for i, g := range real {
		// What cannot be resolved was refused before.
		if path, err := filepath.EvalSymlinks(g.Source); err == nil {
			real[i].Source, _ = filepath.Abs(path)
		}
	}
	problems, _ := errors.AsType[plugins.GrantProblems](plugins.Grants{Mounts: real}.Validate(nil))
	return problems
}

func newScratch() (runtime.FS, func() error) {
	s := files.NewScratch()
	return s, s.Close
}

// openSecrets checks the secrets, and puts handles into the environment.
func (s *Set) openSecrets(ctx context.Context, c Config) (problems plugins.GrantProblems) {
	var err error
	s.secrets, err = secrets.Open(ctx, secrets.Config{
		Server: c.Server, Granted: s.held.Secrets, Providers: c.Secrets, Labels: c.Labels.Secrets, Log: s.log,
	})
	if all, ok := errors.AsType[plugins.GrantProblems](err); ok {
		return all
	} else if err != nil {
		return plugins.GrantProblems{{Path: "grants.secrets", Err: err}}
	}
	for i, kv := range s.env {
		key, value, _ := strings.Cut(kv, "=")
		name, ok := plugins.EnvSecret(value)
		if !ok {
			continue
		}
		handle, err := s.secrets.Handle(name)
		if err != nil {
			// Validate has found a grant of that name: it was withheld.
			err = fmt.Errorf("stands for the secret %q, which the package does not ask for", name)
			problems = append(problems, &plugins.GrantProblem{Path: "env." + key, Err: err})
			continue
		}
		s.env = slices.Clone(s.env)
		s.env[i] = key + "=" + handle
	}
	return problems
}

func (s *Set) openHandlers(c Config, asked *plugins.Requests) {
	out := egress.Config{Server: c.Server, Granted: s.held.HTTP, Labels: c.Labels.HTTP, Limits: c.HTTP}
	if len(s.held.Secrets) > 0 {
		out.Secrets = s.secrets
	}
	keep := kv.Config{
		Server: c.Server, Scope: c.Scope, Granted: c.Grants.KV, HasManifest: asked != nil, Labels: c.Labels.KV, Store: c.Store,
	}
	if asked != nil {
		out.Asked, keep.Asked = append([]plugins.HTTPRequest{}, asked.HTTP...), asked.KV
	}
	s.egress = egress.New(out)
	data := kv.New(keep)
	s.handlers = map[string]effect.Handler{
		plugins.EffectHTTP:         s.egress,
		plugins.EffectSecretHandle: s.secrets,
		plugins.EffectKVGet:        data,
		plugins.EffectKVSet:        data,
		plugins.EffectKVDelete:     data,
		plugins.EffectKVList:       data,
	}
}

// Mounts are the folders that the guest sees.
func (s *Set) Mounts() []runtime.Mount { return s.mounts }

// Env is the guest's environment, with handles where secrets were named.
func (s *Set) Env() []string { return s.env }

// Holds reports whether anything was granted at all.
func (s *Set) Holds() bool {
	return len(s.held.HTTP) > 0 || len(s.held.Mounts) > 0 || len(s.held.Secrets) > 0 || s.held.KV != nil
}

// Authority is what the guest holds for a call, or while it starts as a stdio
// guest: of that, c.Decide allows each effect. Who asks for lists and definitions
// asks with none.
func (s *Set) Authority(c effect.Call) *runtime.Authority {
	if access, ok := s.held.Tools[c.Tool]; ok && c.Tool != "" {
		c.ReadOnly = access == plugins.ReadOnly
	}
	p := performer{set: s, call: c.Begin(), denials: new(atomic.Int32)}
	g := &gate{performer: p, uses: map[use]*effect.Permission{}}
	return &runtime.Authority{Effects: p, Files: g.may}
}

// Check refuses grants for tools that the server does not have.
func (s *Set) Check(d *plugins.Definitions) error {
	if problems := CheckTools(s.held, d); len(problems) > 0 {
		return problems
	}
	return nil
}

// CheckTools finds grants for tools that a server does not have.
func CheckTools(g plugins.Grants, d *plugins.Definitions) (problems plugins.GrantProblems) {
	var known []string
	for _, t := range d.Tools.Items {
		known = append(known, t.Key)
	}
	for _, name := range slices.Sorted(maps.Keys(g.Tools)) {
		if _, ok := d.Tools.Find(name); !ok {
			problems = append(problems, &plugins.GrantProblem{Path: "grants.tools." + name,
				Err: fmt.Errorf("the server has no tool %q%s", name, nearest.Hint(name, known))})
		}
	}
	return problems
}

// Scrub replaces secrets by their names in JSON, which stays JSON.
func (s *Set) Scrub(v json.RawMessage) json.RawMessage {
	if len(v) == 0 {
		return v
	}
	return json.RawMessage(s.secrets.Scrub(string(v)))
}

// ScrubText is Scrub for text.
func (s *Set) ScrubText(text string) string { return s.secrets.Scrub(text) }

// Close closes connections and folders. Guests that use them have ended.
func (s *Set) Close() error {
	var problems []error
	if s.egress != nil {
		s.egress.Close()
	}
	for _, f := range s.folders {
		problems = append(problems, f.Close())
	}
	return errors.Join(problems...)
}

// meant suggests the method of a request that there is.
func (s *Set) meant(method string) string {
	return nearest.Hint(method, slices.Collect(maps.Keys(s.handlers)))
}

// clip makes a guest's text fit for a message.
func clip(s string) string {
	const most = 80
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
