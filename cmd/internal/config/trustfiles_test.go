package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// writeKeys writes a public key for each of the names into a folder.
func writeKeys(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		key, err := sign.GenerateKey(sign.ECDSA)
		if err != nil {
			t.Fatal(err)
		}
		public, err := sign.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".pub"), string(public))
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTrustPolicy(t *testing.T) {
	dir := t.TempDir()
	writeKeys(t, dir, "a", "b")
	f, err := Parse(filepath.Join(dir, "m.yaml"), []byte(`trust:
  rules:
    - repositories: [ghcr.io/acme/*]
      signers: [{key: a.pub}, {key: ./b.pub}]
      names: [acme/x]
      threshold: 2
      attestations: [{type: slsa, signers: [{key: b.pub}]}, {type: "https://example.com/x"}]
      capabilities: {env: [A]}
  lock: {signers: [{key: b.pub}]}
`), lookup)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.TrustPolicy()
	if err != nil {
		t.Fatal(err)
	}
	ref := oci.Reference{Registry: "ghcr.io", Repository: "acme/x"}
	r, pattern, err := p.Match(ref)
	if err != nil || pattern != "ghcr.io/acme/*" || len(r.Signers) != 2 || r.Threshold != 2 || r.Signers[0].String() != "a.pub" || r.Signers[1].String() != "./b.pub" {
		t.Errorf("%+v, %q, %v", r, pattern, err)
	}
	if len(r.Attestations) != 2 || r.Attestations[0].PredicateType != sign.PredicateSLSA || len(r.Attestations[0].Signers) != 1 ||
		r.Attestations[1].PredicateType != "https://example.com/x" || r.Attestations[1].Signers != nil {
		t.Errorf("attestations %+v", r.Attestations)
	}
	if err := p.CheckCapabilities(ref, &plugins.Requests{Env: []plugins.EnvRequest{{Name: "A"}}}); err != nil {
		t.Error(err)
	}
	if err := p.CheckName(ref, "acme/y"); err == nil || p.CheckName(ref, "acme/x") != nil {
		t.Errorf("names: %v", err)
	}
	if signers, err := f.LockSigners(); err != nil || len(signers) != 1 || signers[0].String() != "b.pub" {
		t.Errorf("signers of the lock: %v, %v", signers, err)
	}
	if _, err := p.CheckSignatures(context.Background(), ref, ocitest.New(), oci.DigestOf(nil)); err == nil || !strings.Contains(err.Error(), "signatures by 2 different ones of a.pub, ./b.pub") {
		t.Errorf("%v", err)
	}
}

// TestNoTrust: without the section nothing is trusted, and the lock need not be
// signed.
func TestNoTrust(t *testing.T) {
	f := Empty("m.yaml")
	p, err := f.TrustPolicy()
	if _, _, match := p.Match(oci.Reference{Registry: "ghcr.io", Repository: "acme/x"}); err != nil || match == nil {
		t.Errorf("%v, %v", err, match)
	}
	if signers, err := f.LockSigners(); err != nil || signers != nil {
		t.Errorf("%v, %v", signers, err)
	}
}

func TestTrustPolicyRefuses(t *testing.T) {
	dir := t.TempDir()
	writeKeys(t, dir, "a")
	key, err := sign.GenerateKey(sign.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	private, err := sign.MarshalPrivateKey(key, []byte("password"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.key"), string(private))
	write(t, filepath.Join(dir, "text.pub"), "no key")
	write(t, filepath.Join(dir, "large.pub"), strings.Repeat("x", maxKeyBytes+1))
	write(t, filepath.Join(dir, "bad.json"), "{}")
	const identity = "{identity: a, issuer: b}"
	tests := []struct {
		name, trust string
		want        []string // with DIR for the folder
	}{
		{"no such key", "rules: [{repositories: ['*'], signers: [{key: none.pub}]}]", []string{"m.yaml:2:44: trust.rules[0].signers[0].key: key DIR/none.pub: there is no such file"}},
		{"a folder", "rules: [{repositories: ['*'], signers: [{key: .}]}]", []string{"m.yaml:2:44: trust.rules[0].signers[0].key: key DIR: it is not a regular file"}},
		{"no key", "rules: [{repositories: ['*'], signers: [{key: text.pub}]}]", []string{"m.yaml:2:44: trust.rules[0].signers[0].key: key DIR/text.pub: public key: no PEM block in it"}},
		{"a private key", "rules: [{repositories: ['*'], signers: [{key: a.key}]}]", []string{"m.yaml:2:44: trust.rules[0].signers[0].key: key DIR/a.key: it is a private key: name the public one, and keep this one secret"}},
		{"too large", "rules: [{repositories: ['*'], signers: [{key: large.pub}]}]", []string{"m.yaml:2:44: trust.rules[0].signers[0].key: key DIR/large.pub: it is larger than 65536 bytes"}},
		{"every one", "rules: [{repositories: ['*'], signers: [{key: a.pub}, {key: x.pub}], attestations: [{type: slsa, signers: [{key: y.pub}]}]}]",
			[]string{"m.yaml:2:58: trust.rules[0].signers[1].key: key DIR/x.pub: there", "m.yaml:2:111: trust.rules[0].attestations[0].signers[0].key: key DIR/y.pub: there"}},
		{"no root, once", "{root: none.json, rules: [{repositories: ['*'], signers: [" + identity + ", {identity: c, issuer: d}]}]}", []string{"m.yaml:2:4: trust.root: trusted root DIR/none.json: there is no such file"}},
		{"bad root", "{root: bad.json, rules: [{repositories: ['*'], signers: [" + identity + "]}]}", []string{"m.yaml:2:4: trust.root: trusted root DIR/bad.json: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(filepath.Join(dir, "m.yaml"), []byte("trust:\n  "+tt.trust+"\n"), lookup)
			if err != nil {
				t.Fatal(err)
			}
			p, err := f.TrustPolicy()
			problems, ok := err.(Errors) //nolint:errorlint // it is documented to be one
			if !ok || len(problems) != len(tt.want) || len(p.Rules) != 0 {
				t.Fatalf("%v, %v, want %q", p, err, tt.want)
			}
			for i, problem := range problems {
				text := strings.ReplaceAll(strings.ReplaceAll(problem.String(), dir+string(filepath.Separator), "DIR/"), "DIR/m.yaml", "m.yaml")
				if text = strings.ReplaceAll(text, dir, "DIR"); !strings.HasPrefix(text, tt.want[i]) {
					t.Errorf("%s\nwant %s", text, tt.want[i])
				}
			}
		})
	}
}
