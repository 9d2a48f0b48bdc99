package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type postIn struct {
	URL  string `json:"url" jsonschema:"where to send it: an absolute http or https URL" minLength:"1" maxLength:"8000"`
	Text string `json:"text" jsonschema:"what to send" maxLength:"1000000"`
	Type string `json:"type,omitempty" jsonschema:"its media type" maxLength:"200" default:"text/plain; charset=utf-8"`
}

// post sends a text and returns what the server says to it, as much as fetch does.
func post(ctx context.Context, in postIn) (*pdk.ToolResult, error) {
	r, err := newRequest(ctx, http.MethodPost, in.URL, strings.NewReader(in.Text))
	if err != nil {
		return nil, err
	}
	if in.Type == "" {
		in.Type = "text/plain; charset=utf-8"
	}
	r.Header.Set("Content-Type", in.Type)
	p, err := exchange(r)
	if err != nil {
		return nil, err
	}
	said := fmt.Sprintf("%s: sent", p.url)
	if p.status != "" {
		said = fmt.Sprintf("%s: the server says %s", p.url, p.status)
	}
	if len(p.body) > 0 && isText(p.mediaType) {
		text, err := p.text(false)
		if err != nil {
			return nil, err
		}
		said += "\n\n" + window(text, fetchIn{})
	}
	return &pdk.ToolResult{IsError: p.status != "", Content: []pdk.Content{pdk.Text(said)}}, nil
}
