package sign_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

const signingConfig = `{
  "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  "caUrls": [
    {"url": "https://old.example.com", "majorApiVersion": 1, "validFor": {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}, "operator": "a"},
    {"url": "https://fulcio.example.com", "majorApiVersion": 1, "validFor": {"start": "2021-01-01T00:00:00Z"}, "operator": "a"}
  ],
  "rekorTlogUrls": [{"url": "https://rekor.example.com", "majorApiVersion": 1, "validFor": {"start": "2021-01-01T00:00:00Z"}, "operator": "a"}],
  "tsaUrls": [{"url": "https://tsa.example.com/api", "majorApiVersion": 1, "validFor": {"start": "2021-01-01T00:00:00Z"}, "operator": "a"}],
  "rekorTlogConfig": {"selector": "ANY"},
  "tsaConfig": {"selector": "ANY"}
}`

func TestParseSigningConfig(t *testing.T) {
	got, err := sign.ParseSigningConfig([]byte(signingConfig))
	check(t, err)
	want := sign.Services{
		Fulcio: "https://fulcio.example.com", Logs: []sign.Log{{URL: "https://rekor.example.com", Version: 1}},
		Timestamps: []string{"https://tsa.example.com/api"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the services are %+v", got)
	}
	tests := []struct{ name, from, to, says string }{
		{"no authority that counts", `"end": "2021`, `"end": "2020`, ""},
		{"plain HTTP", "https://fulcio", "http://fulcio", "want https"},
		{"credentials in a URL", "https://rekor", "https://me:secret@rekor", "want https://HOST/PATH"},
		{"another type", "signingconfig.v0.2", "signingconfig.v0.9", "media type"},
		{"a name twice", `"caUrls"`, `"caUrls": [], "caUrls"`, "duplicate"},
		{"an unknown member", `"caUrls"`, `"extra": 1, "caUrls"`, "unknown field"},
		{"nothing about how many logs", `"rekorTlogConfig": {"selector": "ANY"},`, ``, "rekorTlogConfig: it is missing"},
		{"null about how many authorities", `"tsaConfig": {"selector": "ANY"}`, `"tsaConfig": null`, "tsaConfig: it is missing"},
		{"a version to come", `"majorApiVersion": 1, "validFor": {"start": "2021-01-01T00:00:00Z"}, "operator": "a"}]`, `"majorApiVersion": 9, "operator": "a"}]`, "transparency log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.Replace(signingConfig, tt.from, tt.to, 1)
			if changed == signingConfig {
				t.Fatal("nothing was changed")
			}
			_, err := sign.ParseSigningConfig([]byte(changed))
			if tt.says == "" {
				check(t, err)
			} else if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
}

func TestNewKeylessSignerRefuses(t *testing.T) {
	tests := []struct {
		name     string
		services sign.Services
		says     string
	}{
		{"no authority", sign.Services{}, "no certificate authority"},
		{"no time", sign.Services{Fulcio: "https://f.example.com"}, "when it was signed"},
		{"a log that tells no time", sign.Services{Fulcio: "https://f.example.com", Logs: []sign.Log{{"https://r.example.com", 2}}}, "when it was signed"},
		{"plain HTTP", sign.Services{Fulcio: "https://f.example.com", Timestamps: []string{"http://t.example.com"}}, "want https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sign.NewKeylessSigner(sign.KeylessConfig{Services: tt.services, Token: token}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the error is %v, want %q in it", err, tt.says)
			}
		})
	}
	if _, err := sign.NewKeylessSigner(sign.KeylessConfig{Services: sign.PublicServices()}); err == nil {
		t.Error("without a token")
	}
}

func TestGitHubToken(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
		says  string // "" where there is a token
	}{
		{"right", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "bearer b" || r.URL.RawQuery != "audience=sigstore&x=1" {
				t.Errorf("the request is %v %v", r.URL, r.Header)
			}
			_, _ = w.Write([]byte(`{"value":"the.token"}`))
		}, ""},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "status 403"},
		{"sent elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "redirects are not followed"},
		{"no token", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }, "no token"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, "no token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.serve)
			defer server.Close()
			got, err := sign.GitHubToken(t.Context(), server.URL+"/?x=1", "b")
			if tt.says == "" && (err != nil || got != "the.token") || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("the token is %q, the error %v", got, err)
			}
		})
	}
	if _, err := sign.GitHubToken(t.Context(), "http://example.com/", "b"); err == nil || !strings.Contains(err.Error(), "want https") {
		t.Errorf("in plain: %v", err)
	}
}
