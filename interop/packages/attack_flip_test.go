package packages

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
)

// flippedBytes change one bit of every part of a package on its way.
var flippedBytes = []attack{
	{name: "flip/manifest", meddle: func(a *arena) meddling {
		byTag, byDigest := changing("/manifests/"+version, flip), changing("/manifests/"+a.pkg.Digest, flip)
		return func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
			return byTag(w, r, real) || byDigest(w, r, real)
		}
	}},
	{name: "flip/config", meddle: func(a *arena) meddling { return changing("/blobs/"+a.parts.Config.Digest, flip) }},
	{name: "flip/module", meddle: func(a *arena) meddling { return changing("/blobs/"+a.layer(mediaTypeWasm).Digest, flip) }},
	{name: "flip/our manifest", meddle: func(a *arena) meddling { return changing("/blobs/"+a.layer(mediaTypeOwn).Digest, flip) }},
	{name: "flip/manifest of the signature", meddle: func(a *arena) meddling { return changing("/manifests/"+a.signature.Digest, flip) }},
	{name: "flip/bundle", meddle: func(a *arena) meddling { return changing("/blobs/"+a.bundle.Digest, flip) }},
	// Lists of referrers have no digest. Another digest in one leads to nothing.
	{name: "flip/list of referrers", same: "signature/none", meddle: func(a *arena) meddling {
		return changing("/referrers/"+a.pkg.Digest, func(b []byte) []byte {
			digit := b[bytes.Index(b, []byte(a.signature.Digest))+len("sha256:"):]
			digit[0] ^= 1
			return b
		})
	}},
	{name: "flip/list of referrers behind a tag", set: tagFallback, meddle: func(a *arena) meddling {
		byTag, byDigest := changing("/manifests/"+fallbackTag(a.pkg), flip), changing("/manifests/"+a.list.Digest, flip)
		return noReferrers(func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
			return byTag(w, r, real) || byDigest(w, r, real)
		})
	}},
	{name: "flip/index", set: indexed, meddle: func(a *arena) meddling {
		byTag, byDigest := changing("/manifests/"+version, flip), changing("/manifests/"+a.pkg.Digest, flip)
		return func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
			return byTag(w, r, real) || byDigest(w, r, real)
		}
	}},
	{name: "flip/manifest of an index", set: indexed, meddle: func(a *arena) meddling {
		return changing("/manifests/"+a.parts.Manifests[0].Digest, flip)
	}},
}

// noReferrers has the registry behave as one without the API.
func noReferrers(next meddling) meddling {
	return func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			http.NotFound(w, r)
			return true
		}
		return next(w, r, real)
	}
}

// fallbackTag is the tag that stands in for the API.
func fallbackTag(d descriptor) string { return strings.Replace(d.Digest, ":", "-", 1) }

// tagFallback signs the package for registries without the API.
func tagFallback(a *arena) {
	a.sign(a.pkg)
	a.list = a.put("LIST", fallbackTag(a.pkg), manifest{MediaType: mediaTypeIndex, Manifests: []descriptor{a.signature}})
}

// indexed puts the package into an index, and signs that.
func indexed(a *arena) {
	entry := a.pkg
	a.parts = manifest{MediaType: mediaTypeIndex, Manifests: []descriptor{entry}}
	a.pkg = a.put("INDEX", version, a.parts)
	a.sign(a.pkg)
}
