package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// maxAnswer bounds what is read of the API's answer, in bytes.
const maxAnswer = 4 << 20

// client asks the API; a test has its own.
var client = http.DefaultClient

// Issue is an issue of the tracker.
type Issue struct {
	Number  int       `json:"number"`
	Title   string    `json:"title"`
	Body    string    `json:"body,omitempty"`
	State   string    `json:"state" jsonschema:"open or closed"`
	Labels  []string  `json:"labels,omitempty"`
	Author  string    `json:"author,omitempty"`
	Created time.Time `json:"created"`
}

// account is who a token belongs to.
type account struct {
	Login string `json:"login"`
	Name  string `json:"name,omitempty"`
}

func whoami(ctx context.Context, _ struct{}) (account, error) {
	var a account
	return a, ask(ctx, http.MethodGet, "/user", nil, nil, &a)
}

type listIn struct {
	State string `json:"state,omitempty" jsonschema:"which issues" enum:"open,closed,all" default:"open"`
	Label string `json:"label,omitempty" jsonschema:"only issues with this label"`
	Page  int    `json:"page,omitempty" jsonschema:"which page, from 1" minimum:"1" default:"1"`
	Count int    `json:"count,omitempty" jsonschema:"issues on a page" minimum:"1" maximum:"100" default:"30"`
}

type issueList struct {
	Issues []Issue `json:"issues"`
}

func listIssues(ctx context.Context, in listIn) (issueList, error) {
	query := url.Values{"state": {"open"}, "per_page": {"30"}}
	if in.State != "" {
		query.Set("state", in.State)
	}
	if in.Label != "" {
		query.Set("labels", in.Label)
	}
	if in.Page > 0 {
		query.Set("page", strconv.Itoa(in.Page))
	}
	if in.Count > 0 {
		query.Set("per_page", strconv.Itoa(in.Count))
	}
	out := issueList{Issues: []Issue{}}
	return out, ask(ctx, http.MethodGet, "/issues", query, nil, &out.Issues)
}

type createIn struct {
	Title  string   `json:"title" jsonschema:"what is wrong, in one line" minLength:"1" maxLength:"200"`
	Body   string   `json:"body,omitempty" jsonschema:"the details, in Markdown"`
	Labels []string `json:"labels,omitempty" maxItems:"20"`
}

func createIssue(ctx context.Context, in createIn) (Issue, error) {
	var out Issue
	return out, ask(ctx, http.MethodPost, "/issues", nil, in, &out)
}

// ask sends a request with the token and reads the answer into to.
func ask(ctx context.Context, method, path string, query url.Values, body, to any) error {
	r, err := newRequest(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", method, path, err)
	case len(b) > maxAnswer:
		return fmt.Errorf("%s %s: the answer has more than %d bytes", method, path, maxAnswer)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: the tracker says %s: %s", method, path, resp.Status, reason(b))
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%s %s: the answer is not the JSON that is expected: %w", method, path, err)
	}
	return nil
}

func newRequest(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	base := os.Getenv("API_URL")
	if base == "" {
		return nil, errors.New("the variable API_URL is not set: ask the operator to start this server with --env API_URL=https://…")
	}
	token, err := pdk.Secret(ctx, "API_TOKEN")
	if err != nil {
		return nil, err
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	target := strings.TrimSuffix(base, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// reason returns what an error of the API says, in one line.
func reason(body []byte) string {
	var e struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) == nil && e.Message != "" {
		return e.Message
	}
	text := strings.Join(strings.Fields(string(body)), " ")
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return text
}
