// Package host is the trusted side of mcpwasm: what an embedder imports to run
// MCP servers that somebody else wrote, in sandboxes, behind one endpoint.
//
//	h, err := host.New(ctx, host.Config{
//		Servers: []host.Server{{Name: "hello", Source: "hello.wasm"}},
//	})
//	…
//	mux.Handle("/mcp", h.Handler())
//
// A [Host] opens its servers, reads what they say about themselves, and answers
// clients of every protocol revision over stdio ([Host.ServeStdio]) and
// Streamable HTTP ([Host.Handler]); [Host.CallTool] calls a tool from Go. A
// guest gets what its [Server] entry gives it and nothing else: no environment,
// no files, no network.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
	"github.com/mcpwasm/mcpwasm/host/capability/files"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/host/internal/front"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/host/internal/seal"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/store"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

// Config is what a host is made of. Only Servers is needed.
type Config struct {
	// Servers stand behind the host's endpoint.
	Servers []Server
	// Prefix makes clients see tools, prompts and resources as "server__name"
	// and "server+uri". Without it there must be exactly one server, and its
	// names are seen as they are.
	Prefix bool
	// CacheDir keeps compiled code and definitions between processes. It is
	// made with mode 0700; whoever can write to it decides what runs. "" keeps
	// both in memory only.
	CacheDir string
	// Compile compiles modules in a process that can be stopped; see
	// [wasm.Config]. Nil compiles in this one, where a hostile module may take
	// minutes and gigabytes.
	Compile func(ctx context.Context, dir string, module []byte) error
	// Logger takes what an operator should know, and as [LogStderr] what the
	// servers write. Nil drops it.
	Logger *slog.Logger
	// Version is what the host calls its own version towards clients when it
	// stands for several servers. Default "0".
	Version string
	// PageSize is the number of definitions on a page of a list. Default 500.
	PageSize int
	// StateKey seals the state of multi-round requests; hosts that share it
	// can continue each other's. 32 bytes. Default: random, for this host.
	StateKey []byte
	// HTTP is about [Host.Handler].
	HTTP HTTPOptions
	// MaxMessageBytes bounds a message from a client. Default 4 MiB.
	MaxMessageBytes int
	// Store keeps what must outlive the process, such as key-value data. Without
	// one a server that is granted any is an error. store.Open returns one.
	Store store.Store
	// Private are files and folders that no server gets to see by a mount, such
	// as the store's; CacheDir is one of them in any case. Guarded are files that
	// none gets to write, such as a configuration; the servers' own sources are
	// among them.
	Private, Guarded []string
	// Secrets are where values of secrets come from, by the provider's name in
	// a grant. A grant that names another one is an error.
	Secrets map[string]secrets.Provider
	// Policy decides every list, call, effect and result. Nil is [cel.Default]. See
	// [Host.SetPolicy].
	Policy *cel.Policy
}

// DeniedEffect returns what a record of [Config.Logger] says that the policy has denied,
// where that is an effect of a guest: everything that the policy was told, not to be
// changed. In the log itself it stands in words.
func DeniedEffect(r slog.Record) (*cel.Input, bool) { return gate.DeniedEffect(r) }

// LogStderr is the message of records that hold a line of a server's standard
// error, in the attribute "line" at level Info.
const LogStderr = "stderr"

// LogAsks is an attribute of records about what the policy denied since nobody could be
// asked; its value is true.
const LogAsks = gate.LogAsks

// HTTPOptions are the settings of [Host.Handler]. The zero value is safe.
type HTTPOptions struct {
	// AllowedOrigins may be sent by browsers beside the endpoint's own origin,
	// each "scheme://host" or "scheme://host:port".
	AllowedOrigins []string
	// AllowedHosts may be sent as Host, beside loopback names, on connections
	// to a loopback address.
	AllowedHosts []string
	// MaxSessions bounds the sessions of revisions before 2026-07-28.
	// Default 1000.
	MaxSessions int
	// SessionIdle ends such a session after this time without a request.
	// Default 30 minutes.
	SessionIdle time.Duration
	// Principal authenticates a request and returns who sent it; sessions and
	// the state of multi-round requests are bound to its subject. An error is
	// answered with status 401. Nil lets everybody in as nobody.
	Principal func(*http.Request) (Principal, error)
}

// Principal is who sent a request, as far as it was authenticated.
type Principal struct {
	// Subject identifies the caller.
	Subject string
	// Claims are what else is known, for policies; values as of JSON.
	Claims map[string]any
}

// Server is one server of a host.
type Server struct {
	// Name identifies it: a lower-case letter, then up to 31 lower-case
	// letters, digits and hyphens.
	Name string
	// Source is the path of a .wasm file. Where Wasm is not nil it is the module,
	// and Source only what the server is known by, such as a reference.
	Source string
	Wasm   []byte
	// Args are the guest's arguments after its program name, Env its
	// environment, "KEY=value" each.
	Args, Env []string
	// Lifetime of its instances; default: a call for reactors, a session for
	// stdio guests.
	Lifetime runtime.Lifetime
	// Limits bound what it may use.
	Limits runtime.Limits
	// Grants are what it may do beyond computing. A value of Env that is
	// "secret:NAME" stands for a secret among them ([plugins.EnvSecret]).
	Grants plugins.Grants
	// Manifest is what its package asks for; what was granted counts only as
	// far as it was asked for. Nil: that of the layout folder at Source; where it
	// has none, the grants decide.
	Manifest *plugins.Manifest
	// Definitions are what it is known to offer; lists are answered from them
	// without running it, and what it says about itself changes nothing. Where they
	// have no capabilities, those are the lists that have something in them. Nil: it
	// is asked.
	Definitions *plugins.Definitions
	// Scope is what its key-value data is kept under, so that a package keeps
	// its data when it is updated: servers of the same scope share it. Default: its
	// name and Source, which is made absolute where it is a path.
	Scope string
	// Signers are who vouched for its package, Registry and Repository where that
	// came from: what policies see of it.
	Signers              []string
	Registry, Repository string
	// Labels and Tags are what the operator says of it to policies.
	Labels Labels
	Tags   map[string][]string // by the tool's name
	// Err is why it cannot be used, where that is known before it is opened: what it
	// stands for was refused. Clients are told so, and the other servers serve.
	Err error
	// HTTP bounds its requests.
	HTTP egress.Limits
	// Clock is the precision of its clocks: they show multiples of it. Default: a
	// millisecond.
	Clock time.Duration
}

// Labels say how data flows through a server, "key:value" each, such as
// "reads:private", "source:untrusted" and "sink:external" (docs/policy.md).
type Labels struct {
	// Tools and Prompts are by name, Resources by URI, in which "*" stands for any
	// text without "/" and "**" for any text; all in the server's own names.
	Tools, Prompts, Resources map[string][]string
	// Grants are those of effects.
	Grants effect.Labels
}

// Status is how a server of a host is doing.
type Status struct {
	Name   string
	Source string
	Digest string        // "sha256:" and hexadecimal digits, "" if it was not opened
	Shape  plugins.Shape // "" if it was not opened
	Err    error         // why it cannot be used, beginning with its name, or nil
}

// Host runs servers. It is safe for concurrent use.
type Host struct {
	cfg     Config
	log     *slog.Logger
	gate    *gate.Gate
	gateway *gateway.Gateway
	front   *front.Front
	backend *wasm.Backend
	cache   gateway.Cache

	mu      sync.Mutex // held while the set of servers changes, or the policy
	entries []entry
	policy  *cel.Policy // in force
	closed  bool
	retired sync.WaitGroup
}

// entry is a server as it was configured, and what came of it.
type entry struct {
	config Server
	status Status
	server *gateway.Server
}

// New opens a host's servers. The error is about the configuration or the cache
// directory, a [LabelProblems] where servers have labels that the policy does not
// know; a server that cannot be opened is reported by [Host.Status] and does not keep
// the others from serving. The caller must Close the host.
func New(ctx context.Context, c Config) (*Host, error) {
	if err := checkServers(c.Servers, c.Prefix); err != nil {
		return nil, err
	}
	c.Policy = orDefault(c.Policy)
	if err := CheckLabels(c.Policy, c.Servers); err != nil {
		return nil, err
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sealer, err := seal.New(c.StateKey)
	if err != nil {
		return nil, err
	}
	cache, err := openCache(c.CacheDir)
	if err != nil {
		return nil, err
	}
	if err := files.SweepScratch(); err != nil {
		log.Warn("scratch folders that a host left behind cannot be removed", "error", err)
	}
	if c.PageSize <= 0 {
		c.PageSize = 500
	}
	if c.Version == "" {
		c.Version = "0"
	}
	h := &Host{cfg: c, log: log, backend: wasm.New(wasm.Config{CacheDir: subdir(c.CacheDir, "code"), Compile: c.Compile}), cache: cache, policy: c.Policy}
	h.gate = gate.New(gate.Config{Policy: c.Policy, Sealer: sealer, Store: c.Store, Shared: c.StateKey != nil, Log: log})
	h.gateway = gateway.New(gateway.Config{Prefix: c.Prefix, Versions: front.Versions(), PageSize: c.PageSize, Gate: h.gate, Log: log,
		Info: wire.Object{}.SetString("name", "mcpwasm").SetString("version", c.Version).JSON()})
	h.front = front.New(front.Config{Gateway: h.gateway, Log: log, MaxMessageBytes: c.MaxMessageBytes,
		MaxSessions: c.HTTP.MaxSessions, SessionIdle: c.HTTP.SessionIdle, AllowedOrigins: c.HTTP.AllowedOrigins,
		AllowedHosts: c.HTTP.AllowedHosts, Principal: principals(c.HTTP.Principal)})
	h.entries = h.open(ctx, c.Servers)
	h.gateway.Replace(servers(h.entries))
	return h, nil
}

// checkServers checks what can be without opening anything.
func checkServers(list []Server, prefix bool) error {
	if !prefix && len(list) != 1 {
		return fmt.Errorf("%d servers: without Prefix there must be exactly one", len(list))
	}
	seen := map[string]bool{}
	for _, s := range list {
		if err := gateway.CheckName(s.Name); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("server name %q is used twice", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// Status returns how the servers are doing, in the order of the configuration.
func (h *Host) Status() []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Status, len(h.entries))
	for i, e := range h.entries {
		out[i] = e.status
	}
	return out
}

// Handler returns the MCP endpoint, for any path of any mux.
func (h *Host) Handler() http.Handler { return h.front }

// ServeStdio serves one client, a message a line, until the input ends or ctx is
// done. At the end of the input the requests in flight are answered and the
// error is nil. Nothing but messages is written to w. The reader of r stays
// behind in its Read when ctx ends first.
func (h *Host) ServeStdio(ctx context.Context, r io.Reader, w io.Writer) error {
	return h.front.ServeStdio(ctx, r, w)
}

// Definitions returns what a server says about itself, complete and under its
// own names.
func (h *Host) Definitions(ctx context.Context, server string) (plugins.Definitions, error) {
	return h.gateway.Definitions(ctx, server)
}

// Call gives a message of MCP 2026-07-28 to the server that it is for. params
// is a JSON object; where it has no _meta, one without client capabilities is
// added. notify takes progress and log messages before Call returns; nil drops
// them. To policies all calls from Go are one session that does not end. The error is
// about the call as Go code; what the server or the protocol has to say is in the
// answer.
func (h *Host) Call(ctx context.Context, method string, params json.RawMessage, notify func(plugins.Notification)) (plugins.Answer, error) {
	if len(params) == 0 {
		params = json.RawMessage("{}")
	}
	if err := wire.Check(params); err != nil {
		return plugins.Answer{}, fmt.Errorf("params: %w", err)
	}
	o, err := wire.ParseObject(params)
	if err != nil {
		return plugins.Answer{}, fmt.Errorf("params: %w", err)
	}
	if !o.Has("_meta") {
		o = o.Set("_meta", bareMeta)
	}
	meta, perr := gateway.ParseMeta(o)
	if perr != nil {
		return plugins.Answer{}, perr
	}
	answer := h.gateway.Handle(ctx, gateway.Request{Method: method, Params: o, Meta: meta, Notify: notify,
		Conversation: "go", Revision: meta.Version, Transport: gate.TransportGo})
	if ctx.Err() != nil {
		return plugins.Answer{}, context.Cause(ctx)
	}
	return answer, nil
}

// bareMeta is the metadata of a caller that can do nothing but call.
var bareMeta = json.RawMessage(`{"` + plugins.MetaProtocolVersion + `":"` + plugins.ProtocolVersion + `","` +
	plugins.MetaClientCapabilities + `":{}}`)

// CallTool calls a tool and returns its CallToolResult. arguments is encoded as
// a JSON object; nil means none. An error of the protocol is a *plugins.Error;
// an error of the tool itself is a result with isError.
func (h *Host) CallTool(ctx context.Context, tool string, arguments any) (json.RawMessage, error) {
	params := wire.Object{}.SetString("name", tool)
	if arguments != nil {
		args, err := json.Marshal(arguments)
		if err != nil {
			return nil, fmt.Errorf("arguments: %w", err)
		}
		params = params.Set("arguments", args)
	}
	answer, err := h.Call(ctx, plugins.MethodCallTool, params.JSON(), nil)
	if err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	return answer.Result, nil
}

// Reload replaces the host's servers. Those whose entry and module are the same
// as before go on as they are; calls in flight at the others are finished first.
// After an error the servers are as before; it is a [LabelProblems] where they have
// labels that the policy does not know.
func (h *Host) Reload(ctx context.Context, list []Server) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.replace(ctx, list, h.policy)
}

// Replace is [Host.Reload] and [Host.SetPolicy] in one, for servers and a policy that
// were written for each other: nil is [cel.Default]. After an error both are as before.
func (h *Host) Replace(ctx context.Context, list []Server, p *cel.Policy) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.replace(ctx, list, orDefault(p))
}

// replace puts servers and a policy in force: first the policy, so that no server is
// ever served by one that was not written for it. h.mu is held.
func (h *Host) replace(ctx context.Context, list []Server, p *cel.Policy) error {
	if err := checkServers(list, h.cfg.Prefix); err != nil {
		return err
	}
	if err := CheckLabels(p, list); err != nil {
		return err
	}
	if h.closed {
		return errors.New("the host is closed")
	}
	before := h.policy
	h.decideBy(p)
	entries := h.open(ctx, list)
	if err := ctx.Err(); err != nil {
		h.decideBy(before)
		h.retire(newServers(entries, h.entries))
		return err
	}
	h.entries = entries
	h.retire(h.gateway.Replace(servers(entries)))
	return nil
}

// retire closes servers once their calls are finished.
func (h *Host) retire(gone []*gateway.Server) {
	h.retired.Go(func() {
		if err := h.gateway.Retire(context.Background(), gone); err != nil {
			h.log.Warn("a server that was replaced did not close", "error", err)
		}
	})
}

// Close ends sessions and subscriptions, waits for the calls in flight, which
// their deadlines bound, and closes the servers.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.front.Close()
	err := h.gateway.Retire(context.Background(), h.gateway.Replace(nil))
	h.retired.Wait()
	return errors.Join(err, h.backend.Close(context.Background()))
}

// principals hands who is authenticated to the front.
func principals(f func(*http.Request) (Principal, error)) func(*http.Request) (front.Principal, error) {
	if f == nil {
		return nil
	}
	return func(r *http.Request) (front.Principal, error) {
		p, err := f(r)
		return front.Principal(p), err
	}
}
