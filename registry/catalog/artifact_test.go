package catalog

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// shop is a registry in memory, with a client that trusts one key.
type shop struct {
	repositories map[string]*ocitest.Memory
	key          crypto.Signer
	config       registry.ClientConfig
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{repositories: map[string]*ocitest.Memory{}, key: newKey(t)}
	verifier, err := sign.NewKeyVerifier("acme.pub", s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.config = registry.ClientConfig{
		Repository: func(ref oci.Reference) oci.Target { return s.repository(ref) },
		Trust: trust.Policy{Rules: []trust.Rule{{
			Repositories: []string{"ghcr.io/acme/*"}, Signers: []sign.Verifier{verifier}, Ceiling: &plugins.Ceiling{Any: true},
		}}},
	}
	return s
}

func (s *shop) repository(ref oci.Reference) *ocitest.Memory {
	r, ok := s.repositories[ref.Name()]
	if !ok {
		r = ocitest.New()
		s.repositories[ref.Name()] = r
	}
	return r
}

func (s *shop) client(t *testing.T) *registry.Client {
	t.Helper()
	c, err := registry.NewClient(s.config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *shop) sign(t *testing.T, ref oci.Reference, d oci.Descriptor, key crypto.Signer) {
	t.Helper()
	signer, err := sign.KeySigner(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign.Attach(context.Background(), s.repository(ref), d, sign.PredicateSignature, nil, signer); err != nil {
		t.Fatal(err)
	}
}

func parseRef(t *testing.T, text string) oci.Reference {
	t.Helper()
	ref, err := oci.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

const catalogRef = "ghcr.io/acme/catalog:latest"

// pushed publishes the full catalog in the shop.
func (s *shop) pushed(t *testing.T) oci.Descriptor {
	t.Helper()
	c, err := Parse([]byte(fullCatalog))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Push(context.Background(), s.repository(parseRef(t, catalogRef)), c, "latest")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPull(t *testing.T) {
	s := newShop(t)
	ref := parseRef(t, catalogRef)
	d := s.pushed(t)
	s.sign(t, ref, d, s.key)
	for name, asked := range map[string]string{"by tag": catalogRef, "by digest": ref.Name() + "@" + d.Digest} {
		t.Run(name, func(t *testing.T) {
			p, err := Pull(context.Background(), s.client(t), parseRef(t, asked))
			if err != nil {
				t.Fatal(err)
			}
			if p.Reference.Digest != d.Digest || len(p.Verdict.Signers) != 1 || !strings.HasPrefix(p.Verdict.Signers[0], "key:sha256:") {
				t.Errorf("pulled %+v", p)
			}
			want, err := Parse([]byte(fullCatalog))
			if err != nil {
				t.Fatal(err)
			}
			have, errHave := p.Catalog.Encode()
			wanted, errWant := want.Encode()
			if errHave != nil || errWant != nil || !bytes.Equal(have, wanted) {
				t.Errorf("%v, %v: pulled %s", errHave, errWant, have)
			}
		})
	}
}

func TestPushIsTheSame(t *testing.T) {
	if a, b := newShop(t).pushed(t), newShop(t).pushed(t); a.Digest != b.Digest {
		t.Errorf("%s and %s for one catalog", a.Digest, b.Digest)
	}
}

func TestPushManifest(t *testing.T) {
	s := newShop(t)
	d := s.pushed(t)
	var m oci.Manifest
	if err := json.Unmarshal(s.repository(parseRef(t, catalogRef)).Blobs[d.Digest], &m); err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != MediaType || m.Config.MediaType != oci.MediaTypeEmpty || len(m.Layers) != 1 || m.Layers[0].MediaType != MediaType ||
		m.Annotations["org.opencontainers.image.version"] != "1.2.0-rc.1" || m.Annotations["org.opencontainers.image.created"] != "2026-02-03T04:05:06Z" {
		t.Errorf("manifest %+v", m)
	}
	_, err := Push(context.Background(), ocitest.New(), &Catalog{Format: 1, Name: "a"}, "")
	if !matches(err, "does not say when it was created") {
		t.Errorf("error %v", err)
	}
}

// manifestOf pushes a manifest of one's own and tags it.
func (s *shop) manifestOf(t *testing.T, m oci.Manifest, layers ...[]byte) oci.Descriptor {
	t.Helper()
	repository := s.repository(parseRef(t, catalogRef))
	empty := []byte("{}")
	m.SchemaVersion, m.MediaType, m.Config = 2, oci.MediaTypeManifest, oci.Describe(oci.MediaTypeEmpty, empty)
	if m.ArtifactType == "" {
		m.ArtifactType = MediaType
	}
	push := func(d oci.Descriptor, content []byte) {
		if err := repository.Push(context.Background(), d, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	push(m.Config, empty)
	for _, l := range layers {
		d := oci.Describe(MediaType, l)
		push(d, l)
		m.Layers = append(m.Layers, d)
	}
	content, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	d := oci.Describe(oci.MediaTypeManifest, content)
	push(d, content)
	if err := repository.Tag(context.Background(), d, "latest"); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPullRefuses(t *testing.T) {
	ref := parseRef(t, catalogRef)
	signed := func(s *shop, d oci.Descriptor) { s.sign(t, ref, d, s.key) }
	flip := func(s *shop, digest string) { s.repository(ref).Blobs[digest][20] ^= 1 }
	layerOf := func(s *shop, d oci.Descriptor) string {
		var m oci.Manifest
		if err := json.Unmarshal(s.repository(ref).Blobs[d.Digest], &m); err != nil {
			t.Fatal(err)
		}
		return m.Layers[0].Digest
	}
	dated := []byte(`{"catalog":1,"created":"2026-01-01T00:00:00Z","entries":[],"name":"a"}`)
	tests := []struct {
		name  string
		make  func(s *shop)
		want  string
		trust bool // it is a refusal by the policy
	}{
		{"unsigned", func(s *shop) { s.pushed(t) }, "the rule ghcr.io/acme/* wants", true},
		{"signed by another key", func(s *shop) { s.sign(t, ref, s.pushed(t), newKey(t)) }, "the rule ghcr.io/acme/* wants", true},
		{"signature for another digest", func(s *shop) {
			d := s.manifestOf(t, oci.Manifest{}, dated)
			signed(s, d)
			s.pushed(t)
		}, "the rule ghcr.io/acme/* wants", true},
		{"attestation in place of a signature", func(s *shop) {
			d := s.pushed(t)
			signer, err := sign.KeySigner(s.key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sign.Attach(context.Background(), s.repository(ref), d, sign.PredicateSLSA, json.RawMessage(`{}`), signer); err != nil {
				t.Fatal(err)
			}
		}, "the rule ghcr.io/acme/* wants", true},
		{"not there", func(*shop) {}, "not found", false},
		{"flipped byte of the layer", func(s *shop) { d := s.pushed(t); signed(s, d); flip(s, layerOf(s, d)) }, "content does not match", false},
		{"flipped byte of the manifest", func(s *shop) { d := s.pushed(t); signed(s, d); flip(s, d.Digest) }, "content does not match", false},
		{"another artifact", func(s *shop) {
			signed(s, s.manifestOf(t, oci.Manifest{ArtifactType: "application/vnd.example"}, dated))
		}, `its artifact type is "application/vnd.example"`, false},
		{"no layer", func(s *shop) { signed(s, s.manifestOf(t, oci.Manifest{})) }, "want one layer", false},
		{"two layers", func(s *shop) { signed(s, s.manifestOf(t, oci.Manifest{}, dated, []byte("{}"))) }, "want one layer", false},
		{"not dated", func(s *shop) {
			signed(s, s.manifestOf(t, oci.Manifest{}, []byte(`{"catalog":1,"entries":[],"name":"a"}`)))
		}, "created: missing", false},
		{"a foreign form", func(s *shop) { signed(s, s.manifestOf(t, oci.Manifest{}, []byte(`{"registry":{}}`))) }, `unknown key "registry"`, false},
		{"too large", func(s *shop) { signed(s, s.manifestOf(t, oci.Manifest{}, bytes.Repeat([]byte(" "), MaxBytes+1))) }, "more than the 8388608 allowed", false},
		{"an index", func(s *shop) {
			content := []byte(`{"schemaVersion":2,"mediaType":"` + oci.MediaTypeIndex + `","manifests":[]}`)
			d := oci.Describe(oci.MediaTypeIndex, content)
			if err := s.repository(ref).Push(context.Background(), d, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			if err := s.repository(ref).Tag(context.Background(), d, "latest"); err != nil {
				t.Fatal(err)
			}
			signed(s, d)
		}, "is an index", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			tt.make(s)
			_, err := Pull(context.Background(), s.client(t), ref)
			if !matches(err, tt.want) || !errors.Is(err, ErrCatalog) || errors.Is(err, trust.ErrUntrusted) != tt.trust {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPullUnsigned(t *testing.T) {
	s := newShop(t)
	s.pushed(t)
	s.config.AllowUnsigned = true
	p, err := Pull(context.Background(), s.client(t), parseRef(t, catalogRef))
	if err != nil || !p.Verdict.Unsigned || len(p.Verdict.Signers) > 0 {
		t.Errorf("%v, %+v", err, p)
	}
}

func TestPullEnds(t *testing.T) {
	s := newShop(t)
	s.pushed(t)
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	if _, err := Pull(ctx, s.client(t), parseRef(t, catalogRef)); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrCatalog) {
		t.Errorf("error %v", err)
	}
}
