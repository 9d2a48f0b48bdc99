package trust_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// world is a repository with two packages in it, and the keys of those who sign.
type world struct {
	*ocitest.Memory
	t            testing.TB
	ref          oci.Reference
	weather      oci.Descriptor
	other        oci.Descriptor
	keys         map[string]crypto.Signer
	placeholders []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Memory: ocitest.New(), t: t, keys: map[string]crypto.Signer{}}
	w.ref = oci.Reference{Registry: "ghcr.io", Repository: "acme/weather", Tag: "1.0.0"}
	w.weather, w.other = w.manifest("weather"), w.manifest("other")
	for name, kind := range map[string]sign.KeyType{"a": sign.ECDSA, "b": sign.Ed25519, "c": sign.ECDSA} {
		key, err := sign.GenerateKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		id, err := sign.KeyID(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		w.keys[name] = key
		w.placeholders = append(w.placeholders, "{"+name+"}", id)
	}
	w.placeholders = append(w.placeholders, "{weather}", "ghcr.io/acme/weather@"+w.weather.Digest, "{digest}", w.weather.Digest, "{other}", w.other.Digest)
	return w
}

// text replaces {a}, {b} and {c} by the identifiers of keys, {weather} by the name
// of the package, and {digest} and {other} by digests.
func (w *world) text(s string) string { return strings.NewReplacer(w.placeholders...).Replace(s) }

// push adds content.
func (w *world) push(mediaType string, content []byte) oci.Descriptor {
	w.t.Helper()
	d := oci.Describe(mediaType, content)
	if err := w.Push(context.Background(), d, bytes.NewReader(content)); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) manifest(name string) oci.Descriptor {
	w.t.Helper()
	m := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Annotations: map[string]string{"name": name}}
	m.Config = w.push(oci.MediaTypeEmpty, []byte("{}"))
	m.Layers = []oci.Descriptor{w.push("application/wasm", []byte(name))}
	return w.push(oci.MediaTypeManifest, marshal(w.t, m))
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sign signs a package by keys.
func (w *world) sign(d oci.Descriptor, keys ...string) {
	w.t.Helper()
	for _, k := range keys {
		w.attach(d, k, sign.PredicateSignature, nil)
	}
}

// attest attaches an attestation.
func (w *world) attest(d oci.Descriptor, key, predicateType string) {
	w.t.Helper()
	w.attach(d, key, predicateType, json.RawMessage(`{"by":"`+key+`"}`))
}

func (w *world) attach(d oci.Descriptor, key, predicateType string, predicate json.RawMessage) {
	w.t.Helper()
	signer, err := sign.KeySigner(w.keys[key])
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := sign.Attach(context.Background(), w, d, predicateType, predicate, signer); err != nil {
		w.t.Fatal(err)
	}
}

// bundle adds a bundle as a referrer of a package, whatever is in it.
func (w *world) bundle(d oci.Descriptor, content []byte) {
	w.t.Helper()
	w.push(oci.MediaTypeManifest, marshal(w.t, oci.Manifest{
		SchemaVersion: 2, MediaType: oci.MediaTypeManifest, ArtifactType: sign.MediaTypeBundle, Subject: &d,
		Config: w.push(oci.MediaTypeEmpty, []byte("{}")), Layers: []oci.Descriptor{w.push(sign.MediaTypeBundle, content)},
	}))
}

// bundles returns those that a package has.
func (w *world) bundles(d oci.Descriptor) [][]byte {
	w.t.Helper()
	var all [][]byte
	for _, r := range w.Referring[d.Digest] {
		var m oci.Manifest
		if err := json.Unmarshal(w.Blobs[r.Digest], &m); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, w.Blobs[m.Layers[0].Digest])
	}
	return all
}

// verifiers returns those of keys, named as their files would be.
func (w *world) verifiers(keys ...string) []sign.Verifier {
	w.t.Helper()
	var list []sign.Verifier
	for _, k := range keys {
		v, err := sign.NewKeyVerifier(k+".pub", w.keys[k].Public())
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// rule is for all packages of the test's publisher.
func (w *world) rule(keys ...string) trust.Rule {
	w.t.Helper()
	return trust.Rule{Repositories: []string{"ghcr.io/acme/*"}, Signers: w.verifiers(keys...)}
}

func (w *world) check(rules ...trust.Rule) (trust.Verdict, error) {
	w.t.Helper()
	p := trust.Policy{Rules: rules}
	return p.CheckSignatures(context.Background(), w.ref, w, w.weather.Digest)
}
