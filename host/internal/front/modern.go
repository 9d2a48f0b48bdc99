package front

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const (
	methodListen     = "subscriptions/listen"
	notifyAcked      = "notifications/subscriptions/acknowledged"
	notifyCancelled  = "notifications/cancelled"
	methodInitialize = "initialize"
	methodPing       = "ping"
	methodSetLevel   = "logging/setLevel"
	methodSubscribe  = "resources/subscribe"
	methodUnsubscibe = "resources/unsubscribe"
)

// removed are the methods of older revisions that 2026-07-28 does not have.
var removed = map[string]bool{methodInitialize: true, methodPing: true, methodSetLevel: true,
	methodSubscribe: true, methodUnsubscibe: true}

// maxWatched bounds the resources that one subscription names.
const maxWatched = 1000

// modern answers a request of 2026-07-28. send takes what goes to the client
// before the answer.
func (f *Front) modern(ctx context.Context, c caller, m wire.Message, send func(plugins.Notification)) plugins.Answer {
	meta, perr := gateway.ParseMeta(m.Params)
	if perr != nil {
		return plugins.Answer{Error: perr}
	}
	if meta.Version != plugins.ProtocolVersion {
		return plugins.Answer{Error: unsupported(meta.Version)}
	}
	switch {
	case m.Method == methodListen:
		return f.listen(ctx, c.request(m, meta.Version, m.Params, meta), m, send)
	case removed[m.Method]:
		return methodNotFound(m.Method)
	}
	r := c.request(m, meta.Version, m.Params, meta)
	// What is for event streams of older revisions means nothing here.
	r.Notify = func(n plugins.Notification) {
		if n.Method != plugins.NotifyCloseStream {
			send(n)
		}
	}
	return f.gw.Handle(ctx, r)
}

// unsupported is the error for a revision that is not served.
func unsupported(version string) *plugins.Error {
	return plugins.Errorf(plugins.CodeUnsupportedVersion, "Unsupported protocol version %q", version).
		WithData(map[string]any{"supported": Versions(), "requested": version})
}

// filter is what a client wants to be told (MCP 2026-07-28,
// basic/patterns/subscriptions, "Notification Filter").
type filter struct {
	methods map[string]bool // list_changed notifications
	uris    map[string]bool
	order   []string // uris as they were given
}

// filterFields are the fields for list changes, with the notification that each
// asks for and the capability that it needs.
var filterFields = []struct{ field, method, capability string }{
	{"toolsListChanged", plugins.NotifyToolsListChanged, "tools"},
	{"promptsListChanged", plugins.NotifyPromptsListChanged, "prompts"},
	{"resourcesListChanged", plugins.NotifyResourcesListChanged, "resources"},
}

func (w filter) wants(ev gateway.Event) bool {
	if ev.Method == plugins.NotifyResourceUpdated {
		return w.uris[ev.URI]
	}
	return w.methods[ev.Method]
}

// listen serves a subscription until the client ends it or the host closes.
func (f *Front) listen(ctx context.Context, r gateway.Request, m wire.Message, send func(plugins.Notification)) plugins.Answer {
	asked, ok, err := m.Params.GetObject("notifications")
	if err != nil || !ok {
		return fail(plugins.CodeInvalidParams, "Invalid params: notifications: want an object")
	}
	caps, _, _, err := f.gw.Handshake(ctx)
	if err != nil {
		return fail(plugins.CodeInternalError, "%v", err)
	}
	want, agreed, perr := parseFilter(asked, caps)
	if perr != nil {
		return plugins.Answer{Error: perr}
	}
	// Collecting begins before the acknowledgement, so that nothing that
	// happens after it is missed.
	sub := f.gw.Events().Subscribe(want.wants)
	defer sub.Close()
	watched := f.watch(ctx, r, want.order)
	defer watched.stop()
	agreed = watched.agreed(agreed, want.order)
	id := wire.Object{}.Set(plugins.MetaSubscriptionID, m.ID.JSON()).JSON()
	send(plugins.Notification{Method: notifyAcked, Params: wire.Object{}.Set("_meta", id).Set("notifications", agreed.JSON()).JSON()})
	for {
		select {
		case <-ctx.Done():
			return fail(plugins.CodeInternalError, "cancelled")
		case <-f.closing:
			return plugins.Answer{Result: wire.Object{}.SetString("resultType", plugins.ResultComplete).Set("_meta", id).JSON()}
		case <-sub.Ready():
			for _, ev := range sub.Take() {
				if !watched.denied[ev.URI] {
					send(notification(ev, id))
				}
			}
		}
	}
}

// watches are the resources that are watched for a subscription.
type watches struct {
	stop   func()          // ends that
	denied map[string]bool // by the policy: the client does not hear of them
}

// watch has resources watched at their servers. One that cannot be watched there
// can still change in a call, but one that the policy denies is not told of.
func (f *Front) watch(ctx context.Context, r gateway.Request, uris []string) watches {
	var watched []string
	denied := map[string]bool{}
	for _, uri := range uris {
		if err := f.gw.Watch(ctx, r, uri); err != nil {
			denied[uri] = asError(err).Code == plugins.CodeDenied
			f.log.Debug("a resource cannot be watched at its server", "uri", uri, "error", err)
			continue
		}
		watched = append(watched, uri)
	}
	return watches{denied: denied, stop: func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unwatchTimeout)
		defer cancel()
		for _, uri := range watched {
			f.logError("unwatch", f.gw.Unwatch(ctx, r, uri))
		}
	}}
}

// agreed is what is honoured of a filter without what was denied.
func (w watches) agreed(agreed wire.Object, uris []string) wire.Object {
	allowed := slices.DeleteFunc(slices.Clone(uris), func(uri string) bool { return w.denied[uri] })
	if len(allowed) == len(uris) {
		return agreed
	}
	list := make([]json.RawMessage, len(allowed))
	for i, uri := range allowed {
		list[i] = wire.Quote(uri)
	}
	return agreed.Set("resourceSubscriptions", joinJSON(list))
}

// unwatchTimeout bounds what is done at a server after its subscriber has gone.
const unwatchTimeout = 10 * time.Second

// notification is an event's message, with the given _meta where it is not
// empty.
func notification(ev gateway.Event, meta json.RawMessage) plugins.Notification {
	var params wire.Object
	if len(meta) > 0 {
		params = params.Set("_meta", meta)
	}
	if ev.URI != "" {
		params = params.SetString("uri", ev.URI)
	}
	return plugins.Notification{Method: ev.Method, Params: params.JSON()}
}

// parseFilter reads a filter and returns the part of it that can be honoured.
func parseFilter(asked, caps wire.Object) (want filter, agreed wire.Object, perr *plugins.Error) {
	want = filter{methods: map[string]bool{}, uris: map[string]bool{}}
	for _, field := range filterFields {
		v, ok := asked.Get(field.field)
		if !ok {
			continue
		}
		if wire.KindOf(v) != "a boolean" {
			return want, agreed, plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: notifications: %s: want a boolean", field.field)
		}
		if string(v) == "true" && declared(caps, field.capability, "listChanged") {
			want.methods[field.method] = true
			agreed = agreed.Set(field.field, v)
		}
	}
	v, ok := asked.Get("resourceSubscriptions")
	if !ok {
		return want, agreed, nil
	}
	var uris []string
	if err := json.Unmarshal(v, &uris); err != nil || len(uris) > maxWatched {
		return want, agreed, plugins.Errorf(plugins.CodeInvalidParams,
			"Invalid params: notifications: resourceSubscriptions: want at most %d strings", maxWatched)
	}
	if declared(caps, "resources", "subscribe") {
		agreed = agreed.Set("resourceSubscriptions", v)
		for _, uri := range uris {
			if !want.uris[uri] {
				want.uris[uri] = true
				want.order = append(want.order, uri)
			}
		}
	}
	return want, agreed, nil
}

// declared reports whether capabilities have a feature that is true.
func declared(caps wire.Object, capability, feature string) bool {
	c, ok, err := caps.GetObject(capability)
	if !ok || err != nil {
		return false
	}
	v, _ := c.Get(feature)
	return string(v) == "true"
}

// logError is for an error that has nobody to go to.
func (f *Front) logError(what string, err error) {
	if err != nil {
		f.log.Debug(fmt.Sprintf("%s: %v", what, err))
	}
}
