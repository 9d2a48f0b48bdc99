package pdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Error codes of JSON-RPC 2.0 and of MCP 2026-07-28 (basic/index, "Error
// Codes").
const (
	CodeInvalidRequest    = -32600
	CodeMethodNotFound    = -32601
	CodeInvalidParams     = -32602
	CodeInternalError     = -32603
	CodeMissingCapability = -32021
)

// Error is a JSON-RPC error. A handler that returns one, wrapped or not, makes
// the whole request fail with it; any other error of a tool becomes a result
// with isError, which the model reads.
type Error struct {
	Code    int
	Message string
	// Data is anything that encodes as JSON; nil leaves the member out.
	Data any
}

// Errorf returns an [Error] with a formatted message and no data.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements the error interface.
func (e *Error) Error() string { return e.Message + " (code " + strconv.Itoa(e.Code) + ")" }

// MarshalJSON returns the error object of JSON-RPC 2.0.
func (e *Error) MarshalJSON() ([]byte, error) {
	return encode(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{e.Code, e.Message, e.Data})
}

// asError finds the JSON-RPC error in err, or makes it an internal error.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternalError, Message: err.Error()}
}

// resourceNotFound is MCP's error for a URI that nobody serves
// (server/resources, "Error Handling").
func resourceNotFound(uri string) *Error {
	return &Error{Code: CodeInvalidParams, Message: "Resource not found: " + uri, Data: map[string]string{"uri": uri}}
}

// missingCapability is MCP's error for a feature that the client did not
// declare; required is a ClientCapabilities object.
func missingCapability(required json.RawMessage) *Error {
	return &Error{
		Code:    CodeMissingCapability,
		Message: "Missing required client capability: " + string(required),
		Data:    map[string]json.RawMessage{"requiredCapabilities": required},
	}
}
