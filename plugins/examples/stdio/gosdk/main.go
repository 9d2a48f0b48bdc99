// Command gosdk is an ordinary stdio MCP server, a small notebook, written with
// the official Go SDK. Nothing in it knows of Wasm or of mcpwasm: it builds for
// the sandbox with
//
//	GOOS=wasip1 GOARCH=wasm go build -o gosdk.wasm ./gosdk
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	err := newServer().Run(context.Background(), &mcp.StdioTransport{})
	if err != nil && !errors.Is(err, io.EOF) {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}

// notebook holds notes by title, for as long as the server runs.
type notebook struct {
	mu    sync.Mutex
	notes map[string]string
}

const allNotes = "notes://all"

func newServer() *mcp.Server {
	n := &notebook{notes: map[string]string{}}
	s := mcp.NewServer(&mcp.Implementation{Name: "notebook", Version: "1.0.0"}, &mcp.ServerOptions{
		Instructions:       "Keeps notes while it runs.",
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	mcp.AddTool(s, &mcp.Tool{Name: "add_note", Description: "Writes a note, or replaces the one with the same title."},
		func(ctx context.Context, req *mcp.CallToolRequest, in note) (*mcp.CallToolResult, any, error) {
			return n.add(ctx, s, req, in)
		})
	mcp.AddTool(s, &mcp.Tool{Name: "delete_note", Description: "Deletes a note, after asking whether it should."}, n.remove)
	mcp.AddTool(s, &mcp.Tool{Name: "count_words", Description: "Counts the words of all notes, one note after the other."}, n.count)
	s.AddResource(&mcp.Resource{URI: allNotes, Name: "all notes", MIMEType: "text/markdown"}, n.read)
	s.AddPrompt(&mcp.Prompt{Name: "summarise", Description: "Asks for a summary of the notes.",
		Arguments: []*mcp.PromptArgument{{Name: "language", Description: "the language of the summary"}}}, n.prompt)
	return s
}

type note struct {
	Title string `json:"title" jsonschema:"what the note is found by"`
	Text  string `json:"text" jsonschema:"the note itself"`
}

func (n *notebook) add(ctx context.Context, s *mcp.Server, req *mcp.CallToolRequest, in note) (*mcp.CallToolResult, any, error) {
	n.mu.Lock()
	_, replaced := n.notes[in.Title]
	n.notes[in.Title] = in.Text
	n.mu.Unlock()
	if err := req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Logger: "notebook", Data: fmt.Sprintf("wrote %q", in.Title)}); err != nil {
		return nil, nil, err
	}
	if err := s.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: allNotes}); err != nil {
		return nil, nil, err
	}
	if replaced {
		return text("Replaced."), nil, nil
	}
	return text("Added."), nil, nil
}

type title struct {
	Title string `json:"title" jsonschema:"the note's title"`
}

// remove asks first: the first round returns a question, the second one has the
// answer.
func (n *notebook) remove(_ context.Context, req *mcp.CallToolRequest, in title) (*mcp.CallToolResult, any, error) {
	answer, asked := req.Params.InputResponses["confirm"].(*mcp.ElicitResult)
	if !asked {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"confirm": &mcp.ElicitParams{
			Message: fmt.Sprintf("Delete the note %q?", in.Title),
			RequestedSchema: &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{
				"sure": {Type: "boolean", Title: "Yes, delete it"},
			}, Required: []string{"sure"}},
		}}}, nil, nil
	}
	if sure, _ := answer.Content["sure"].(bool); answer.Action != "accept" || !sure {
		return text("Kept."), nil, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.notes[in.Title]; !ok {
		return nil, nil, fmt.Errorf("there is no note %q", in.Title)
	}
	delete(n.notes, in.Title)
	return text("Deleted."), nil, nil
}

type counted struct {
	Words int `json:"words" jsonschema:"words in all notes"`
}

func (n *notebook) count(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, counted, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out counted
	token := req.Params.GetProgressToken()
	for i, t := range n.titles() {
		out.Words += len(strings.Fields(n.notes[t]))
		if token == nil {
			continue
		}
		err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Progress: float64(i + 1), Total: float64(len(n.notes)), Message: t})
		if err != nil {
			return nil, out, err
		}
	}
	return nil, out, nil
}

// titles returns the titles in order; the lock is held.
func (n *notebook) titles() []string {
	titles := make([]string, 0, len(n.notes))
	for t := range n.notes {
		titles = append(titles, t)
	}
	slices.Sort(titles)
	return titles
}

func (n *notebook) markdown() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	for _, t := range n.titles() {
		fmt.Fprintf(&b, "# %s\n\n%s\n\n", t, n.notes[t])
	}
	return b.String()
}

func (n *notebook) read(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	text := n.markdown()
	if text == "" {
		text = "No notes yet.\n" // the SDK leaves an empty text out, and a resource without one is none
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: allNotes, MIMEType: "text/markdown", Text: text}}}, nil
}

func (n *notebook) prompt(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	language := req.Params.Arguments["language"]
	if language == "" {
		language = "English"
	}
	return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{
		Text: fmt.Sprintf("Summarise these notes in %s:\n\n%s", language, n.markdown()),
	}}}}, nil
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}
