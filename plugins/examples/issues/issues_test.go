package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/examples/issues/standin/tracker"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestMain(m *testing.M) {
	client = &http.Client{Transport: hosthttp.Transport{}} // as in a guest
	os.Exit(m.Run())
}

// serve starts a tracker and returns who asks, with the given token.
func serve(t *testing.T, token string) pdktest.Client {
	s := httptest.NewServer(tracker.New("s3cret"))
	t.Cleanup(s.Close)
	t.Setenv("API_URL", s.URL+"/")
	return pdktest.Client{Effects: &pdktest.Effects{
		HTTP: http.DefaultTransport, Secrets: map[string]string{"API_TOKEN": token},
	}}
}

func TestTools(t *testing.T) {
	c := serve(t, "s3cret")
	steps := []struct {
		name, tool string
		in         map[string]any
		want       string
	}{
		{"account", "whoami", nil, `{"login":"ada","name":"Ada"}`},
		{"open", "list_issues", nil, `{"issues":[{"number":1,"title":"The door squeaks","body":"Every morning.","state":"open","labels":["bug"],"author":"ada","created":"2026-01-05T09:00:00Z"}]}`},
		{"by label", "list_issues", map[string]any{"state": "all", "label": "wish"}, `{"issues":[{"number":2,"title":"Paint the wall","body":"White, please.","state":"closed","labels":["wish"],"author":"ada","created":"2026-01-06T09:00:00Z"}]}`},
		{"page", "list_issues", map[string]any{"state": "all", "page": 3, "count": 1}, `{"issues":[]}`},
		{"create", "create_issue", map[string]any{"title": "Müll & Co", "labels": []string{"new"}}, `{"number":3,"title":"Müll & Co","state":"open","labels":["new"],"author":"ada","created":"`},
		{"created", "list_issues", map[string]any{"label": "new"}, `{"issues":[{"number":3,"title":"Müll & Co"`},
	}
	for _, step := range steps {
		a := c.CallTool(t, step.tool, step.in)
		if a.IsError() || !strings.HasPrefix(a.Text(), step.want) {
			t.Errorf("%s: got %s, want %s", step.name, a.Raw, step.want)
		}
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, c *pdktest.Client)
		want   string
	}{
		{"wrong token", func(t *testing.T, c *pdktest.Client) { *c = serve(t, "wrong") }, "the tracker says 401 Unauthorized: Bad credentials"},
		{"no secret", func(_ *testing.T, c *pdktest.Client) { c.Effects.Secrets = nil }, "missing grant: --secret API_TOKEN"},
		{"no HTTP", func(_ *testing.T, c *pdktest.Client) { c.Effects.HTTP = nil }, "missing grant: --allow-http"},
		{"no URL", func(t *testing.T, _ *pdktest.Client) { t.Setenv("API_URL", "") }, "API_URL is not set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, "s3cret")
			tt.change(t, &c)
			if a := c.CallTool(t, "whoami", nil); !a.IsError() || !strings.Contains(a.Text(), tt.want) {
				t.Errorf("got %s, want %s", a.Raw, tt.want)
			}
		})
	}
}

// TestAsks: a package gets what it asks for at most, and so the token for the host
// that it may reach.
func TestAsks(t *testing.T) {
	raw := string(pdktest.Client{}.Call(t, "server/discover", nil).Raw)
	for _, want := range []string{
		`"http":[{"host":"api.github.com","methods":["GET","POST"],`,
		`"secrets":[{"name":"API_TOKEN","hosts":["api.github.com"],`,
		`"env":[{"name":"API_URL",`,
	} {
		if !strings.Contains(raw, want) {
			t.Errorf("discovery %s does not have\n%s", raw, want)
		}
	}
}
