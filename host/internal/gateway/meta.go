package gateway

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Meta is what a request's _meta says of its client (MCP 2026-07-28,
// basic/index, "_meta").
type Meta struct {
	Version  string      // io.modelcontextprotocol/protocolVersion
	Client   wire.Object // clientCapabilities
	LogLevel string      // "" where the client wants no log messages
}

// HasModernMeta reports whether params carry the per-request metadata of
// 2026-07-28, so that the request is of that era.
func HasModernMeta(params wire.Object) bool {
	meta, ok, err := params.GetObject("_meta")
	if !ok || err != nil {
		return false
	}
	return slices.ContainsFunc(meta.Members(), func(m wire.Member) bool {
		return m.Name == plugins.MetaProtocolVersion || m.Name == plugins.MetaClientCapabilities
	})
}

// ParseMeta reads the metadata that every request of 2026-07-28 has.
func ParseMeta(params wire.Object) (Meta, *plugins.Error) {
	raw, ok, err := params.GetObject("_meta")
	if err != nil {
		return Meta{}, invalidParams("%v", err)
	}
	if !ok {
		return Meta{}, invalidParams("missing _meta with %q and %q", plugins.MetaProtocolVersion, plugins.MetaClientCapabilities)
	}
	var m Meta
	if m.Version, ok, err = raw.GetString(plugins.MetaProtocolVersion); err != nil {
		return m, invalidParams("_meta: %v", err)
	} else if !ok {
		return m, invalidParams("_meta: missing %q", plugins.MetaProtocolVersion)
	}
	if m.Client, ok, err = raw.GetObject(plugins.MetaClientCapabilities); err != nil {
		return m, invalidParams("_meta: %v", err)
	} else if !ok {
		return m, invalidParams("_meta: missing %q", plugins.MetaClientCapabilities)
	}
	if m.LogLevel, ok, err = raw.GetString(plugins.MetaLogLevel); err != nil {
		return m, invalidParams("_meta: %v", err)
	} else if ok && !ValidLogLevel(m.LogLevel) {
		return m, invalidParams("_meta: %s: want one of %s", plugins.MetaLogLevel, strings.Join(logLevels, ", "))
	}
	if _, _, err := raw.GetObject(plugins.MetaClientInfo); err != nil {
		return m, invalidParams("_meta: %v", err)
	}
	if token, ok := raw.Get(plugins.MetaProgressToken); ok {
		if _, ok := wire.ParseID(token); !ok {
			return m, invalidParams("_meta: progressToken: want a string or an integer, have %s", wire.KindOf(token))
		}
	}
	return m, nil
}

// logLevels are those of RFC 5424, from the least to the most severe.
var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// ValidLogLevel reports whether s is a log level of MCP.
func ValidLogLevel(s string) bool { return slices.Contains(logLevels, s) }

// wantsLog reports whether a client that asked for level at wants a message of
// the given level.
func wantsLog(asked, level string) bool {
	return asked != "" && slices.Index(logLevels, level) >= slices.Index(logLevels, asked)
}

// missingCapability returns the client capability that a request to the client
// needs and that the client has not declared, as a ClientCapabilities object,
// or nil.
func missingCapability(client wire.Object, method string, params wire.Object) json.RawMessage {
	need := func(capability, feature string) json.RawMessage {
		declared, ok, err := client.GetObject(capability)
		if err == nil && ok && (feature == "" || declared.Has(feature)) {
			return nil
		}
		value := wire.Object{}
		if feature != "" {
			value = value.Set(feature, json.RawMessage("{}"))
		}
		return wire.Object{}.Set(capability, value.JSON()).JSON()
	}
	switch method {
	case "elicitation/create":
		if mode, _, _ := params.GetString("mode"); mode == "url" {
			return need("elicitation", "url")
		}
		return needForm(client, need)
	case "sampling/createMessage":
		if params.Has("tools") || params.Has("toolChoice") {
			return need("sampling", "tools")
		}
		return need("sampling", "")
	}
	return need("roots", "")
}

// needForm knows that an empty elicitation capability means forms, and that one
// with only url does not (MCP 2026-07-28, client/elicitation, "Capabilities").
func needForm(client wire.Object, need func(string, string) json.RawMessage) json.RawMessage {
	declared, _, _ := client.GetObject("elicitation")
	if declared.Has("url") {
		return need("elicitation", "form")
	}
	return need("elicitation", "")
}

func invalidParams(format string, args ...any) *plugins.Error {
	return plugins.Errorf(plugins.CodeInvalidParams, "Invalid params: "+format, args...)
}
