package main

import (
	"context"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// logger names this server in its log messages.
const logger = "everything"

// reconnectAfter is when a client may come back to a stream that was closed;
// the tool's answer is ready before that.
const (
	reconnectAfter = 500 * time.Millisecond
	workAfterClose = 100 * time.Millisecond
)

func addNotifyingTools(s *pdk.Server) {
	add(s, "test_tool_with_progress", "Reports progress three times.", func(ctx context.Context) (*pdk.ToolResult, error) {
		pdk.Progress(ctx, 0, 100, "started")
		pdk.Progress(ctx, 50, 100, "half way")
		pdk.Progress(ctx, 100, 100, "finished")
		return pdk.TextResult("progress reported"), nil
	})
	add(s, "test_tool_with_logging", "Sends three log messages.", func(ctx context.Context) (*pdk.ToolResult, error) {
		pdk.Log(ctx, pdk.Info, logger, "started")
		pdk.Log(ctx, pdk.Info, logger, "working")
		pdk.Log(ctx, pdk.Info, logger, "finished")
		return pdk.TextResult("three messages logged, if they were asked for"), nil
	})
	add(s, "test_logging_tool", "Sends one log message where the request asks for any.", func(ctx context.Context) (*pdk.ToolResult, error) {
		pdk.Log(ctx, pdk.Info, logger, map[string]string{"event": "called"})
		return pdk.TextResult("logged, if it was asked for"), nil
	})
	add(s, "test_streaming_elicitation", "Reports progress, then asks the user.", func(ctx context.Context) (*pdk.ToolResult, error) {
		pdk.Progress(ctx, 1, 2, "about to ask")
		name, action, err := pdk.Elicit[nameForm](ctx, "user_name", "What is your name?")
		if err != nil {
			return nil, err
		}
		return pdk.Textf("%s: %s", action, name.Name), nil
	})
	add(s, "test_reconnection", "Closes the client's stream, so that it must come back for the answer.", func(ctx context.Context) (*pdk.ToolResult, error) {
		if err := pdk.CloseStream(ctx, reconnectAfter); err != nil {
			return nil, err
		}
		select {
		case <-time.After(workAfterClose):
			return pdk.TextResult("answered after the stream was closed"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	addTriggers(s)
}

// addTriggers adds the tools that make the server say that it has changed.
func addTriggers(s *pdk.Server) {
	trigger := func(name, description string, notify func(context.Context) error) {
		add(s, name, description, func(ctx context.Context) (*pdk.ToolResult, error) {
			if err := notify(ctx); err != nil {
				return nil, err
			}
			return pdk.TextResult("notified"), nil
		})
	}
	trigger("test_trigger_tool_change", "Says that the list of tools has changed.", pdk.ToolsChanged)
	trigger("test_trigger_prompt_change", "Says that the list of prompts has changed.", pdk.PromptsChanged)
	trigger("test_trigger_resource_change", "Says that the list of resources has changed.", pdk.ResourcesChanged)
	trigger("test_trigger_resource_update", "Says that the watched resource has changed.", func(ctx context.Context) error {
		return pdk.ResourceUpdated(ctx, watched)
	})
}
