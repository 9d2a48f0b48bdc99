package pack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Choose finds, in the content of an index, the manifest that [Read] would read:
// the entry for Wasm, or the only one.
func Choose(content []byte) (oci.Descriptor, error) {
	x, err := oci.DecodeIndex(content)
	if err != nil {
		return oci.Descriptor{}, refuse("OCI index: %w", err)
	}
	switch {
	case x.SchemaVersion != 2:
		return oci.Descriptor{}, refuse("OCI index: schemaVersion %d: want 2", x.SchemaVersion)
	case x.MediaType != "" && !isIndex(x.MediaType):
		return oci.Descriptor{}, refuse("OCI index: it says that it is of type %.100q", x.MediaType)
	}
	entries := slices.DeleteFunc(slices.Clone(x.Manifests), isAttestation)
	for _, better := range []func(oci.Descriptor) bool{isWASIp1, isWasm} {
		if some := only(entries, better); len(some) > 0 {
			entries = some
		}
	}
	if len(entries) != 1 {
		return oci.Descriptor{}, refuse("the index has %d entries to choose from, and not just one for the platform wasip1/wasm: %s", len(entries), platforms(entries))
	}
	if !isManifest(entries[0].MediaType) {
		return oci.Descriptor{}, refuse("the index leads to %.100q: want an image manifest", entries[0].MediaType)
	}
	return entries[0], nil
}

// isAttestation reports whether an entry is one of those that BuildKit adds beside
// those of platforms.
func isAttestation(d oci.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

func isWASIp1(d oci.Descriptor) bool { return isWasm(d) && d.Platform.OS == "wasip1" }

func isWasm(d oci.Descriptor) bool { return d.Platform != nil && d.Platform.Architecture == "wasm" }

func only(entries []oci.Descriptor, want func(oci.Descriptor) bool) (some []oci.Descriptor) {
	for _, d := range entries {
		if want(d) {
			some = append(some, d)
		}
	}
	return some
}

// platforms lists entries, for errors.
func platforms(entries []oci.Descriptor) string {
	var parts []string
	for i, d := range entries {
		if i == 10 {
			parts = append(parts, fmt.Sprintf("and %d more", len(entries)-i))
			break
		}
		platform := "no platform"
		if d.Platform != nil {
			platform = fmt.Sprintf("%.40q", d.Platform.OS+"/"+d.Platform.Architecture)
		}
		parts = append(parts, platform+" "+described(d))
	}
	if len(parts) == 0 {
		return "it is empty"
	}
	return strings.Join(parts, ", ")
}
