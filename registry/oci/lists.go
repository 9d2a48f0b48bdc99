package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// Bounds of lists that come in pages.
const (
	maxPages = 100
	maxTags  = 10_000
	// maxListBytes bounds all pages of one list together.
	maxListBytes = 8 << 20
)

// listed is what counts of an entry of a list of referrers. Annotations and data
// would be what somebody says who is not the manifest's author.
type listed struct {
	MediaType    string `json:"mediaType"`
	Digest       string `json:"digest"`
	Size         int64  `json:"size"`
	ArtifactType string `json:"artifactType"`
}

// maxTypeBytes is the longest media type that there is (RFC 6838: 127 bytes on
// both sides of the slash).
const maxTypeBytes = 255

// Referrers implements [Source]: by the registry's API, and where it has none by
// the tag that takes its place (distribution-spec, "Listing Referrers" and
// "Referrers Tag Schema").
func (r *repository) Referrers(ctx context.Context, digest string) ([]Descriptor, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !IsDigest(digest) {
		return nil, fmt.Errorf("referrers of %q: want a sha256 digest", shorten(digest))
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	found, err := listAll(ctx, r, r.url("referrers/"+digest), MediaTypeIndex, "manifests", MaxReferrers,
		func(d listed) string { return d.Digest })
	if errors.Is(err, errNoList) {
		found, err = referrersByTag(ctx, r, digest)
	}
	if err != nil {
		return nil, r.about(digest, fmt.Errorf("list the referrers: %w", err))
	}
	return usableReferrers(found, func(d listed, err error) {
		r.log.Warn("leaving out a referrer", "repository", r.name, "subject", digest, "digest", shorten(d.Digest), "error", shorten(err.Error()))
	}), nil
}

// usableReferrers drops what cannot be read: other digests than sha256, media
// types that are none, and manifests that are too large.
func usableReferrers(all []listed, dropped func(listed, error)) []Descriptor {
	var usable []Descriptor
	for _, l := range all {
		d := Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
		err := d.Check(MaxManifestBytes)
		if err == nil && len(d.MediaType) > maxTypeBytes {
			err = refuse("a media type of %d bytes, more than the %d allowed", len(d.MediaType), maxTypeBytes)
		}
		if err != nil {
			dropped(l, err)
			continue
		}
		if len(l.ArtifactType) <= maxTypeBytes { // it may be left out
			d.ArtifactType = l.ArtifactType
		}
		usable = append(usable, d)
	}
	return usable
}

// ReferrersTag is the tag under which a manifest's referrers are listed in a
// registry without the API for them: "sha256-" and the digest's digits.
func ReferrersTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

// referrersByTag reads the list that clients keep for registries without the API.
func referrersByTag(ctx context.Context, src Source, digest string) ([]listed, error) {
	d, err := src.Resolve(ctx, ReferrersTag(digest))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Some registries resolve the tag to the subject itself.
	if d.MediaType != MediaTypeIndex || d.Digest == digest {
		return nil, nil
	}
	content, err := ReadAll(ctx, src, d, MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	return listField[listed](content, "manifests", MaxReferrers)
}

// Tags implements [Target].
func (r *repository) Tags(ctx context.Context) ([]string, error) {
	if r.err != nil {
		return nil, r.err
	}
	ctx, cancel := context.WithTimeout(ctx, r.remotes.limits.metadata)
	defer cancel()
	all, err := listAll(ctx, r, r.url("tags/list?n=1000"), "application/json", "tags", maxTags, func(t string) string { return t })
	if errors.Is(err, errNoList) {
		err = &registryError{r.registry(), "it has no list of tags for this repository: " + ErrNotFound.Error(), ErrNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: list the tags: %w", r.name, err)
	}
	tags := make([]string, 0, len(all))
	for _, t := range all {
		if IsTag(t) {
			tags = append(tags, t)
		}
	}
	return tags, nil
}

// errNoList says that a registry does not have an endpoint.
var errNoList = errors.New("it does not have this list")

// listAll reads a list that comes in pages, at most limit entries, each of which
// counts once.
func listAll[T any](ctx context.Context, r *repository, address, mediaType, field string, limit int, key func(T) string) ([]T, error) {
	var all []T
	size, known, asked := 0, map[string]bool{}, map[string]bool{}
	for address != "" {
		switch {
		case asked[address]:
			return nil, refuse("registry %s: its list does not end: a page names itself or one before it as the next", r.registry())
		case len(asked) == maxPages:
			return nil, refuse("registry %s: its list does not end: there are more than %d pages", r.registry(), maxPages)
		}
		asked[address] = true
		content, next, err := r.page(ctx, address, mediaType)
		if err != nil {
			return nil, err
		}
		if size += len(content); size > maxListBytes {
			return nil, refuse("registry %s: its list has more than the %d bytes allowed", r.registry(), maxListBytes)
		}
		entries, err := listField[T](content, field, limit)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", r.registry(), err)
		}
		for _, e := range entries {
			if k := key(e); !known[k] {
				known[k] = true
				all = append(all, e)
			}
		}
		if len(all) > limit {
			return nil, refuse("registry %s: its list has more than the %d entries allowed", r.registry(), limit)
		}
		address = next
	}
	return all, nil
}

// page reads one page and the address of the next, "" for none.
func (r *repository) page(ctx context.Context, address, mediaType string) ([]byte, string, error) {
	resp, err := r.get(ctx, http.MethodGet, address, http.Header{"Accept": {mediaType}})
	if err != nil {
		return nil, "", err
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented, http.StatusBadRequest:
		_ = resp.Body.Close() // it is not read
		return nil, "", errNoList
	default:
		return nil, "", r.refused(resp)
	}
	defer func() { _ = resp.Body.Close() }() // the rest is not read
	// Some registries answer whatever they do not know with something else.
	if got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); mediaType == MediaTypeIndex && (err != nil || got != mediaType) {
		return nil, "", errNoList
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, MaxManifestBytes+1))
	if err != nil {
		return nil, "", describe(r.registry(), err)
	}
	if len(content) > MaxManifestBytes {
		return nil, "", refuse("registry %s: its list is larger than the %d bytes allowed", r.registry(), MaxManifestBytes)
	}
	next, err := nextPage(address, resp.Header.Values("Link"))
	if err != nil {
		return nil, "", fmt.Errorf("registry %s: %w", r.registry(), err)
	}
	return content, next, nil
}

var formLink = regexp.MustCompile(`<([^<>]*)>\s*;[^<,]*\brel\s*=\s*"?next"?`)

// nextPage finds the next page in the Link headers (RFC 8288). It must be of the
// same server: the credentials go with the request.
func nextPage(address string, links []string) (string, error) {
	for _, link := range links {
		m := formLink.FindStringSubmatch(link)
		if m == nil {
			continue
		}
		base, err := url.Parse(address)
		if err != nil {
			return "", err
		}
		next, err := base.Parse(m[1])
		if err != nil {
			return "", refuse("its list goes on at %q, which is no address", shorten(m[1]))
		}
		if !sameOrigin(base, next) || next.User != nil {
			return "", refuse("its list goes on at another server, %s://%s, which is not asked", shorten(next.Scheme), shorten(next.Host))
		}
		return next.String(), nil
	}
	return "", nil
}

// listField decodes a field of a JSON object that is a list of at most limit
// entries, which are counted before anything is made of them.
func listField[T any](content []byte, field string, limit int) ([]T, error) {
	if err := wire.CheckAtMost(content, tokens(limit)); err != nil {
		return nil, refuse("its list is no JSON that can be read: %w", err)
	}
	o, err := wire.ParseObject(content)
	if err == nil {
		err = o.CheckNames(field)
	}
	if err != nil {
		return nil, refuse("its list is no JSON that can be read: %w", err)
	}
	raw, _ := o.Get(field)
	if wire.IsNull(raw) {
		return nil, nil
	}
	entries, err := wire.ParseArray(raw)
	if err != nil {
		return nil, refuse("its list is no JSON that can be read: %w", err)
	}
	if len(entries) > limit {
		return nil, refuse("its list has more than the %d entries allowed", limit)
	}
	var all []T
	if err := jsonv2.Unmarshal(raw, &all); err != nil {
		return nil, refuse("its list is no JSON that can be read: %w", err)
	}
	return all, nil
}
