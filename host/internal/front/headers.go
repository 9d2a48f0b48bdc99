package front

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpwasm/mcpwasm/host/internal/gateway"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// checkHeaders holds the headers that mirror a message against the message
// (MCP 2026-07-28, basic/transports/streamable-http, "Server Validation"), so
// that whatever routed the request by its headers saw what is carried out.
func (f *Front) checkHeaders(r *http.Request, meta gateway.Meta, m wire.Message) *plugins.Error {
	for _, name := range []string{headerVersion, mcp.HeaderMethod, mcp.HeaderName} {
		if len(r.Header.Values(name)) > 1 {
			return mismatch("%s: sent more than once", name)
		}
	}
	version := r.Header.Get(headerVersion)
	if version == "" {
		return mismatch("%s: missing required header", headerVersion)
	}
	if version != meta.Version {
		return mismatch("%s: header value %q does not match body value %q", headerVersion, version, meta.Version)
	}
	if meta.Version != plugins.ProtocolVersion {
		return unsupported(meta.Version)
	}
	if err := mcp.ValidateStandardHeaders(r.Header.Get, version, mcp.MCPMethod(m.Method), subject(m.Params)); err != nil {
		return asMismatch(err)
	}
	if m.Method != plugins.MethodCallTool {
		return nil
	}
	return f.checkParamHeaders(r, m)
}

// subject is the part of a message's parameters that Mcp-Name mirrors.
func subject(params wire.Object) []byte {
	var o wire.Object
	for _, name := range []string{"name", "uri"} {
		if v, ok := params.Get(name); ok {
			o = o.Set(name, v)
		}
	}
	return o.JSON()
}

// checkParamHeaders checks Mcp-Param headers for a tool whose schema asks for
// them.
func (f *Front) checkParamHeaders(r *http.Request, m wire.Message) *plugins.Error {
	name, _, err := m.Params.GetString("name")
	if err != nil {
		return nil // refused where the message is carried out
	}
	tool, ok := f.gw.Tool(r.Context(), name)
	if !ok || !bytes.Contains(tool.Raw, []byte(`"x-mcp-header"`)) {
		return nil
	}
	def, err := wire.ParseObject(tool.Raw)
	if err != nil {
		return nil
	}
	schema, _ := def.Get("inputSchema")
	lookup := func(name string) (string, bool) {
		v, ok := r.Header[http.CanonicalHeaderKey(name)]
		if !ok || len(v) != 1 {
			return "", false
		}
		return v[0], true
	}
	if err := mcp.ValidateParamHeadersLookup(lookup, &mcp.Tool{RawInputSchema: schema}, m.Params.JSON()); err != nil {
		return asMismatch(err)
	}
	return nil
}

// asMismatch drops the library's own words for what mismatch says.
func asMismatch(err error) *plugins.Error {
	return mismatch("%s", strings.TrimPrefix(err.Error(), "header mismatch: "))
}

func mismatch(format string, args ...any) *plugins.Error {
	return plugins.Errorf(plugins.CodeHeaderMismatch, "Header mismatch: "+format, args...)
}
