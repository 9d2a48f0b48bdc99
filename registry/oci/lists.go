package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Bounds of lists that come in pages.
const (
	maxPages = 100
	maxTags  = 10_000
)

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
		func(d Descriptor) string { return d.Digest })
	if errors.Is(err, errNoList) {
		found, err = referrersByTag(ctx, r, digest)
	}
	if err != nil {
		return nil, r.about(digest, fmt.Errorf("list the referrers: %w", err))
	}
	return usableReferrers(found, func(d Descriptor, err error) {
		r.log.Warn("leaving out a referrer", "repository", r.name, "subject", digest, "digest", shorten(d.Digest), "error", err)
	}), nil
}

// usableReferrers drops what cannot be read: other digests than sha256, and
// manifests that are too large.
func usableReferrers(all []Descriptor, dropped func(Descriptor, error)) []Descriptor {
	var usable []Descriptor
	for _, d := range all {
		if err := d.Check(MaxManifestBytes); err != nil {
			dropped(d, err)
			continue
		}
		usable = append(usable, d)
	}
	return usable
}

// ReferrersTag is the tag under which a manifest's referrers are listed in a
// registry without the API for them: "sha256-" and the digest's digits.
func ReferrersTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

// referrersByTag reads the list that clients keep for registries without the API.
func referrersByTag(ctx context.Context, src Source, digest string) ([]Descriptor, error) {
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
	return listField[Descriptor](content, "manifests", MaxReferrers)
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
	known, asked := map[string]bool{}, map[string]bool{}
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
// entries. It stops at one too many, since little text may make large lists.
func listField[T any](content []byte, field string, limit int) ([]T, error) {
	dec := json.NewDecoder(bytes.NewReader(content))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, refuse("its list is no JSON object")
	}
	var all []T
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, refuse("its list is no JSON: %w", err)
		}
		if name != field {
			if err := dec.Decode(new(json.RawMessage)); err != nil {
				return nil, refuse("its list is no JSON: %w", err)
			}
			continue
		}
		if all, err = decodeList[T](dec, limit); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, refuse("its list is no JSON: %w", err)
	}
	return all, nil
}

// decodeList decodes a JSON array, or null.
func decodeList[T any](dec *json.Decoder, limit int) ([]T, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, refuse("its list is no JSON: %w", err)
	}
	if t == nil {
		return nil, nil
	}
	if t != json.Delim('[') {
		return nil, refuse("its list is no JSON array")
	}
	var all []T
	for dec.More() {
		if len(all) == limit {
			return nil, refuse("its list has more than the %d entries allowed", limit)
		}
		var entry T
		if err := dec.Decode(&entry); err != nil {
			return nil, refuse("its list is no JSON: %w", err)
		}
		all = append(all, entry)
	}
	if _, err = dec.Token(); err != nil {
		return nil, refuse("its list is no JSON: %w", err)
	}
	return all, nil
}
