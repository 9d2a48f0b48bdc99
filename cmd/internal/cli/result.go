package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// toolResult is what is shown of a tool's result (MCP 2026-07-28, server/tools,
// "Tool Result").
type toolResult struct {
	ResultType string            `json:"resultType"`
	Content    []json.RawMessage `json:"content"`
	Structured json.RawMessage   `json:"structuredContent"`
	IsError    bool              `json:"isError"`
}

// content is one block of a result.
type content struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Data     string `json:"data"` // base64
	MIMEType string `json:"mimeType"`
	URI      string `json:"uri"`
	Name     string `json:"name"`
	Resource struct {
		URI      string `json:"uri"`
		MIMEType string `json:"mimeType"`
		Text     string `json:"text"`
		Blob     string `json:"blob"` // base64
	} `json:"resource"`
}

// printResult prints a result and returns an error when it is one, or when it is
// only half the way to a result.
func printResult(s Streams, tool string, raw json.RawMessage, asJSON bool) error {
	var r toolResult
	if err := json.Unmarshal(raw, &r); err != nil {
		return &failure{ExitTool, fmt.Errorf("the result of %q is none: %w", tool, err), ""}
	}
	var err error
	if asJSON {
		err = writeJSON(s.Out, raw)
	} else {
		err = r.print(s.Out)
	}
	switch {
	case err != nil:
		return err
	case r.ResultType == plugins.ResultInputRequired:
		return &failure{
			ExitTool, fmt.Errorf("the tool %q asks for input before it goes on, which call cannot give", tool),
			"use it through an MCP client: mcpwasm run",
		}
	case r.IsError:
		return &failure{ExitTool, fmt.Errorf("the tool %q reports an error", tool), ""}
	}
	return nil
}

func (r *toolResult) print(w io.Writer) error {
	var b strings.Builder
	for _, raw := range r.Content {
		var c content
		if err := json.Unmarshal(raw, &c); err != nil {
			c = content{Type: "unreadable"}
		}
		if c.Type == "text" && sameJSON(c.Text, r.Structured) {
			continue // servers repeat structured content as text for older clients
		}
		b.WriteString(strings.TrimSuffix(c.String(), "\n") + "\n")
	}
	if !wire.IsNull(r.Structured) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, r.Structured, "", "  "); err != nil {
			return &failure{ExitTool, fmt.Errorf("structured content: %w", err), ""}
		}
		b.WriteString(indented.String() + "\n")
	}
	text := b.String()
	if isTerminal(w) {
		text = printable(text)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// String shows a block of content: text as it is, anything else as a note of
// what it is.
func (c content) String() string {
	size := func(b64 string) int { return len(strings.TrimRight(b64, "=")) * 3 / 4 }
	switch c.Type {
	case "text":
		return c.Text
	case "image", "audio":
		return fmt.Sprintf("[%s %s, %d bytes]", c.Type, c.MIMEType, size(c.Data))
	case "resource_link":
		return fmt.Sprintf("[link %s %s]", c.URI, c.Name)
	case "resource":
		if c.Resource.Blob != "" {
			return fmt.Sprintf("[resource %s %s, %d bytes]", c.Resource.URI, c.Resource.MIMEType, size(c.Resource.Blob))
		}
		return fmt.Sprintf("[resource %s]\n%s", c.Resource.URI, c.Resource.Text)
	}
	return fmt.Sprintf("[content of type %q]", c.Type)
}

// sameJSON reports whether a text is the same value as some JSON.
func sameJSON(text string, value json.RawMessage) bool {
	if wire.IsNull(value) {
		return false
	}
	a, errA := decodeNumbers(strings.NewReader(text))
	b, errB := decodeNumbers(bytes.NewReader(value))
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}

// decodeNumbers decodes one value and keeps the digits of its numbers.
func decodeNumbers(r io.Reader) (v any, err error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return v, nil
}
