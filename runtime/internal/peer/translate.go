package peer

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// metaPrefix is that of the _meta keys that MCP itself defines.
const metaPrefix = "io.modelcontextprotocol/"

// answerSelf answers the methods that the server is not asked: those that a
// stateless server does not have but an older one would take, to the harm of
// its session, and server/discover, which an older one has answered by
// initialize.
func (e era) answerSelf(method string) (plugins.Answer, bool) {
	refused := plugins.Answer{Error: plugins.Errorf(plugins.CodeMethodNotFound, "Method not found: %s", cut(method))}
	if method == "subscriptions/listen" || strings.HasPrefix(method, "notifications/") {
		return refused, true
	}
	if e.modern {
		return plugins.Answer{}, false
	}
	switch method {
	case plugins.MethodDiscover:
		return plugins.Answer{Result: e.discover}, true
	case "initialize", methodPing, "logging/setLevel", "resources/subscribe", "resources/unsubscribe":
		return refused, true
	}
	return plugins.Answer{}, false
}

// toServer makes a message's params fit for the server. The progress token
// becomes the request's id, which is unique among all callers.
func (e era) toServer(params wire.Object, who caller, id int64) wire.Object {
	meta, ok, err := params.GetObject("_meta")
	if !ok || err != nil {
		return params
	}
	changed := false
	if who.token != nil {
		meta, changed = meta.Set(plugins.MetaProgressToken, json.RawMessage(strconv.FormatInt(id, 10))), true
	}
	if e.modern {
		if changed {
			params = params.Set("_meta", meta.JSON())
		}
		return params
	}
	for _, m := range meta.Members() {
		if strings.HasPrefix(m.Name, metaPrefix) {
			meta = meta.Delete(m.Name)
		}
	}
	params = params.Delete("inputResponses", "requestState")
	if meta.Len() == 0 {
		return params.Delete("_meta")
	}
	return params.Set("_meta", meta.JSON())
}

// fromServer makes an answer of the server fit for the host.
func (p *Peer) fromServer(k *call, a plugins.Answer) plugins.Answer {
	if k.internal || p.spoken().modern {
		return a
	}
	if a.Error != nil {
		if k.method == plugins.MethodReadResource && a.Error.Code == plugins.CodeLegacyResourceNotFound {
			e := *a.Error
			e.Code = plugins.CodeInvalidParams
			a.Error = &e
		}
		if r, ok := p.askForURLs(k, a.Error); ok {
			return plugins.Answer{Result: r}
		}
		return a
	}
	result, err := wire.ParseObject(a.Result)
	if err != nil || result.Has("resultType") {
		return a
	}
	return plugins.Answer{Result: result.SetString("resultType", plugins.ResultComplete).JSON()}
}

// askForURLs makes an input_required result of the error with which a server of
// 2025-11-25 wants its client to visit URLs and call again (2025-11-25,
// client/elicitation, "URL Elicitation Required Error"). There is nothing to
// park: the retry is a call like the first.
func (p *Peer) askForURLs(k *call, e *plugins.Error) (json.RawMessage, bool) {
	if e.Code != plugins.CodeLegacyURLElicitationNeeds || !mayAsk(k.method) {
		return nil, false
	}
	data, err := wire.ParseObject(e.Data)
	if err != nil {
		return nil, false
	}
	v, _ := data.Get("elicitations")
	list, err := wire.ParseArray(v)
	if err != nil || len(list) == 0 || len(list) > maxAsks {
		return nil, false
	}
	p.mu.Lock()
	who := k.who
	p.mu.Unlock()
	var requests wire.Object
	for i, params := range list {
		a := &ask{method: methodElicit, params: params}
		if o, err := wire.ParseObject(params); err != nil || !o.Has("url") || who.refuses(a) != nil {
			return nil, false
		}
		requests = requests.Set(strconv.Itoa(i+1), a.request())
	}
	return wire.Object{}.
		SetString("resultType", plugins.ResultInputRequired).
		Set("inputRequests", requests.JSON()).JSON(), true
}

// discoverResult is what server/discover would have said, from the result of
// initialize.
func discoverResult(init wire.Object) json.RawMessage {
	versions, _ := json.Marshal([]string{plugins.ProtocolVersion})
	caps, ok := init.Get("capabilities")
	if !ok {
		caps = json.RawMessage("{}")
	}
	o := wire.Object{}.
		SetString("resultType", plugins.ResultComplete).
		Set("supportedVersions", versions).
		Set("capabilities", caps)
	if v, ok := init.Get("instructions"); ok && !wire.IsNull(v) {
		o = o.Set("instructions", v)
	}
	if v, ok := init.Get("serverInfo"); ok {
		o = o.Set("_meta", wire.Object{}.Set(plugins.MetaServerInfo, v).JSON())
	}
	return o.JSON()
}

// everything is what a client of a shared peer is said to be capable of: each
// request by the server is checked against the call that it is for.
const everything = `{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}}}`

// client returns what the server is told about its client.
func (p *Peer) client() (info, caps json.RawMessage) {
	info, caps = hostInfo(), json.RawMessage(everything)
	if p.cfg.Shared {
		return info, caps
	}
	caps = json.RawMessage("{}")
	params, err := wire.ParseObject(p.cfg.First.Message.Params)
	if err != nil {
		return info, caps
	}
	meta, _, err := params.GetObject("_meta")
	if err != nil {
		return info, caps
	}
	if v, ok := meta.Get(plugins.MetaClientInfo); ok && wire.KindOf(v) == "an object" {
		info = v
	}
	if v, ok := meta.Get(plugins.MetaClientCapabilities); ok && wire.KindOf(v) == "an object" {
		caps = v
	}
	return info, caps
}

// legacyCaps keeps the capabilities that the older eras know.
func legacyCaps(caps json.RawMessage) json.RawMessage {
	o, err := wire.ParseObject(caps)
	if err != nil {
		return json.RawMessage("{}")
	}
	var kept wire.Object
	for _, name := range []string{"experimental", "roots", "sampling", "elicitation"} {
		if v, ok := o.Get(name); ok && wire.KindOf(v) == "an object" {
			kept = kept.Set(name, v)
		}
	}
	return kept.JSON()
}
