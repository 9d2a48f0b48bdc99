package packages

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
)

// ecdsaKey makes k.key and k.pub with cosign.
func ecdsaKey(p *place) { p.must("cosign3", "generate-key-pair", "--output-key-prefix", "k") }

// ed25519Key makes k.key and k.pub of a key that was made elsewhere.
func ed25519Key(p *place) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("plain.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	p.must("cosign3", "import-key-pair", "--key", "plain.key", "--output-key-prefix", "k")
}

// offline writes what keeps cosign from asking the world for its services: a
// configuration and a root without any.
func (p *place) offline() {
	p.write("services.json", []byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}`), 0o600)
	p.write("noroot.json", []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`), 0o600)
}

// The forms in which the versions of cosign sign, and how each is verified.
var forms = []struct {
	name         string
	sign, verify []string // without the references and the registry's flags
}{
	{"cosign 2, tag", []string{"cosign2", "sign", "--tlog-upload=false", "--key", "k.key"},
		[]string{"cosign2", "verify", "--private-infrastructure", "--key", "k.pub"}},
	{"cosign 2, bundle", []string{"cosign2", "sign", "--new-bundle-format", "--tlog-upload=false", "--key", "k.key"},
		[]string{"cosign2", "verify", "--new-bundle-format", "--trusted-root", "noroot.json", "--insecure-ignore-tlog", "--key", "k.pub"}},
	{"cosign 3, bundle", []string{"cosign3", "sign", "--signing-config", "services.json", "--trusted-root", "noroot.json", "--key", "k.key"},
		[]string{"cosign3", "verify", "--private-infrastructure", "--trusted-root", "noroot.json", "--key", "k.pub"}},
}

// cosign runs a command line of cosign's on a reference.
func (p *place) cosign(r *registry, line []string, ref string) {
	p.t.Helper()
	p.must(line[0], append(append(append([]string{}, line[1:]...), r.cosign()...), ref)...)
}

// TestSignedByCosign verifies cosign's signatures: by command, and by the trust
// policy of a server that is run.
func TestSignedByCosign(t *testing.T) {
	for _, r := range registries() {
		for _, form := range forms {
			t.Run(r.name+"/"+form.name, func(t *testing.T) {
				p := newPlace(t)
				p.offline()
				ecdsaKey(p)
				repository := slug(t.Name())
				ref := at(r, repository, p.publish(r, hello, repository, "1.0.0"))
				p.configure(byKey("k.pub"))
				p.refuses("verify", "--key", "k.pub", ref)
				p.refuses("call", ref, "greet", `{"name":"you"}`)

				p.cosign(r, form.sign, ref)
				p.cosign(r, form.verify, ref) // or else there is nothing to agree with
				p.must("mcpwasm", "verify", "--key", "k.pub", ref)
				p.greets(ref, "--cache-dir", r.cache())

				p.must("mcpwasm", "keygen", "--no-password", "-o", "other")
				p.refuses("verify", "--key", "other.pub", ref)
			})
		}
	}
}

// TestSignedByCosignWithEd25519 verifies what cosign does not: with a key of that
// kind from a file, it signs a hash (Ed25519ph, RFC 8032 section 5.1) and verifies
// without, so that version 2 refuses its own signatures, and version 3 does not
// make any. Ours are verified by both, see below.
func TestSignedByCosignWithEd25519(t *testing.T) {
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			p := newPlace(t)
			p.offline()
			ed25519Key(p)
			repository := slug(t.Name())
			ref := at(api, repository, p.publish(api, hello, repository, "1.0.0"))
			flags := append(api.cosign(), ref)
			r := p.run(form.sign[0], slices.Concat(form.sign[1:], flags)...)
			p.fails(form.verify[0], slices.Concat(form.verify[1:], flags)...)
			if signed := r.code == 0; signed != (form.sign[0] == "cosign2") {
				t.Fatalf("%s: exit code %d\n%s", form.name, r.code, r.err)
			} else if signed {
				p.must("mcpwasm", "verify", "--key", "k.pub", ref)
			}
		})
	}
}

// TestVerifiedByCosign has both versions of cosign verify our signatures, with
// our keys and with theirs.
func TestVerifiedByCosign(t *testing.T) {
	all := []struct {
		name string
		make func(p *place)
	}{
		{"our ECDSA key", func(p *place) { p.must("mcpwasm", "keygen", "--no-password", "-o", "k") }},
		{"our Ed25519 key", func(p *place) { p.must("mcpwasm", "keygen", "--no-password", "--type", "ed25519", "-o", "k") }},
		{"cosign's ECDSA key", ecdsaKey},
		{"a key that cosign imported", ed25519Key},
	}
	for _, r := range registries() {
		some := all[:1]
		if r == api { // the kind of a key has nothing to do with the registry's
			some = all
		}
		for _, key := range some {
			for _, form := range []struct {
				name   string
				flags  []string
				verify [][]string
			}{
				{"bundle", nil, [][]string{forms[1].verify, forms[2].verify}},
				{"tag", []string{"--tag-form"}, [][]string{forms[0].verify}},
			} {
				t.Run(r.name+"/"+key.name+"/"+form.name, func(t *testing.T) {
					p := newPlace(t)
					p.offline()
					key.make(p)
					repository := slug(t.Name())
					ref := at(r, repository, p.publish(r, hello, repository, "1.0.0"))
					p.must("mcpwasm", append(append([]string{"sign", "--key", "k.key"}, form.flags...), ref)...)
					p.must("mcpwasm", "verify", "--key", "k.pub", ref)
					for _, verify := range form.verify {
						p.cosign(r, verify, ref)
					}
				})
			}
		}
	}
}

// TestAttestations has cosign 3 attest: what it says is shown and can be required,
// and is never taken for a signature.
func TestAttestations(t *testing.T) {
	for _, r := range registries() {
		t.Run(r.name, func(t *testing.T) {
			p := newPlace(t)
			p.offline()
			ecdsaKey(p)
			repository := slug(t.Name())
			ref := at(r, repository, p.publish(r, hello, repository, "1.0.0"))
			p.write("provenance.json", []byte(`{"buildDefinition":{"buildType":"https://example.com/build","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/builder"}}}`), 0o600)
			attest := []string{"cosign3", "attest", "--signing-config", "services.json", "--trusted-root", "noroot.json", "--key", "k.key", "--type", "slsaprovenance1", "--predicate", "provenance.json"}
			p.cosign(r, attest, ref)

			p.refuses("verify", "--key", "k.pub", ref)
			required := strings.Replace(byKey("k.pub"), "      capabilities", "      attestations: [{type: slsa}]\n      capabilities", 1)
			p.configure(byKey("k.pub"))
			p.refuses("call", ref, "greet", `{"name":"you"}`)
			p.configure(required)
			p.refuses("call", ref, "greet", `{"name":"you"}`)

			p.cosign(r, forms[2].sign, ref)
			p.must("mcpwasm", "verify", "--key", "k.pub", ref)
			p.greets(ref, "--cache-dir", r.cache())
			if out := p.must("mcpwasm", "inspect", ref); !strings.Contains(out, "SLSA provenance, built by https://example.com/builder") {
				t.Errorf("inspect does not show the provenance:\n%s", out)
			}
		})
		t.Run(r.name+"/missing", func(t *testing.T) {
			p := newPlace(t)
			p.offline()
			ecdsaKey(p)
			repository := slug(t.Name())
			ref := at(r, repository, p.publish(r, hello, repository, "1.0.0"))
			p.cosign(r, forms[2].sign, ref)
			p.configure(strings.Replace(byKey("k.pub"), "      capabilities", "      attestations: [{type: slsa}]\n      capabilities", 1))
			p.refuses("call", ref, "greet", `{"name":"you"}`)

			// Ours is one that cosign verifies, too.
			p.write("provenance.json", []byte(`{"buildDefinition":{"buildType":"https://example.com/build","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/builder"}}}`), 0o600)
			p.must("mcpwasm", "attest", "--key", "k.key", "--type", "slsa", "--predicate", "provenance.json", ref)
			p.greets(ref, "--cache-dir", r.cache())
			p.cosign(r, []string{"cosign3", "verify-attestation", "--private-infrastructure", "--trusted-root", "noroot.json", "--key", "k.pub", "--type", "slsaprovenance1"}, ref)
		})
	}
}

// TestKeyless verifies signatures of identities, made with an authority and a log
// of this test's own.
func TestKeyless(t *testing.T) {
	for _, r := range registries() {
		t.Run(r.name, func(t *testing.T) {
			p := newPlace(t)
			s := newSigstore(t)
			root := p.write("root.json", s.root(noEnd), 0o600)
			repository := slug(t.Name())
			digest := p.publish(r, hello, repository, "1.0.0")
			ref := at(r, repository, digest)
			p.write("bundle.json", s.bundle(someIdentity, someIssuer, statement(digest, predicateSignature, map[string]any{})), 0o600)
			p.attach(r, ref, "bundle.json", predicateSignature)
			p.cosign(r, []string{"cosign3", "verify", "--trusted-root", root, "--insecure-ignore-sct",
				"--certificate-identity", someIdentity, "--certificate-oidc-issuer", someIssuer}, ref)

			p.must("mcpwasm", "verify", "--identity", someIdentity, "--issuer", someIssuer, "--root", root, ref)
			p.refuses("verify", "--identity", "eve@example.com", "--issuer", someIssuer, "--root", root, ref)
			p.refuses("verify", "--identity", someIdentity, "--issuer", "https://issuer.example.org", "--root", root, ref)
			p.configure(byIdentity(someIdentity, someIssuer))
			p.greets(ref, "--cache-dir", r.cache())
			p.configure(byIdentity("eve@example.com", someIssuer))
			p.refuses("call", ref, "greet", `{"name":"you"}`)
		})
	}
}
