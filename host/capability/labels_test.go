package capability

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// TestOpenLabels: labels of what was not granted are named, all of them at once, with
// what was most likely meant.
func TestOpenLabels(t *testing.T) {
	t.Parallel()
	label := []string{"reads:private"}
	tests := []struct {
		name   string
		labels effect.Labels
		want   []string // path and part of the text of each problem
	}{
		{"what is granted", effect.Labels{
			HTTP:    map[string][]string{"127.0.0.1:8443": label, "POST 127.0.0.1:8443/v1": {"sink:external", "a:b"}},
			Mounts:  map[string][]string{"/data": label},
			KV:      label,
			Secrets: map[string][]string{"TOKEN": label},
		}, nil},
		{"another host", effect.Labels{HTTP: map[string][]string{"127.0.0.2:8443": label}},
			[]string{"labels.http.127.0.0.2:8443", `no grant is for such requests: did you mean "127.0.0.1:8443"?`}},
		{"another port", effect.Labels{HTTP: map[string][]string{"127.0.0.1": label}}, []string{"labels.http.127.0.0.1", "no grant is for such requests"}},
		{"no grant", effect.Labels{HTTP: map[string][]string{"ftp://127.0.0.1": label}}, []string{"labels.http.ftp://127.0.0.1", "want https or http"}},
		{"no host", effect.Labels{HTTP: map[string][]string{"10.*": label}}, []string{"labels.http.10.*", "10.*"}},
		{"a folder that is not mounted", effect.Labels{Mounts: map[string][]string{"/date": label}},
			[]string{"labels.mounts./date", `a folder of this name is not granted: did you mean "/data"?`}},
		{"a folder with a slash", effect.Labels{Mounts: map[string][]string{"/data/": label}}, []string{"labels.mounts./data/", `did you mean "/data"?`}},
		{"a secret", effect.Labels{Secrets: map[string][]string{"TOKENS": label}},
			[]string{"labels.secrets.TOKENS", `a secret of this name is not granted: did you mean "TOKEN"?`}},
		{"what is no label", effect.Labels{
			HTTP: map[string][]string{"127.0.0.1:8443": {"private"}}, Mounts: map[string][]string{"/data": {"Reads:private"}},
			KV: []string{"reads:private", "x"}, Secrets: map[string][]string{"TOKEN": {""}},
		}, []string{
			"labels.http.127.0.0.1:8443", `label "private": want key:value`, "labels.mounts./data", `label "Reads:private"`,
			"labels.kv", `label "x"`, "labels.secrets.TOKEN", `label ""`,
		}},
		{"all of them", effect.Labels{
			HTTP: map[string][]string{"b.test": label, "a.test": label}, Mounts: map[string][]string{"/x": label}, Secrets: map[string][]string{"X": label},
		}, []string{
			"labels.http.a.test", "no grant", "labels.http.b.test", "no grant", "labels.mounts./x", "not granted", "labels.secrets.X", "not granted",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := everything(t)
			c.Labels, c.Log = tt.labels, (&logbook{}).logger()
			s, err := Open(t.Context(), c)
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			problems, _ := errors.AsType[plugins.GrantProblems](err)
			if len(problems) != len(tt.want)/2 || err != nil && len(problems) == 0 {
				t.Fatalf("problems:\n%v", err)
			}
			for i, p := range problems {
				if p.Path != tt.want[2*i] || !strings.Contains(p.Err.Error(), tt.want[2*i+1]) {
					t.Errorf("problem %v, want %s with %q", p, tt.want[2*i], tt.want[2*i+1])
				}
			}
		})
	}
	t.Run("data that is not granted", func(t *testing.T) {
		t.Parallel()
		c := withSecret(t)
		c.Labels, c.Log = effect.Labels{KV: label}, (&logbook{}).logger()
		if _, err := Open(t.Context(), c); err == nil || err.Error() != "labels.kv: key-value data is not granted" {
			t.Error(err)
		}
	})
}
