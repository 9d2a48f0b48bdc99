package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
)

const byIdentity = `trust:
  root: root.json
  rules:
    - repositories: [ghcr.io/*, ghcr.io/acme/*]
      signers: [{identityPattern: 'https://github\.com/acme/.*', issuer: https://issuer.example.com}]
`

// TestRoot reads a trusted root, and warns when it has ended.
func TestRoot(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.json"), string(signtest.New(t).RootJSON(t, signtest.Parts{Log: true}, nil)))
	f, err := Parse(filepath.Join(dir, "m.yaml"), []byte(byIdentity), lookup)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.TrustPolicy()
	if err != nil || len(p.Rules[0].Signers) != 1 || p.Rules[0].Signers[0].String() != `https://github\.com/acme/.* https://issuer.example.com` {
		t.Fatalf("%+v, %v", p, err)
	}
	const redundant = "m.yaml:4:33: trust.rules[0].repositories[1]: ghcr.io/* stands for it already: leave it out"
	for _, tt := range []struct {
		name string
		now  time.Time
		want []string
	}{
		{"now", time.Now(), []string{redundant}},
		{"later", time.Now().AddDate(100, 0, 0), []string{"m.yaml:2:3: trust.root: it ended on ", redundant}},
	} {
		warnings := f.Warnings(tt.now)
		if len(warnings) != len(tt.want) {
			t.Fatalf("%s: %v", tt.name, warnings)
		}
		for i, w := range warnings {
			if text := strings.TrimPrefix(w.String(), dir+string(filepath.Separator)); !strings.HasPrefix(text, tt.want[i]) {
				t.Errorf("%s: %s, want %s", tt.name, text, tt.want[i])
			}
		}
	}
}
