package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// tracker is an API that wants a token.
func tracker(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/user", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"login":"ada"}`)) })
	mux.HandleFunc("/issues", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[{},{}]`)) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// connect returns a client of the server.
func connect(t *testing.T, url, token string) *mcp.ClientSession {
	t.Helper()
	here, there := mcp.NewInMemoryTransports()
	server, err := newServer(url, token).Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Wait()
	})
	return client
}

func TestTools(t *testing.T) {
	t.Parallel()
	url := tracker(t)
	tests := []struct{ name, tool, token, want string }{
		{"account", "whoami", "s3cret", `{"login":"ada"}`},
		{"count", "count_issues", "s3cret", `{"open":2}`},
		{"wrong token", "whoami", "wrong", `/user: the API says 401 Unauthorized`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := connect(t, url, tt.token).CallTool(context.Background(), &mcp.CallToolParams{Name: tt.tool})
			if err != nil {
				t.Fatal(err)
			}
			got := r.Content[0].(*mcp.TextContent).Text
			if got != tt.want || r.IsError != !json.Valid([]byte(tt.want)) {
				t.Errorf("got %s (error: %v), want %s", got, r.IsError, tt.want)
			}
		})
	}
}
