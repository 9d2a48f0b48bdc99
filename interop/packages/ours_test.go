package packages

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trusting is the part of mcpwasm.yaml that trusts one signer in every repository.
func trusting(signer string) string {
	return "trust:\n  root: root.json\n  rules:\n    - repositories: [\"*\"]\n      signers:\n        - " + signer + "\n      capabilities: any\n"
}

// byKey trusts a key.
func byKey(file string) string {
	return strings.Replace(trusting("key: "+file), "  root: root.json\n", "", 1)
}

// byIdentity trusts an identity by the trusted root in root.json.
func byIdentity(identity, issuer string) string {
	return trusting("{identity: " + identity + ", issuer: " + issuer + "}")
}

// publish builds a package of a module, once, pushes it, and returns its digest.
func (p *place) publish(r *registry, module, repository, tag string) string {
	p.t.Helper()
	layout := filepath.Join(shared, strings.TrimSuffix(filepath.Base(module), ".wasm")+".oci")
	if _, err := os.Stat(layout); err != nil {
		p.must("mcpwasm", "build", "--cache-dir", shared, "-o", layout, module)
	}
	ref := r.host + "/" + repository + ":" + tag
	p.must("mcpwasm", "push", layout, ref)
	return p.digest(r, ref)
}

// digest asks oras what a tag names.
func (p *place) digest(r *registry, ref string) string {
	p.t.Helper()
	return strings.TrimSpace(p.must("oras", append([]string{"resolve", ref}, r.oras()...)...))
}

// at is a reference by digest.
func at(r *registry, repository, digest string) string {
	return fmt.Sprintf("%s/%s@%s", r.host, repository, digest)
}

// greets checks that a package of the sample hello answers a call.
func (p *place) greets(ref string, flags ...string) {
	p.t.Helper()
	out := p.must("mcpwasm", append(append([]string{"call"}, flags...), ref, "greet", `{"name":"you"}`)...)
	if !strings.Contains(out, "Hello, you!") {
		p.t.Fatalf("greet answered %q", out)
	}
}

// refuses checks that mcpwasm refuses, with its exit code for that, and returns
// what it says.
func (p *place) refuses(args ...string) string {
	p.t.Helper()
	r := p.run("mcpwasm", args...)
	if r.code != 3 {
		p.t.Fatalf("mcpwasm %s: exit code %d, want 3\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.err
}

func copyFile(t *testing.T, p *place, from, name string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	return p.write(name, b, 0o600)
}

// manifestOf returns a manifest as oras fetches it, with its bytes.
func (p *place) manifestOf(r *registry, ref string) (manifest, []byte) {
	p.t.Helper()
	text := p.must("oras", append([]string{"manifest", "fetch", ref}, r.oras()...)...)
	var m manifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		p.t.Fatal(err)
	}
	return m, []byte(text)
}
