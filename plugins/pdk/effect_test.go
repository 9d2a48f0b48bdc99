package pdk_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestSecret(t *testing.T) {
	t.Parallel()
	host := &pdktest.Effects{Secrets: map[string]string{"API_TOKEN": "s3cret"}}
	ctx, end := pdk.WithHost(t.Context(), pdk.Host{Effects: host.Open})
	defer end()
	handle, err := pdk.Secret(ctx, "API_TOKEN")
	if err != nil || handle == "" || strings.Contains(handle, "s3cret") {
		t.Errorf("got %q, %v, want a handle", handle, err)
	}
	var denial *pdk.EffectError
	if _, err := pdk.Secret(ctx, "OTHER"); !errors.Is(err, pdk.ErrDenied) || !errors.As(err, &denial) || !strings.HasPrefix(denial.Grant, "--secret OTHER") {
		t.Errorf("got %v, want a denial that names the grant", err)
	}
}

// TestEffectOfTool calls a tool that tells its client what the host says.
func TestEffectOfTool(t *testing.T) {
	t.Parallel()
	s := pdk.New("asks", "1.0.0")
	pdk.AddTool(s, pdk.Tool{Name: "ask"}, func(ctx context.Context, _ struct{}) (*pdk.ToolResult, error) {
		result, reply, err := pdk.Effect(ctx, "kv/set", map[string]string{"key": "a"}, strings.NewReader("x"))
		if err != nil {
			return nil, err
		}
		return pdk.TextResult(string(result)), reply.Close()
	})
	tests := []struct {
		name string
		host *pdktest.Effects
		want string
	}{
		{"granted", &pdktest.Effects{KV: &pdktest.KV{}}, `{"version":"1"}`},
		{"not granted", nil, "the key-value store is not granted (missing grant: --kv)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := pdktest.Client{Server: s, Effects: tt.host}.CallTool(t, "ask", nil)
			if a.Text() != tt.want || a.IsError() != (tt.host == nil) {
				t.Errorf("got %s, want %s", a.Raw, tt.want)
			}
		})
	}
}

// TestAsk has every member, under the names of plugins/manifest.schema.json.
func TestAsk(t *testing.T) {
	t.Parallel()
	s := pdk.New("asks", "1.0.0")
	s.Ask(pdk.Capabilities{
		HTTP:    []pdk.HTTPAsk{{Host: "*.example.com", Scheme: "http", Ports: []int{80}, Methods: []string{"GET"}, Paths: []string{"/v1"}, Reason: "why", Optional: true}},
		Files:   []pdk.FilesAsk{{Path: "/data", Access: "rw", QuotaBytes: 1, Reason: "why", Optional: true}},
		KV:      &pdk.KVAsk{Access: "ro", QuotaBytes: 1, Reason: "why", Optional: true},
		Secrets: []pdk.SecretAsk{{Name: "T", Hosts: []string{"example.com"}, In: []string{"header"}, Reason: "why", Optional: true}},
		Env:     []pdk.EnvAsk{{Name: "E", Reason: "why", Optional: true}},
		Clock:   &pdk.PlainAsk{Reason: "why"},
		Random:  &pdk.PlainAsk{},
	})
	raw := string(pdktest.Client{Server: s}.Call(t, "server/discover", nil).Raw)
	want := `"mcpwasm/capabilities":{"http":[{"host":"*.example.com","scheme":"http","ports":[80],"methods":["GET"],"paths":["/v1"],"reason":"why","optional":true}],` +
		`"files":[{"path":"/data","access":"rw","quotaBytes":1,"reason":"why","optional":true}],` +
		`"kv":{"access":"ro","quotaBytes":1,"reason":"why","optional":true},` +
		`"secrets":[{"name":"T","hosts":["example.com"],"in":["header"],"reason":"why","optional":true}],` +
		`"env":[{"name":"E","reason":"why","optional":true}],"clock":{"reason":"why"},"random":{}}`
	if !strings.Contains(raw, want) {
		t.Errorf("discovery %s does not have\n%s", raw, want)
	}
	plain := string(pdktest.Client{Server: pdk.New("plain", "1.0.0")}.Call(t, "server/discover", nil).Raw)
	if strings.Contains(plain, "mcpwasm/capabilities") {
		t.Errorf("a server that asks for nothing says %s", plain)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second Ask did not panic")
		}
	}()
	s.Ask(pdk.Capabilities{})
}
