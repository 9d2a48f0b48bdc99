package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Bounds of what a server may say about itself.
const (
	maxDefinitions = 10_000
	maxListPages   = 1_000
)

// asker sends one message to a guest.
type asker func(ctx context.Context, m plugins.Message) (plugins.Answer, error)

// listSpec is one of the lists of definitions.
type listSpec struct {
	method     string // that lists it
	capability string // of the server, without which the list does not exist
	member     string // of the result that holds the items
	key        string // member of an item that identifies it
	list       func(*plugins.Definitions) *plugins.List
	index      int // in lists
}

var lists = [...]listSpec{
	{plugins.MethodListTools, "tools", "tools", "name",
		func(d *plugins.Definitions) *plugins.List { return &d.Tools }, 0},
	{plugins.MethodListPrompts, "prompts", "prompts", "name",
		func(d *plugins.Definitions) *plugins.List { return &d.Prompts }, 1},
	{plugins.MethodListResources, "resources", "resources", "uri",
		func(d *plugins.Definitions) *plugins.List { return &d.Resources }, 2},
	{plugins.MethodListResourceTemplates, "resources", "resourceTemplates", "uriTemplate",
		func(d *plugins.Definitions) *plugins.List { return &d.ResourceTemplates }, 3},
}

// subject is a definition of the list as policies see it.
func (l listSpec) subject(key string) gate.Subject {
	switch l.capability {
	case "tools":
		return gate.Subject{Tool: key}
	case "prompts":
		return gate.Subject{Prompt: key}
	}
	return gate.Subject{Resource: key}
}

// listFor returns the list that a method asks for.
func listFor(method string) (listSpec, bool) {
	for _, l := range lists {
		if l.method == method {
			return l, true
		}
	}
	return listSpec{}, false
}

// readDefinitions asks a guest for everything that it says about itself.
func readDefinitions(ctx context.Context, ask asker) (*plugins.Definitions, error) {
	result, err := request(ctx, ask, plugins.MethodDiscover, wire.Object{})
	if err != nil {
		return nil, err
	}
	d, caps, err := parseDiscover(result)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", plugins.MethodDiscover, err)
	}
	for _, l := range lists {
		if !caps.Has(l.capability) {
			continue
		}
		if err := readList(ctx, ask, l, l.list(d)); err != nil {
			return nil, fmt.Errorf("%s: %w", l.method, err)
		}
	}
	return d, nil
}

// parseDiscover reads a DiscoverResult.
func parseDiscover(result wire.Object) (*plugins.Definitions, wire.Object, error) {
	caps, ok, err := result.GetObject("capabilities")
	if err != nil {
		return nil, caps, err
	}
	if !ok {
		return nil, caps, errors.New("the result has no capabilities")
	}
	d := &plugins.Definitions{Capabilities: caps.JSON()}
	if d.Instructions, _, err = result.GetString("instructions"); err != nil {
		return nil, caps, err
	}
	meta, _, err := result.GetObject("_meta")
	if err != nil {
		return nil, caps, err
	}
	info, ok := meta.Get(plugins.MetaServerInfo)
	if !ok {
		info, _ = result.Get("serverInfo") // where drafts of the revision had it
	}
	if len(info) > 0 {
		if _, err := wire.ParseObject(info); err != nil {
			return nil, caps, fmt.Errorf("serverInfo: %w", err)
		}
		d.ServerInfo = info
	}
	return d, caps, nil
}

// readList reads all pages of one list.
func readList(ctx context.Context, ask asker, spec listSpec, list *plugins.List) error {
	var params wire.Object
	for page := 0; ; page++ {
		if page == maxListPages {
			return fmt.Errorf("more than %d pages", maxListPages)
		}
		result, err := request(ctx, ask, spec.method, params)
		if err != nil {
			// A server may declare resources and have no templates method.
			var e *plugins.Error
			if page == 0 && errors.As(err, &e) && e.Code == plugins.CodeMethodNotFound && spec.method == plugins.MethodListResourceTemplates {
				return nil
			}
			return err
		}
		if page == 0 {
			readHints(result, list)
		}
		if err := readPage(result, spec, list); err != nil {
			return err
		}
		cursor, more, err := result.GetString("nextCursor")
		if err != nil {
			return err
		}
		if !more || cursor == "" {
			break
		}
		params = params.SetString("cursor", cursor)
	}
	list.Sort()
	return checkUnique(spec, list)
}

// checkUnique refuses a sorted list with two definitions of one key.
func checkUnique(spec listSpec, list *plugins.List) error {
	for i := 1; i < len(list.Items); i++ {
		if list.Items[i].Key == list.Items[i-1].Key {
			return fmt.Errorf("%s %q is defined twice", spec.key, list.Items[i].Key)
		}
	}
	return nil
}

func readPage(result wire.Object, spec listSpec, list *plugins.List) error {
	raw, ok := result.Get(spec.member)
	if !ok {
		return fmt.Errorf("the result has no %q", spec.member)
	}
	items, err := wire.ParseArray(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", spec.member, err)
	}
	if len(list.Items)+len(items) > maxDefinitions {
		return fmt.Errorf("more than %d definitions", maxDefinitions)
	}
	for i, item := range items {
		o, err := wire.ParseObject(item)
		if err != nil {
			return fmt.Errorf("%s[%d]: %w", spec.member, i, err)
		}
		key, ok, err := o.GetString(spec.key)
		if err != nil || !ok || key == "" {
			return fmt.Errorf("%s[%d]: want a %s that is a string and not empty", spec.member, i, spec.key)
		}
		list.Items = append(list.Items, plugins.Definition{Key: key, Raw: item})
	}
	return nil
}

// readHints keeps valid caching hints and drops others.
func readHints(result wire.Object, list *plugins.List) {
	if v, ok := result.Get("ttlMs"); ok {
		if ms, err := strconv.ParseInt(string(v), 10, 64); err == nil && ms >= 0 {
			list.TTLMillis = &ms
		}
	}
	if scope, _, err := result.GetString("cacheScope"); err == nil && (scope == "public" || scope == "private") {
		list.CacheScope = scope
	}
}

// request sends one message as the host itself and returns its result.
func request(ctx context.Context, ask asker, method string, params wire.Object) (wire.Object, error) {
	answer, err := ask(ctx, plugins.Message{Method: method, Params: params.Set("_meta", hostMeta).JSON()})
	if err != nil {
		return wire.Object{}, err
	}
	if answer.Error != nil {
		return wire.Object{}, fmt.Errorf("%s: %w", method, answer.Error)
	}
	return wire.ParseObject(answer.Result)
}

// hostMeta is the _meta of the host's own requests. It declares what clients
// can, so that a guest that negotiates once does not settle for less.
var hostMeta = json.RawMessage(`{"` + plugins.MetaProtocolVersion + `":"` + plugins.ProtocolVersion + `",` +
	`"` + plugins.MetaClientInfo + `":{"name":"mcpwasm","version":"1"},` +
	`"` + plugins.MetaClientCapabilities + `":{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{},"context":{}},"roots":{}}}`)
