package oci

import "time"

// NewHasty returns Remotes that wait for nobody longer than d.
func NewHasty(c Config, d time.Duration) (*Remotes, error) {
	return newRemotes(c, limits{dial: d, tls: d, answer: d, stall: d, window: 10 * d, minRate: 1 << 10, metadata: 10 * d, retries: 1, minWait: time.Millisecond, maxWait: time.Millisecond})
}

// Limits for tests.
const (
	MaxPages = maxPages
	MaxTags  = maxTags
)

// NextPage and ListField read what registries send.
var NextPage = nextPage

// ListField decodes a list of descriptors.
func ListField(content []byte, limit int) ([]Descriptor, error) {
	return listField[Descriptor](content, "manifests", limit)
}
