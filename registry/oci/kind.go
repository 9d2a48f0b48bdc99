package oci

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ManifestType returns the media type of a manifest or index, by its content
// alone: what a registry or another manifest says about its type is not covered by its
// digest. What could be read as both is refused, since two readers would take it for two
// things (CVE-2021-41190), and so is a media type that contradicts the content.
func ManifestType(content []byte) (string, error) {
	var m struct {
		MediaType string          `json:"mediaType"`
		Config    json.RawMessage `json:"config"`
		Layers    json.RawMessage `json:"layers"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return "", fmt.Errorf("it is no manifest: %w", err)
	}
	image, index := m.Config != nil || m.Layers != nil, m.Manifests != nil
	switch {
	case image && index:
		return "", errors.New("it is a manifest and an index at once")
	case !image && !index:
		return "", errors.New("it is neither a manifest nor an index")
	case image && m.MediaType == "":
		return MediaTypeManifest, nil
	case index && m.MediaType == "":
		return MediaTypeIndex, nil
	case image && (m.MediaType == MediaTypeManifest || m.MediaType == MediaTypeDockerManifest),
		index && IsIndex(m.MediaType):
		return m.MediaType, nil
	}
	return "", fmt.Errorf("its media type %.100q does not go with its content", m.MediaType)
}

// IsIndex reports whether a media type is that of an index.
func IsIndex(mediaType string) bool {
	return mediaType == MediaTypeIndex || mediaType == MediaTypeDockerIndex
}
