package packages

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// zeros is a gzip file of many gigabytes, a piece at a time.
func zeros(w io.Writer, bytesOut int64) {
	z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // a level that exists
	block := make([]byte, 1<<20)
	for ; bytesOut > 0; bytesOut -= int64(len(block)) {
		if _, err := z.Write(block); err != nil {
			return // the client has had enough
		}
	}
	_ = z.Close() // the client may have left
}

// onPath returns a meddling that answers GET for a path itself.
func onPath(suffix string, f http.HandlerFunc) meddling {
	return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		f(w, r)
		return true
	}
}

func modulePath(a *arena) string    { return "/blobs/" + a.layer(mediaTypeWasm).Digest }
func referrersPath(a *arena) string { return "/referrers/" + a.pkg.Digest }

// sizes are lies about how much there is.
var sizes = []attack{
	{name: "size/module shorter than its descriptor says", meddle: func(a *arena) meddling {
		return changing(modulePath(a), func(b []byte) []byte { return b[:len(b)-1] })
	}},
	{name: "size/module longer than its descriptor says", same: "size/module shorter than its descriptor says", meddle: func(a *arena) meddling {
		return changing(modulePath(a), func(b []byte) []byte { return append(b, 0) })
	}},
	// What there is beyond the bytes that were wanted is not read.
	{name: "size/module without end", runs: true, meddle: func(a *arena) meddling {
		return onPath(modulePath(a), func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(published.content[a.layer(mediaTypeWasm).Digest]) // see below
			pour(w)
		})
	}},
	{name: "size/module that breaks off", code: 1, meddle: func(a *arena) meddling {
		return onPath(modulePath(a), func(w http.ResponseWriter, _ *http.Request) {
			content := published.content[a.layer(mediaTypeWasm).Digest]
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content[:len(content)/2]) // and no more
			panic(http.ErrAbortHandler)
		})
	}},
	{name: "size/manifest without end", meddle: func(a *arena) meddling {
		return onPath("/manifests/"+a.pkg.Digest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaTypeManifest)
			pour(w)
		})
	}},
	{name: "size/bundle larger than any", set: func(a *arena) {
		a.vouch(a.pkg, predicateSignature, append(a.signed(a.key), bytes.Repeat([]byte(" "), 20<<20)...))
	}},
	{name: "size/descriptor of a terabyte", set: resized(1 << 40)},
	{name: "size/descriptor of less than nothing", set: resized(-1)},
	{name: "size/referrers without end", meddle: func(a *arena) meddling {
		return onPath(referrersPath(a), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaTypeIndex)
			_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[`)) // the client may have left
			pour(w)
		})
	}},
	{name: "size/pages without end", meddle: func(a *arena) meddling {
		return onPath(referrersPath(a), func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("page"))
			w.Header().Set("Content-Type", mediaTypeIndex)
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n+1))
			_, _ = w.Write([]byte(`{"schemaVersion":2,"mediaType":"` + mediaTypeIndex + `","manifests":[]}`)) // see above
		})
	}},
	{name: "size/a page that is its own successor", meddle: func(a *arena) meddling {
		return onPath(referrersPath(a), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaTypeIndex)
			w.Header().Set("Link", "<"+r.URL.Path+`>; rel="next"`)
			_, _ = w.Write([]byte(`{"schemaVersion":2,"mediaType":"` + mediaTypeIndex + `","manifests":[]}`)) // see above
		})
	}},
	{name: "size/too many referrers", meddle: func(a *arena) meddling {
		return changing(referrersPath(a), func(b []byte) []byte {
			var list manifest
			if err := json.Unmarshal(b, &list); err != nil {
				return b
			}
			for i := range 1500 {
				d := describe(mediaTypeManifest, fmt.Appendf(nil, "%d", i))
				list.Manifests = append(list.Manifests, d)
			}
			return encoded(a, list)
		})
	}},
}

// pour writes until the client has had enough, or a gigabyte.
func pour(w io.Writer) {
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 1 << 10 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// resized publishes and signs a package whose manifest lies about its module's
// size. The registry would refuse it from anybody else.
func resized(size int64) func(*arena) {
	return func(a *arena) {
		a.layer(mediaTypeWasm).Size = size
		a.forge()
	}
}

// forge has the meddler serve the package's manifest as it is now, signed.
func (a *arena) forge() {
	a.parts.SchemaVersion = 2
	content := encoded(a, a.parts)
	a.pkg = describe(a.parts.MediaType, content)
	a.roles[a.pkg.Digest] = "PACKAGE"
	a.sign(a.pkg)
	a.m.from(func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/"+version) && !strings.HasSuffix(r.URL.Path, "/manifests/"+a.pkg.Digest) {
			return false
		}
		header := http.Header{"Content-Type": {a.pkg.MediaType}, "Docker-Content-Digest": {a.pkg.Digest}, "Content-Length": {strconv.Itoa(len(content))}}
		answer(w, r, http.StatusOK, header, content)
		return true
	})
}

// answers are lies of the protocol.
var answers = []attack{
	{name: "answer/another digest than the content's", byTag: true, meddle: func(*arena) meddling {
		return func(_ http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
			if !strings.HasSuffix(r.URL.Path, "/manifests/"+version) {
				return false
			}
			real.Header().Set("Docker-Content-Digest", otherDigest)
			return false
		}
	}},
	// A header that is no digest is not believed, and the content is hashed.
	{name: "answer/a digest that is none", runs: true, meddle: func(*arena) meddling {
		return func(_ http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool {
			if strings.HasSuffix(r.URL.Path, "/manifests/"+version) {
				real.Header().Set("Docker-Content-Digest", "sha256:../../../../etc/passwd")
			}
			return false
		}
	}},
	{name: "answer/gzip bomb for a manifest", meddle: func(a *arena) meddling {
		return onPath("/manifests/"+a.pkg.Digest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaTypeManifest)
			w.Header().Set("Content-Encoding", "gzip")
			zeros(w, 8<<30)
		})
	}},
	{name: "answer/gzip bomb for a module", meddle: func(a *arena) meddling {
		return onPath(modulePath(a), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zeros(w, 8<<30)
		})
	}},
	{name: "answer/redirect to itself", code: 1, meddle: func(a *arena) meddling {
		return onPath(modulePath(a), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		})
	}},
	{name: "answer/a web page", code: 1, meddle: func(*arena) meddling {
		return func(w http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html><body>Log in to the network first.</body></html>")) // the client may have left
			return true
		}
	}},
	{name: "answer/nothing there", byTag: true, tag: "2.0.0"},
	{name: "answer/module gone", meddle: func(a *arena) meddling { return onPath(modulePath(a), http.NotFound) }},
	{name: "answer/signatures withheld", same: "signature/none", meddle: func(*arena) meddling {
		return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
			hidden := strings.Contains(r.URL.Path, "/referrers/") || strings.Contains(r.URL.Path, "/manifests/sha256-")
			if hidden {
				http.NotFound(w, r)
			}
			return hidden
		}
	}},
}

// moved are tags that name something else after they were looked at.
var moved = []attack{
	// Content is read by its digest: the package that was verified is used, and
	// what the tag names now is never seen.
	{name: "moved/tag after the first answer", runs: true, set: func(a *arena) {
		a.sign(a.pkg)
		a.evil()
	}, meddle: func(a *arena) meddling { return a.switching("/manifests/" + version) }},
	{name: "moved/tag and digest after the first answer", set: func(a *arena) {
		a.sign(a.pkg)
		a.evil()
	}, meddle: func(a *arena) meddling { return a.switching("/manifests/"+version, "/manifests/"+a.pkg.Digest) }},
	{name: "moved/tag to a package that nobody signed", same: "signature/none", set: func(a *arena) {
		a.sign(a.pkg)
		a.pkg = a.evil()
		a.put("PACKAGE", version, a.parts)
	}},
}

// evil adds another package that nobody signed.
func (a *arena) evil() descriptor {
	a.t.Helper()
	a.parts.Annotations = map[string]string{"org.opencontainers.image.title": "evil"}
	return a.put("EVIL", "evil", a.parts)
}

// switching is honest in its first answer for one of the paths, and gives the evil
// package in all others.
func (a *arena) switching(suffixes ...string) meddling {
	evil := api.get(a.t, "/v2/"+a.repository+"/manifests/evil")
	asked := false
	return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
		for _, suffix := range suffixes {
			if !strings.HasSuffix(r.URL.Path, suffix) {
				continue
			}
			if !asked {
				asked = true
				return false
			}
			header := http.Header{"Content-Type": {mediaTypeManifest}, "Docker-Content-Digest": {digestOf(evil)}, "Content-Length": {strconv.Itoa(len(evil))}}
			answer(w, r, http.StatusOK, header, evil)
			return true
		}
		return false
	}
}
