package oci

import (
	"errors"
	"fmt"
)

// ManifestType returns the media type of a manifest or index, by its content
// alone: what a registry or another manifest says about its type is not covered by its
// digest. What could be read as both is refused, since two readers would take it for two
// things (CVE-2021-41190), and so is a media type that contradicts the content.
func ManifestType(content []byte) (string, error) {
	o, err := parse(content, MaxEntries)
	if err != nil {
		return "", fmt.Errorf("it is no manifest: %w", err)
	}
	mediaType, _, err := o.GetString("mediaType")
	if err != nil {
		return "", fmt.Errorf("it is no manifest: %w", err)
	}
	image, index := o.Has("config") || o.Has("layers"), o.Has("manifests")
	switch {
	case image && index:
		return "", errors.New("it is a manifest and an index at once")
	case !image && !index:
		return "", errors.New("it is neither a manifest nor an index")
	case image && mediaType == "":
		return MediaTypeManifest, nil
	case index && mediaType == "":
		return MediaTypeIndex, nil
	case image && (mediaType == MediaTypeManifest || mediaType == MediaTypeDockerManifest),
		index && IsIndex(mediaType):
		return mediaType, nil
	}
	return "", fmt.Errorf("its media type %.100q does not go with its content", mediaType)
}

// IsIndex reports whether a media type is that of an index.
func IsIndex(mediaType string) bool {
	return mediaType == MediaTypeIndex || mediaType == MediaTypeDockerIndex
}
