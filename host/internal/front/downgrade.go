package front

import (
	"encoding/json"
	"fmt"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// downgrade makes an answer of 2026-07-28 one that a client of an older
// revision understands: what that revision does not have is left out or put
// into what it has.
func downgrade(revision, method string, a plugins.Answer) plugins.Answer {
	if a.Error != nil {
		return plugins.Answer{Error: downgradeError(method, a.Error)}
	}
	result, err := wire.ParseObject(a.Result)
	if err != nil {
		return fail(plugins.CodeInternalError, "result: %v", err)
	}
	result = result.Delete("resultType", "ttlMs", "cacheScope")
	result = dropServerInfo(result)
	switch method {
	case plugins.MethodCallTool:
		result = downgradeStructured(result)
		result = result.MapElements("content", func(o wire.Object) wire.Object { return downgradeContent(revision, o) })
	case plugins.MethodGetPrompt:
		result = result.MapElements("messages", func(o wire.Object) wire.Object {
			return o.MapMember("content", func(c wire.Object) wire.Object { return downgradeContent(revision, c) })
		})
	case plugins.MethodListTools:
		result = result.MapElements("tools", downgradeTool)
	}
	return plugins.Answer{Result: result.JSON()}
}

// downgradeError maps codes: before 2026-07-28 a resource that is not there had
// a code of its own, and the codes of the stateless era did not exist.
func downgradeError(method string, e *plugins.Error) *plugins.Error {
	c := *e
	switch {
	case e.Code == plugins.CodeInvalidParams && method == plugins.MethodReadResource && namesResource(e.Data):
		c.Code = plugins.CodeLegacyResourceNotFound
	case e.Code == plugins.CodeMissingCapability, e.Code == plugins.CodeHeaderMismatch, e.Code == plugins.CodeUnsupportedVersion:
		c.Code = plugins.CodeInvalidRequest
	}
	return &c
}

// namesResource reports whether an error's data say which resource it is about.
func namesResource(data json.RawMessage) bool {
	o, err := wire.ParseObject(data)
	return err == nil && o.Has("uri")
}

func dropServerInfo(result wire.Object) wire.Object {
	meta, ok, err := result.GetObject("_meta")
	if !ok || err != nil {
		return result
	}
	if meta = meta.Delete(plugins.MetaServerInfo); meta.Len() == 0 {
		return result.Delete("_meta")
	}
	return result.Set("_meta", meta.JSON())
}

// downgradeStructured leaves structured content out that is not an object,
// which older revisions do not allow; the text content says the same.
func downgradeStructured(result wire.Object) wire.Object {
	if v, ok := result.Get("structuredContent"); ok && wire.KindOf(v) != "an object" {
		return result.Delete("structuredContent")
	}
	return result
}

// downgradeTool leaves an output schema out that is not that of an object.
func downgradeTool(tool wire.Object) wire.Object {
	schema, ok, err := tool.GetObject("outputSchema")
	if !ok {
		return tool
	}
	if kind, _, _ := schema.GetString("type"); err != nil || kind != "object" {
		return tool.Delete("outputSchema")
	}
	return tool
}

// downgradeContent puts kinds of content that a revision does not have into
// ones that it has: audio came with 2025-03-26, resource links with 2025-06-18.
func downgradeContent(revision string, o wire.Object) wire.Object {
	kind, _, _ := o.GetString("type")
	switch {
	case kind == "audio" && revision < revision20250326:
		resource := wire.Object{}.SetString("uri", "audio:content")
		for _, m := range []struct{ from, to string }{{"mimeType", "mimeType"}, {"data", "blob"}} {
			if v, ok := o.Get(m.from); ok {
				resource = resource.Set(m.to, v)
			}
		}
		return o.Delete("data", "mimeType").SetString("type", "resource").Set("resource", resource.JSON())
	case kind == "resource_link" && revision < revision20250618:
		uri, _, _ := o.GetString("uri")
		name, _, _ := o.GetString("name")
		return wire.Object{}.SetString("type", "text").SetString("text", name+": "+uri)
	}
	return o
}

// downgradeInput makes a request to the client one that a revision knows. Forms
// came without modes and choices of several (2025-06-18, client/elicitation,
// "Supported Schema Types"); those cannot be asked there.
func downgradeInput(revision, method string, params wire.Object) (wire.Object, error) {
	if method != "elicitation/create" || revision >= revision20251125 {
		return params, nil
	}
	schema, _, err := params.GetObject("requestedSchema")
	if err != nil {
		return params, err
	}
	properties, ok, err := schema.GetObject("properties")
	if err != nil {
		return params, err
	}
	if !ok {
		return params.Delete("mode"), nil
	}
	for _, m := range properties.Members() {
		field, err := wire.ParseObject(m.Value)
		if err != nil {
			return params, fmt.Errorf("requestedSchema: %s: %w", m.Name, err)
		}
		if kind, _, _ := field.GetString("type"); kind == "array" {
			return params, fmt.Errorf("the server asks for a choice of several (%q), which clients of %s cannot show", m.Name, revision)
		}
		properties = properties.Set(m.Name, downgradeChoice(field).JSON())
	}
	return params.Delete("mode").Set("requestedSchema", schema.Set("properties", properties.JSON()).JSON()), nil
}

// downgradeChoice writes a choice with titles as older revisions have it: values
// in enum, titles in enumNames.
func downgradeChoice(field wire.Object) wire.Object {
	raw, ok := field.Get("oneOf")
	if !ok {
		return field
	}
	options, err := wire.ParseArray(raw)
	if err != nil {
		return field
	}
	var values, titles []json.RawMessage
	for _, option := range options {
		o, err := wire.ParseObject(option)
		if err != nil {
			return field
		}
		value, _ := o.Get("const")
		title, ok := o.Get("title")
		if !ok {
			title = value
		}
		values, titles = append(values, value), append(titles, title)
	}
	return field.Delete("oneOf").Set("enum", joinJSON(values)).Set("enumNames", joinJSON(titles))
}

func joinJSON(values []json.RawMessage) json.RawMessage {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
