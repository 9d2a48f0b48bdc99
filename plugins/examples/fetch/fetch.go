package main

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// maxBody bounds what is read of a page, in bytes.
const maxBody = 8 << 20

// defaultChars is how many characters are returned unless a caller says so.
const defaultChars = 20_000

// client makes the requests; a test has its own.
var client = http.DefaultClient

type fetchIn struct {
	URL        string `json:"url" jsonschema:"what to get: an absolute http or https URL" minLength:"1" maxLength:"8000"`
	MaxChars   int    `json:"maxChars,omitempty" jsonschema:"how many characters to return at most" minimum:"1" maximum:"1000000" default:"20000"`
	StartIndex int    `json:"startIndex,omitempty" jsonschema:"from which character on, where an earlier answer was cut" minimum:"0" default:"0"`
	Raw        bool   `json:"raw,omitempty" jsonschema:"return HTML as it is and not as Markdown"`
}

func fetch(ctx context.Context, in fetchIn) (*pdk.ToolResult, error) {
	p, err := get(ctx, in.URL)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(p.mediaType, "image/") && p.mediaType != "image/svg+xml" {
		return &pdk.ToolResult{Content: []pdk.Content{pdk.Image(p.body, p.mediaType)}}, nil
	}
	text, err := p.text(in.Raw)
	if err != nil {
		return nil, err
	}
	if p.status != "" {
		return &pdk.ToolResult{IsError: true, Content: []pdk.Content{
			pdk.Text(fmt.Sprintf("%s: the server says %s\n\n%s", p.url, p.status, window(text, in)))}}, nil
	}
	return pdk.TextResult(window(text, in)), nil
}

// page is what is at a URL.
type page struct {
	url         *url.URL // where it was in the end
	status      string   // "" for success
	contentType string
	mediaType   string
	body        []byte
}

// get reads a page, following up to ten redirects.
func get(ctx context.Context, address string) (*page, error) {
	r, err := newRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/html, text/markdown, text/plain, application/json, */*;q=0.5")
	return exchange(r)
}

// newRequest returns a request for an absolute URL of the web.
func newRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no absolute http or https URL", address)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "mcpwasm-fetch/1.0")
	return r, nil
}

// exchange sends a request and reads what comes back.
func exchange(r *http.Request) (*page, error) {
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	p := &page{url: resp.Request.URL, contentType: resp.Header.Get("Content-Type")}
	if resp.StatusCode/100 != 2 {
		p.status = resp.Status
	}
	p.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(p.body) > maxBody {
		return nil, fmt.Errorf("%s has more than %d bytes", p.url, maxBody)
	}
	p.mediaType = mediaType(p.contentType, p.body)
	return p, nil
}

// mediaType returns the type that the server names, or the one that the bytes
// look like.
func mediaType(contentType string, body []byte) string {
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		return t
	}
	t, _, _ := strings.Cut(http.DetectContentType(body), ";")
	return t
}

// text returns the page as text in UTF-8.
func (p *page) text(raw bool) (string, error) {
	if !isText(p.mediaType) {
		return "", fmt.Errorf("%s is %s, %d bytes: only text and images can be returned", p.url, p.mediaType, len(p.body))
	}
	e, _, _ := charset.DetermineEncoding(p.body, p.contentType)
	if strings.HasSuffix(p.mediaType, "json") {
		e, _ = charset.Lookup("utf-8") // RFC 8259, section 8.1
	}
	b, err := e.NewDecoder().Bytes(p.body)
	if err != nil {
		return "", fmt.Errorf("%s: decode: %w", p.url, err)
	}
	text := strings.ToValidUTF8(string(b), "\ufffd")
	if raw || p.mediaType != "text/html" && p.mediaType != "application/xhtml+xml" {
		return text, nil
	}
	return markdown(text, p.url)
}

// isText reports whether a type is one of text.
func isText(t string) bool {
	switch t {
	case "application/json", "application/xml", "application/xhtml+xml", "application/javascript", "application/yaml", "application/toml", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml")
}

// window returns the part of a text that was asked for, and says what is left.
func window(text string, in fetchIn) string {
	limit := in.MaxChars
	if limit == 0 {
		limit = defaultChars
	}
	total := utf8.RuneCountInString(text)
	if in.StartIndex == 0 && total <= limit {
		return text
	}
	if in.StartIndex >= total {
		return fmt.Sprintf("[the text has %d characters and ends before startIndex %d]", total, in.StartIndex)
	}
	end := min(in.StartIndex+limit, total)
	part := string([]rune(text)[in.StartIndex:end])
	if end < total {
		part += fmt.Sprintf("\n\n[cut at character %d of %d: go on with startIndex %d]", end, total, end)
	}
	return part
}
