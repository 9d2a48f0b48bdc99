package oci

import (
	jsonv2 "github.com/go-json-experiment/json"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// Bounds of what is decoded: little text may make large structures.
const (
	// MaxLayers is as many as overlay file systems take, and so as images have.
	MaxLayers = 128
	// MaxEntries bounds the entries of an index.
	MaxEntries = 1000
	// maxAnnotations bounds those of one manifest or descriptor.
	maxAnnotations = 256
)

// tokens is how many names, values and brackets text with a list of at most so
// many entries may have.
func tokens(entries int) int { return 10_000 + 64*entries }

// Names of members. One that differs from these in its case is refused: some
// readers take it for the same, and some do not see it.
var (
	documentNames   = []string{"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "fsLayers", "subject", "annotations"}
	descriptorNames = []string{"mediaType", "digest", "size", "annotations", "artifactType", "platform", "data", "urls"}
)

// DecodeManifest reads an image manifest strictly: at most [MaxLayers] layers, no
// name twice, every name in its own case. One that could also be taken for an
// index is neither (image-spec, manifest.md, "mediaType"). What it says of itself
// and whether it has layers is not looked at.
func DecodeManifest(content []byte) (Manifest, error) {
	var m Manifest
	o, err := decode(content, "layers", MaxLayers, &m)
	if err == nil && (o.Has("manifests") || o.Has("fsLayers")) {
		err = refuse("it has members of an index or of an older form as well")
	}
	if err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// DecodeIndex reads an index as [DecodeManifest] reads a manifest: at most
// [MaxEntries] entries.
func DecodeIndex(content []byte) (Index, error) {
	var x Index
	o, err := decode(content, "manifests", MaxEntries, &x)
	if err == nil && (o.Has("config") || o.Has("layers")) {
		err = refuse("it has members of a manifest as well")
	}
	if err != nil {
		return Index{}, err
	}
	return x, nil
}

// decode reads a document with a list of at most limit descriptors. Everything is
// counted before anything is made of it.
func decode(content []byte, list string, limit int, into any) (wire.Object, error) {
	o, err := parse(content, limit)
	if err != nil {
		return o, err
	}
	if err := checkAnnotations(o); err != nil {
		return o, err
	}
	var descriptors [][]byte
	if raw, _ := o.Get(list); !wire.IsNull(raw) {
		entries, err := wire.ParseArray(raw)
		if err != nil {
			return o, refuse("%s: %w", list, err)
		}
		if len(entries) > limit {
			return o, refuse("%d %s, more than the %d allowed", len(entries), list, limit)
		}
		for _, e := range entries {
			descriptors = append(descriptors, e)
		}
	}
	for _, name := range []string{"config", "subject"} {
		if raw, ok := o.Get(name); ok {
			descriptors = append(descriptors, raw)
		}
	}
	for _, d := range descriptors {
		if err := checkDescriptor(d); err != nil {
			return o, err
		}
	}
	if err := jsonv2.Unmarshal(content, into); err != nil {
		return o, refuse("%w", err)
	}
	return o, nil
}

// parse reads the outermost level of a document whose lists have at most limit
// entries.
func parse(content []byte, limit int) (wire.Object, error) {
	if err := wire.CheckAtMost(content, tokens(limit)); err != nil {
		return wire.Object{}, refuse("%w", err)
	}
	o, err := wire.ParseObject(content)
	if err == nil {
		err = o.CheckNames(documentNames...)
	}
	if err != nil {
		return wire.Object{}, refuse("%w", err)
	}
	return o, nil
}

// checkDescriptor refuses a descriptor that is not read by everyone in the same
// way. One that is no object is left to the decoder.
func checkDescriptor(raw []byte) error {
	if wire.KindOf(raw) != "an object" {
		return nil
	}
	d, err := wire.ParseObject(raw)
	if err == nil {
		err = d.CheckNames(descriptorNames...)
	}
	if err != nil {
		return refuse("%w", err)
	}
	return checkAnnotations(d)
}

func checkAnnotations(o wire.Object) error {
	// Those that are no object are left to the decoder.
	if a, _, err := o.GetObject("annotations"); err == nil && a.Len() > maxAnnotations {
		return refuse("%d annotations, more than the %d allowed", a.Len(), maxAnnotations)
	}
	return nil
}
