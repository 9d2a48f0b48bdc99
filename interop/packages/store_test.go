package packages

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// Media types of the image specification and of CNCF's Wasm layout.
const (
	mediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaTypeIndex    = "application/vnd.oci.image.index.v1+json"
	mediaTypeEmpty    = "application/vnd.oci.empty.v1+json"
	mediaTypeConfig   = "application/vnd.wasm.config.v0+json"
	mediaTypeWasm     = "application/wasm"
)

// descriptor and manifest are as the image specification has them, as far as
// attackers need them.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Data         []byte            `json:"data,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: digestOf(content), Size: int64(len(content))}
}

// blob adds content to a repository of a registry that asks for no password.
func (r *registry) blob(t *testing.T, repository, mediaType string, content []byte) descriptor {
	t.Helper()
	d := describe(mediaType, content)
	r.send(t, http.MethodPost, fmt.Sprintf("/v2/%s/blobs/uploads/?digest=%s", repository, url.QueryEscape(d.Digest)), "application/octet-stream", content)
	return d
}

// manifest adds a manifest, under a tag if there is one.
func (r *registry) manifest(t *testing.T, repository, tag string, m manifest) descriptor {
	t.Helper()
	m.SchemaVersion = 2
	if m.MediaType == "" {
		m.MediaType = mediaTypeManifest
	}
	content, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	d := describe(m.MediaType, content)
	if tag == "" {
		tag = d.Digest
	}
	r.send(t, http.MethodPut, fmt.Sprintf("/v2/%s/manifests/%s", repository, tag), m.MediaType, content)
	return d
}

func (r *registry) send(t *testing.T, method, path, mediaType string, content []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.server.URL+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
}

// get returns what a registry that asks for no password answers.
func (r *registry) get(t *testing.T, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", mediaTypeManifest+", "+mediaTypeIndex)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s %v", path, resp.Status, answer, err)
	}
	return answer
}

// attachBundle adds a bundle to a manifest, as cosign 3 does, and returns what
// carries it.
func (r *registry) attachBundle(t *testing.T, repository string, subject descriptor, predicateType string, bundle []byte) descriptor {
	t.Helper()
	config := r.blob(t, repository, mediaTypeEmpty, []byte("{}"))
	layer := r.blob(t, repository, mediaTypeBundle, bundle)
	return r.manifest(t, repository, "", manifest{
		ArtifactType: mediaTypeBundle, Config: &config, Layers: []descriptor{layer}, Subject: &subject,
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType},
	})
}

// keyBundle signs a statement with a key: a bundle as cosign 3 makes it.
func keyBundle(t *testing.T, key *ecdsa.PrivateKey, statement []byte) []byte {
	t.Helper()
	const payloadType = "application/vnd.in-toto+json"
	hash := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(statement), statement))
	signature, err := key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hint := sha256.Sum256(spki)
	bundle, err := json.Marshal(map[string]any{
		"mediaType":            mediaTypeBundle,
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": base64.StdEncoding.EncodeToString(hint[:])}},
		"dsseEnvelope": map[string]any{
			"payload": statement, "payloadType": payloadType, "signatures": []any{map[string]any{"sig": signature}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

// publicKey returns the public half as PEM.
func publicKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
}
