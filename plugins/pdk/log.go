package pdk

import (
	"context"
	"slices"
)

// Level is the severity of a log message (MCP schema, "LoggingLevel"; RFC 5424).
type Level string

// The levels, the least severe first.
const (
	Debug     Level = "debug"
	Info      Level = "info"
	Notice    Level = "notice"
	Warning   Level = "warning"
	Critical  Level = "critical"
	Alert     Level = "alert"
	Emergency Level = "emergency"
	// ErrorLevel is "error"; the name Error is the type of errors.
	ErrorLevel Level = "error"
)

var levels = []Level{Debug, Info, Notice, Warning, ErrorLevel, Critical, Alert, Emergency}

// Enabled reports whether the caller asked for log messages of this level.
func Enabled(ctx context.Context, level Level) bool {
	want := slices.Index(levels, callOf(ctx).meta.LogLevel)
	return want >= 0 && slices.Index(levels, level) >= want
}

// Log sends a log message to the client: data is a string or anything that
// encodes as JSON, logger names its source and may be empty. Nothing is sent
// where the request did not ask for this level. What is meant for the operator
// goes to standard error instead.
func Log(ctx context.Context, level Level, logger string, data any) {
	if !Enabled(ctx, level) {
		return
	}
	// A refused message is not worth failing for.
	_ = Notify(ctx, "notifications/message", struct {
		Level  Level  `json:"level"`
		Logger string `json:"logger,omitempty"`
		Data   any    `json:"data"`
	}{level, logger, data})
}
