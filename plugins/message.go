package plugins

import (
	"encoding/json"
	"fmt"
)

// ProtocolVersion is the MCP revision whose message shapes the contract uses.
const ProtocolVersion = "2026-07-28"

// Keys of a request's _meta that the host fills in on every message
// (MCP 2026-07-28, basic/index, "_meta").
const (
	MetaProtocolVersion    = "io.modelcontextprotocol/protocolVersion"
	MetaClientInfo         = "io.modelcontextprotocol/clientInfo"
	MetaClientCapabilities = "io.modelcontextprotocol/clientCapabilities"
	MetaServerInfo         = "io.modelcontextprotocol/serverInfo"
	MetaLogLevel           = "io.modelcontextprotocol/logLevel"
	MetaSubscriptionID     = "io.modelcontextprotocol/subscriptionId"
	MetaProgressToken      = "progressToken"
)

// Methods that a guest may be asked. A guest answers a method that it does not
// know with [CodeMethodNotFound].
const (
	MethodDiscover              = "server/discover"
	MethodListTools             = "tools/list"
	MethodCallTool              = "tools/call"
	MethodListResources         = "resources/list"
	MethodListResourceTemplates = "resources/templates/list"
	MethodReadResource          = "resources/read"
	MethodListPrompts           = "prompts/list"
	MethodGetPrompt             = "prompts/get"
	MethodComplete              = "completion/complete"
)

// Notifications that a guest may send.
const (
	NotifyProgress             = "notifications/progress"
	NotifyLog                  = "notifications/message"
	NotifyToolsListChanged     = "notifications/tools/list_changed"
	NotifyPromptsListChanged   = "notifications/prompts/list_changed"
	NotifyResourcesListChanged = "notifications/resources/list_changed"
	NotifyResourceUpdated      = "notifications/resources/updated"
	// NotifyCloseStream asks the host to have the client reconnect to its event
	// stream after retryMs milliseconds (SEP-1699); it is this contract's own.
	NotifyCloseStream = "notifications/mcpwasm/close_stream"
)

// Values of a result's resultType (MCP 2026-07-28, basic/index, "ResultType").
const (
	ResultComplete      = "complete"
	ResultInputRequired = "input_required"
)

// Error codes of JSON-RPC 2.0 and of MCP 2026-07-28 (basic/index, "Error
// Codes").
const (
	CodeParseError                = -32700
	CodeInvalidRequest            = -32600
	CodeMethodNotFound            = -32601
	CodeInvalidParams             = -32602
	CodeInternalError             = -32603
	CodeHeaderMismatch            = -32020
	CodeMissingCapability         = -32021
	CodeUnsupportedVersion        = -32022
	CodeLegacyResourceNotFound    = -32002 // 2025-11-25 and earlier
	CodeLegacyURLElicitationNeeds = -32042 // 2025-11-25 only
	// CodeDenied is this host's own, of the range that is left to implementations: a
	// policy denies what is not a call of a tool.
	CodeDenied = -32010
)

// Message is one request to a guest: a method and its parameters, without
// JSON-RPC's id, which is the host's own business.
type Message struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"` // a JSON object with "_meta"
}

// Answer is what a guest makes of a [Message]: exactly one of a result (a JSON
// object with "resultType") and an error.
type Answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Notification is a message from a guest that wants no answer.
type Notification struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"` // a JSON object
}

// Error is a JSON-RPC error object. Any code and any data pass through the host
// unchanged.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Errorf returns an [Error] with a formatted message and no data.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements the error interface.
func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// WithData returns a copy of e whose data is v as JSON. A value that cannot be
// encoded is a programmer's mistake and leaves the data empty.
func (e *Error) WithData(v any) *Error {
	c := *e
	c.Data, _ = json.Marshal(v)
	return &c
}
