package packages

import (
	"encoding/json"
	"strings"
)

// Media types and predicate types of signatures, as cosign has them.
const (
	mediaTypeBundle    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	predicateSignature = "https://sigstore.dev/cosign/sign/v1"
	predicateSLSA      = "https://slsa.dev/provenance/v1"
)

// statement returns an in-toto statement about a manifest.
func statement(digest, predicateType string, predicate any) []byte {
	text, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"digest": map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}},
		"predicateType": predicateType,
		"predicate":     predicate,
	})
	if err != nil {
		panic(err) // strings and maps
	}
	return text
}

// attach adds a bundle that stands in a file to a manifest in a registry.
func (p *place) attach(r *registry, at, file, predicateType string) {
	p.t.Helper()
	p.must("oras", append([]string{"attach", at, "--artifact-type", mediaTypeBundle, "--disable-path-validation",
		"--annotation", "dev.sigstore.bundle.content=dsse-envelope", "--annotation", "dev.sigstore.bundle.predicateType=" + predicateType,
		file + ":" + mediaTypeBundle}, r.oras()...)...)
}
