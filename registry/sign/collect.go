package sign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Limits of [Collect].
const (
	// MaxEnvelopes is how many signatures and attestations one digest may have.
	MaxEnvelopes = 256
	// MaxEnvelopeBytes is the largest one: an SBOM is in it, in base64.
	MaxEnvelopeBytes = 16 << 20
	// MaxPredicateBytes is the largest predicate whose bundle is not too large.
	MaxPredicateBytes = 11 << 20
	// MaxCollectBytes is how much is read for one digest.
	MaxCollectBytes = 64 << 20
	// parallel is how many requests are made at a time.
	parallel = 8
)

// ErrTooMuch is wrapped by the errors of a digest with more signatures, or larger ones, than are
// read. Nothing is left out in silence.
var ErrTooMuch = errors.New("too many signatures, or too large ones")

// Collect finds every signature and attestation of a digest: bundles among its
// referrers, and the tag form. What is neither is left out; too many or too large
// ones are an error, and so is content that is not what its descriptor says.
//
// Whoever may write to the repository can add to what is found, and whoever runs
// it can leave something out. Neither makes an envelope verify.
func Collect(ctx context.Context, src oci.Source, digest string) ([]Envelope, error) {
	envelopes, err := collect(ctx, src, digest)
	if err != nil {
		return nil, fmt.Errorf("read signatures of %s: %w", digest, err)
	}
	return envelopes, nil
}

func collect(ctx context.Context, src oci.Source, digest string) ([]Envelope, error) {
	if !oci.IsDigest(digest) {
		return nil, errors.New("want a digest of sha256: and 64 lower-case hexadecimal digits")
	}
	referrers, err := src.Referrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	if len(referrers) > oci.MaxReferrers {
		return nil, fmt.Errorf("%w: %d referrers, more than the %d allowed", ErrTooMuch, len(referrers), oci.MaxReferrers)
	}
	c := &collector{src: src, digest: digest}
	// Every source of envelopes has its place, so that their order is that of
	// the listing, whatever answers first.
	found := make([][]Envelope, len(referrers)+2)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, ending := range []string{tagSignatures, tagAttestations} {
		group.Go(func() (err error) {
			found[len(referrers)+i], err = c.tag(ctx, ending)
			return err
		})
	}
	for i, r := range referrers {
		group.Go(func() (err error) {
			found[i], err = c.referrer(ctx, r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []Envelope
	for _, f := range found {
		all = append(all, f...)
	}
	return all, nil
}

// collector reads the envelopes of one digest.
type collector struct {
	src    oci.Source
	digest string
	bytes  atomic.Int64
	number atomic.Int64
}

// read reads content within the limits.
func (c *collector) read(ctx context.Context, d oci.Descriptor, limit int64) ([]byte, error) {
	if err := d.Check(limit); err != nil {
		if d.Size > limit {
			err = fmt.Errorf("%w: %w", ErrTooMuch, err)
		}
		return nil, err
	}
	if c.bytes.Add(d.Size) > MaxCollectBytes {
		return nil, fmt.Errorf("%w: more than %d bytes together", ErrTooMuch, int64(MaxCollectBytes))
	}
	return oci.ReadAll(ctx, c.src, d, limit)
}

// count counts an envelope.
func (c *collector) count() error {
	if c.number.Add(1) > MaxEnvelopes {
		return fmt.Errorf("%w: more than %d", ErrTooMuch, MaxEnvelopes)
	}
	return nil
}

// referrer returns the bundles of a referrer. What its descriptor says it is does
// not count: registries that list referrers themselves often get that wrong.
func (c *collector) referrer(ctx context.Context, d oci.Descriptor) ([]Envelope, error) {
	content, err := c.read(ctx, d, oci.MaxManifestBytes)
	if errors.Is(err, oci.ErrNotFound) {
		return nil, nil // a list kept behind a tag can name what was deleted
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(content)
	if err != nil {
		return nil, nil //nolint:nilerr // no manifest that anybody reads, so none of a bundle
	}
	var envelopes []Envelope
	for _, layer := range m.Layers {
		// Of whatever version: Verify says that it is not known.
		if !strings.HasPrefix(layer.MediaType, "application/vnd.dev.sigstore.bundle") {
			continue
		}
		if err := c.count(); err != nil {
			return nil, err
		}
		content, err := c.read(ctx, layer, MaxEnvelopeBytes)
		if err != nil {
			return nil, err
		}
		envelopes = append(envelopes, Envelope{Manifest: d, Subject: c.digest, form: formBundle, content: content})
	}
	return envelopes, nil
}

// tag returns the envelopes behind a digest's tag.
func (c *collector) tag(ctx context.Context, ending string) ([]Envelope, error) {
	name := tagOf(c.digest, ending)
	named, err := oci.ResolveAll(ctx, c.src, name)
	if errors.Is(err, oci.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := tagCollector{collector: c, ending: ending, blobs: map[string][]byte{}}
	for _, d := range named {
		err := t.add(ctx, d)
		if errors.Is(err, oci.ErrNotFound) && len(named) > 1 {
			continue // the one that was replaced by another
		}
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", name, err)
		}
	}
	return t.envelopes, nil
}

// tagCollector reads the envelopes behind one tag.
type tagCollector struct {
	*collector
	ending    string
	layers    []oci.Descriptor  // that envelopes were made of
	blobs     map[string][]byte // signatures by different keys are over the same bytes
	envelopes []Envelope
}

// add reads those of one manifest that the tag names.
func (t *tagCollector) add(ctx context.Context, d oci.Descriptor) error {
	content, err := t.read(ctx, d, oci.MaxManifestBytes)
	if err != nil {
		return err
	}
	mediaType := mediaTypeSimple
	if t.ending == tagAttestations {
		mediaType = mediaTypeDSSE
	}
	layers, err := tagged(content, mediaType)
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if slices.ContainsFunc(t.layers, func(o oci.Descriptor) bool {
			return o.Digest == layer.Digest && maps.Equal(o.Annotations, layer.Annotations)
		}) {
			continue // another manifest had it
		}
		if err := t.count(); err != nil {
			return err
		}
		if _, ok := t.blobs[layer.Digest]; !ok {
			if t.blobs[layer.Digest], err = t.read(ctx, layer, MaxEnvelopeBytes); err != nil {
				return err
			}
		}
		t.layers = append(t.layers, layer)
		t.envelopes = append(t.envelopes, fromLayer(d, t.digest, layer, t.blobs[layer.Digest]))
	}
	return nil
}
