package host_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// policy compiles a policy of rules in YAML.
func policy(t testing.TB, rules string) *cel.Policy {
	t.Helper()
	p, err := cel.Parse("policy.yaml", []byte("rules:\n"+rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everything allows all that was granted.
const everything = "  - {name: everything, on: [list, call, effect, result], then: allow}\n"

// policyFile compiles a policy of testdata/policies.
func policyFile(t testing.TB, name string) *cel.Policy {
	t.Helper()
	path := filepath.Join("testdata", "policies", name+".yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := cel.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// named authenticates by a header.
func named(r *http.Request) (host.Principal, error) {
	who := r.Header.Get("X-User")
	if who == "" {
		return host.Principal{}, errors.New("nobody")
	}
	return host.Principal{Subject: who, Claims: map[string]any{"role": strings.TrimSuffix(who, "2")}}, nil
}

// TestPolicySeesPrincipals: what one has read is not held against another, and claims
// decide.
func TestPolicySeesPrincipals(t *testing.T) {
	t.Parallel()
	h := open(t, host.Config{
		Servers: []host.Server{{Name: "everything", Source: guest(t, "everything"),
			Labels: host.Labels{Tools: map[string][]string{"test_simple_text": {"reads:private"}}},
			Tags:   map[string][]string{"test_error_handling": {"odd"}}}},
		Policy: policy(t, everything+`
  - {name: no-way-out, on: call, tool: test_embedded_resource, server: everything, when: '"reads:private" in session.labels', then: deny}
  - {name: no-odd, on: list, when: '"odd" in tool.tags && principal.claims.role != "ada"', then: deny}
`),
		HTTP: host.HTTPOptions{Principal: named},
	})
	s := httptest.NewServer(h.Handler())
	defer s.Close()
	for _, tc := range []struct {
		who, tool string
		denied    string
	}{
		{"ada", "test_embedded_resource", ""},
		{"ada", "test_simple_text", ""},
		{"ada", "test_embedded_resource", "no-way-out"},
		{"bob", "test_embedded_resource", ""},
		{"ada2", "test_embedded_resource", ""},
		{"ada2", "test_image_content", ""},
		{"bob", "test_error_handling", "no-odd"},
	} {
		text, failed := callAs(t, s.URL, tc.who, tc.tool, `{}`)
		if failed != (tc.denied != "") || !strings.Contains(text, tc.denied) {
			t.Errorf("%s calls %s: %q, want %q", tc.who, tc.tool, text, tc.denied)
		}
	}
}

// TestSetPolicy: another policy is in force at once, under calls and lists.
func TestSetPolicy(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := open(t, host.Config{Policy: policy(t, everything), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Servers: []host.Server{{Name: "everything", Source: guest(t, "everything")}}})
	mustSay(t, h, "test_simple_text", nil, "A plain text result.")
	nothing := policy(t, "  - {name: nothing, on: [list, call], then: deny, message: Closed for today.}\n")
	if err := h.SetPolicy(nothing); err != nil {
		t.Fatal(err)
	}
	mustFail(t, h, "test_simple_text", nil, "Denied by the policy (rule nothing): Closed for today.")
	if a, err := h.Call(t.Context(), plugins.MethodListTools, nil, nil); err != nil || !bytes.Contains(a.Result, []byte(`"tools":[]`)) {
		t.Errorf("list = %s %v", a.Result, err)
	}
	if !strings.Contains(log.String(), `msg="denied by the policy" phase=call server=everything tool=test_simple_text method=tools/call rule=nothing`) {
		t.Errorf("log: %s", &log)
	}
	if err := h.SetPolicy(nil); err != nil { // the default
		t.Fatal(err)
	}
	mustSay(t, h, "test_simple_text", nil, "A plain text result.")
}

// TestSetPolicyUnderCalls: calls of real guests end by one policy or the other.
func TestSetPolicyUnderCalls(t *testing.T) {
	t.Parallel()
	open1, closed := policy(t, everything), policy(t, "  - {name: closed, on: [list, call, effect, result], then: deny}\n")
	h := open(t, host.Config{Policy: open1, Logger: slog.New(slog.DiscardHandler), Servers: []host.Server{{Name: "hello", Source: guest(t, "hello")}}})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				raw, err := h.CallTool(t.Context(), "greet", toolArgs{"name": "Ada"})
				if err != nil || bytes.Contains(raw, []byte("Ada")) == bytes.Contains(raw, []byte("rule closed")) {
					t.Errorf("%s, %v", raw, err)
				}
			}
		})
	}
	all.Go(func() {
		for i := range 50 {
			if err := h.SetPolicy([]*cel.Policy{closed, open1}[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

// TestApprovals: what somebody has allowed for good holds in the next process, is
// listed, and can be taken back.
func TestApprovals(t *testing.T) {
	t.Parallel()
	data := newStore(t)
	config := host.Config{Store: data, HTTP: host.HTTPOptions{Principal: named},
		Servers: []host.Server{{Name: "everything", Source: guest(t, "everything")}}, Policy: policyFile(t, "tour")}
	call := func(s *httptest.Server, more string) string {
		t.Helper()
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`
		return postAs(t, s.URL, "ada", "test_simple_text", fmt.Sprintf(`{"name":"test_simple_text",%s%s}`, more, meta))
	}
	first := httptest.NewServer(open(t, config).Handler())
	defer first.Close()
	var asked struct{ RequestState string }
	if err := json.Unmarshal([]byte(call(first, "")), &asked); err != nil || asked.RequestState == "" {
		t.Fatalf("not asked: %v", err)
	}
	const always = `"inputResponses":{"mcpwasm/policy":{"action":"accept","content":{"remember":"always"}}},`
	if got := call(first, always+`"requestState":"`+asked.RequestState+`",`); !strings.Contains(got, "A plain text result.") {
		t.Fatalf("after the answer: %s", got)
	}
	second := httptest.NewServer(open(t, config).Handler())
	defer second.Close()
	if got := call(second, ""); !strings.Contains(got, "A plain text result.") {
		t.Fatalf("the next process asks again: %s", got)
	}
	all, err := host.Approvals(t.Context(), data)
	if err != nil || len(all) != 1 || all[0].Principal != "ada" || all[0].Rule != "looked-at" || all[0].Tool != "test_simple_text" {
		t.Fatalf("approvals = %+v, %v", all, err)
	}
	if err := host.Forget(t.Context(), data, all[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := host.Forget(t.Context(), data, all[0].ID); !errors.Is(err, host.ErrNoApproval) {
		t.Errorf("forgotten twice: %v", err)
	}
	if got := call(second, ""); !strings.Contains(got, "input_required") {
		t.Errorf("what was taken back still holds: %s", got)
	}
}
