// Package secrets lets a server use secrets that it never sees.
//
// A guest asks for a handle (secret/handle in docs/guest-contract.md), a text that
// is worth nothing outside of this process. It puts the handle where the secret
// belongs, and the host puts the value in its place once it knows where the
// request goes: [Set.Expand] does so for the hosts and places that were granted,
// over https or to this machine, and denies the rest. [Set.Scrub] replaces the
// values in what comes back.
//
// Values come from a [Provider]: [Env], [File], [Command], or the encrypted store
// of package vault. They are read when one is sent, or all at once by [Set.Learn],
// which comes before anything that may have one in it. They are kept for
// [KeepValue], and stay known to the scrubber afterwards.
//
// # What scrubbing sees, and what not
//
// A value is recognised as it is, reversed, in base64 (both alphabets, wherever it
// stands in a longer text) and in hexadecimal, each of them also with any of its
// characters escaped as in URLs, JSON or HTML, up to twice over. What the host itself
// makes of a value for JSON or a form is recognised like a value. It is not
// recognised in anything else: encrypted, hashed, compressed, in other encodings
// (base32, UTF-16), in pieces with other text between them or in several responses,
// or in part. A server to which a secret is sent can give it to the guest if it
// means to; grant a secret only for hosts that may know it. Scrubbing is for those
// that echo it. A value that was replaced by another before this process started is
// known to nobody here.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets/internal/scrub"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Config says which secrets a server has.
type Config struct {
	// Server is the server's name. Handles of different servers differ.
	Server string
	// Granted is what the operator gives. Grants of one name add hosts and
	// places to each other, but must agree on where the value comes from.
	Granted []plugins.SecretGrant
	// Asked is what the manifest asks for, if HasManifest; a secret is then
	// sent only where it is both granted and asked for. Without a manifest the
	// grants count alone.
	Asked       []plugins.SecretRequest
	HasManifest bool
	// Providers are where values come from, by the name that a grant has for
	// them: "env", "file", "command", "store". A grant that names another one
	// is refused.
	Providers map[string]Provider
	// Labels are the operator's, by the secret's name, for the policy.
	Labels map[string][]string
	// Log is told about what the operator should know, never a value; default
	// nobody. It names the server already.
	Log *slog.Logger
}

// Set is the secrets of one server. It is safe for concurrent use, and needs no
// closing. It is an [effect.Handler] for secret/handle.
type Set struct {
	server   string
	byName   map[string]*secret
	byHandle map[string]*secret
	labels   map[string][]string
	log      *slog.Logger

	mu      sync.Mutex // held while matcher is replaced
	known   []scrub.Value
	matcher atomic.Pointer[scrub.Matcher]
}

var _ effect.Handler = (*Set)(nil)

// secret is one that was granted.
type secret struct {
	name, source, ref string
	provider          Provider
	handle            string
	granted           []rule
	asked             []rule
	hasAsked          bool // asked counts

	turn  chan struct{} // has an element while somebody looks at current
	value current
}

var formName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Open checks the grants, and that what they refer to exists. It reads no value of
// a file, a command or the store. The error is a [plugins.GrantProblems] with all that cannot be used.
func Open(ctx context.Context, c Config) (*Set, error) {
	s := &Set{server: c.Server, byName: map[string]*secret{}, byHandle: map[string]*secret{}, labels: c.Labels, log: c.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var problems plugins.GrantProblems
	for _, g := range c.Granted {
		if err := s.add(ctx, c, g); err != nil {
			problems = append(problems, &plugins.GrantProblem{Path: "grants.secrets." + g.Name, Err: err})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if c.HasManifest {
		if err := s.narrow(c.Asked); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds a grant.
func (s *Set) add(ctx context.Context, c Config, g plugins.SecretGrant) error {
	if !formName.MatchString(g.Name) {
		return errors.New(`want a name of at most 64 letters, digits, "_" and "-"`)
	}
	r, err := newRule(g.Hosts, g.In)
	if err != nil {
		return err
	}
	if old := s.byName[g.Name]; old != nil {
		if old.source != g.Provider || old.ref != g.Ref {
			return errors.New("granted twice, with values from different places: give one of them another name")
		}
		old.granted = append(old.granted, r)
		return nil
	}
	p := c.Providers[g.Provider]
	if p == nil {
		names := []string{}
		for n := range c.Providers {
			names = append(names, n)
		}
		return fmt.Errorf("there is no provider %q here%s", g.Provider, nearest.Hint(g.Provider, names))
	}
	if err := p.Check(ctx, g.Ref); err != nil {
		return fmt.Errorf("%s: %w", g.Provider, err)
	}
	added := &secret{
		name: g.Name, source: g.Provider, ref: g.Ref, provider: p,
		handle: newHandle(s.server, g.Name), granted: []rule{r}, turn: make(chan struct{}, 1),
	}
	s.byName[g.Name], s.byHandle[added.handle] = added, added
	return nil
}

// narrow bounds the grants by what a manifest asks for.
func (s *Set) narrow(asked []plugins.SecretRequest) error {
	for _, sec := range s.byName {
		sec.hasAsked = true
	}
	for _, a := range asked {
		in := a.In
		if len(in) == 0 {
			in = []string{PlaceHeader}
		}
		r, err := newRule(a.Hosts, in)
		if err != nil {
			return fmt.Errorf("secret %q: the manifest: %w", a.Name, err)
		}
		if sec := s.byName[a.Name]; sec != nil {
			sec.asked = append(sec.asked, r)
		}
	}
	for name, sec := range s.byName {
		if len(sec.asked) == 0 {
			s.log.Warn("a secret is granted that the package does not ask for, and stays unused", "secret", name)
		}
	}
	return nil
}

// Handle returns the text that stands for a secret: letters, digits and "_", the
// same for as long as this process runs. The error is a *plugins.EffectError: a
// denial, if the secret was not granted or not asked for.
func (s *Set) Handle(name string) (string, error) {
	if !formName.MatchString(name) {
		return "", effect.Errorf(plugins.EffectInvalid, `name: want at most 64 letters, digits, "_" and "-"`)
	}
	sec := s.byName[name]
	if sec == nil {
		return "", effect.Denied("--secret "+name+"=…@HOST", "the secret %q is not granted", name)
	}
	if sec.hasAsked && len(sec.asked) == 0 {
		return "", effect.Errorf(plugins.EffectDenied, "the package does not ask for the secret %q", name)
	}
	return sec.handle, nil
}

// Perform implements [effect.Handler]. The policy decides on handing out a handle as
// on the use of a secret, without a request.
func (s *Set) Perform(ctx context.Context, c effect.Call, r effect.Request, reply *effect.Reply) error {
	if r.Method != plugins.EffectSecretHandle {
		return effect.Errorf(plugins.EffectInvalid, "there is no method %q", r.Method)
	}
	if r.HasBody {
		return effect.Errorf(plugins.EffectInvalid, "%s takes no body", r.Method)
	}
	var params struct {
		Name string `json:"name"`
	}
	if err := effect.Decode(r.Params, &params); err != nil {
		return err
	}
	handle, err := s.Handle(params.Name)
	if err != nil {
		return err
	}
	e := &cel.Effect{Kind: cel.EffectSecret, Secret: &cel.Secret{Name: params.Name}}
	if err := c.Permit(ctx, e, s.labels[params.Name]); err != nil {
		return err
	}
	return reply.Head(struct {
		Handle string `json:"handle"`
	}{handle})
}

// Scrub returns text with the values that were ever read by this set replaced by
// "[secret:NAME]", in every form that the package's comment lists.
func (s *Set) Scrub(text string) string { return s.matcher.Load().Text(text) }

// Shows reports whether text has a value that [Set.Scrub] would replace if the case
// of its ASCII letters were another one. It is for names that were brought into
// lower or canonical case, where there is nothing to put a mark in place of.
func (s *Set) Shows(text string) bool { return s.matcher.Load().Shows(text) }

// ScrubReader is [Set.Scrub] for a stream. Text is held back only for as long as
// it may be the beginning of a value. A value that is read while the stream runs
// is replaced in the rest of it.
func (s *Set) ScrubReader(r io.Reader) io.Reader { return scrub.NewReader(r, s.matcher.Load) }

// keepOld is how many texts of a secret the scrubber knows: values, and what
// escaping makes of them. A secret whose value is another one whenever it is read
// would fill the memory otherwise.
const keepOld = 32

// learn makes the scrubber know a value, or an escaped one.
func (s *Set) learn(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := scrub.Value{Text: value, Mark: "[secret:" + name + "]"}
	if i := slices.Index(s.known, v); i >= 0 {
		s.known = append(slices.Delete(s.known, i, i+1), v) // the newest of its name
		return
	}
	s.known = append(s.known, v)
	same := func(k scrub.Value) bool { return k.Mark == v.Mark }
	n := 0
	for _, k := range s.known {
		if same(k) {
			n++
		}
	}
	if n > keepOld {
		i := slices.IndexFunc(s.known, same)
		s.known = slices.Delete(s.known, i, i+1)
	}
	s.matcher.Store(scrub.New(s.known))
}
