package oci_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// list answers each page of a list; the page's number stands in ?page.
func list(page func(w http.ResponseWriter, number string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", oci.MediaTypeIndex)
		page(w, r.URL.Query().Get("page"))
	}
}

// entries are n descriptors in JSON, all different.
func entries(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%064x","size":10}`, oci.MediaTypeManifest, i))
	}
	return strings.Join(list, ",")
}

func TestHostileLists(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"a page names itself", list(func(w http.ResponseWriter, _ string) {
			w.Header().Set("Link", `<?page=1>; rel="next"`)
			fmt.Fprint(w, `{"manifests":[]}`)
		}), "its list does not end: a page names itself or one before it as the next"},
		{"pages without end", list(func(w http.ResponseWriter, number string) {
			w.Header().Set("Link", fmt.Sprintf(`<?page=%sx>; rel="next"`, number))
			fmt.Fprint(w, `{"manifests":[]}`)
		}), "its list does not end: there are more than 100 pages"},
		{"too many", list(func(w http.ResponseWriter, _ string) {
			fmt.Fprintf(w, `{"manifests":[%s]}`, entries(oci.MaxReferrers+1))
		}), "more than the 1000 entries allowed"},
		{"small entries without end", list(func(w http.ResponseWriter, _ string) {
			fmt.Fprintf(w, `{"manifests":[%s{}]}`, strings.Repeat("{},", 1<<20))
		}), "too many JSON values"},
		{"large pages", list(func(w http.ResponseWriter, number string) {
			w.Header().Set("Link", fmt.Sprintf(`<?page=%sx>; rel="next"`, number))
			fmt.Fprintf(w, `{"manifests":[{"digest":"sha256:%064d","annotations":{"a":%q}}]}`, len(number), strings.Repeat("<", 3<<20))
		}), "its list has more than the 8388608 bytes allowed"},
		{"a list twice", list(func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"manifests":[],"manifests":[]}`) }), "duplicate"},
		{"a list in another case", list(func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"MANIFESTS":[]}`) }), `write it "manifests"`},
		{"large", list(func(w http.ResponseWriter, _ string) {
			fmt.Fprintf(w, `{"x":%q,"manifests":[]}`, strings.Repeat("x", oci.MaxManifestBytes))
		}), "its list is larger than the 4194304 bytes allowed"},
		{"no JSON", list(func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "<html>") }), "its list is no JSON"},
		{"half of it", list(func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"manifests":[{}`) }), "its list is no JSON"},
		{"a link that is none", list(func(w http.ResponseWriter, _ string) {
			w.Header().Set("Link", `<http://%zz>; rel="next"`)
			fmt.Fprint(w, `{"manifests":[]}`)
		}), "which is no address"},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "access denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := hasty(t, serve(t, test.handler)).Referrers(t.Context(), oci.DigestOf(nil))
			oneLine(t, err, test.want)
			if test.name != "refused" && !errors.Is(err, oci.ErrRefused) {
				t.Errorf("it is not refused: %v", err)
			}
			if found != nil {
				t.Errorf("got %d referrers", len(found))
			}
		})
	}
}

func TestReferrersFallback(t *testing.T) {
	digest := oci.DigestOf([]byte("subject"))
	index := `{"schemaVersion":2,"manifests":[` + entries(3) + `]}`
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest, http.StatusOK} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/referrers/") {
					w.Header().Set("Content-Type", "text/html")
					w.WriteHeader(status)
					return
				}
				if !strings.HasSuffix(r.URL.Path, "/manifests/"+oci.ReferrersTag(digest)) && !strings.HasSuffix(r.URL.Path, oci.DigestOf([]byte(index))) {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", oci.MediaTypeIndex)
				fmt.Fprint(w, index)
			}))
			found, err := hasty(t, host).Referrers(t.Context(), digest)
			if err != nil || len(found) != 3 {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
}

func TestUnusableReferrersAreLeftOut(t *testing.T) {
	host := serve(t, list(func(w http.ResponseWriter, _ string) {
		fmt.Fprintf(w, `{"manifests":[{"digest":"sha512:1","size":1},{"digest":"../../x","size":1},{"digest":%q,"size":-1},{"digest":%q,"size":99999999},{"digest":%q,"mediaType":%q},%s]}`,
			oci.DigestOf(nil), oci.DigestOf(nil), oci.DigestOf([]byte("x")), strings.Repeat("x", 256), entries(1))
	}))
	found, err := hasty(t, host).Referrers(t.Context(), oci.DigestOf(nil))
	if err != nil || len(found) != 1 {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestReferrersAreBare: nothing is kept of a list's entry that anybody could make
// large, or that the manifest itself says.
func TestReferrersAreBare(t *testing.T) {
	digest := oci.DigestOf(nil)
	const entry = `{"mediaType":%q,"digest":%q,"size":2,"artifactType":%q,"annotations":{"a":"b"},"data":"e30=","platform":{"os":"wasip1"}}`
	for _, artifactType := range []string{"application/vnd.example", strings.Repeat("x", 256)} {
		host := serve(t, list(func(w http.ResponseWriter, _ string) {
			fmt.Fprintf(w, `{"manifests":[`+entry+`]}`, oci.MediaTypeManifest, digest, artifactType)
		}))
		want := oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: digest, Size: 2}
		if len(artifactType) < 256 {
			want.ArtifactType = artifactType
		}
		found, err := hasty(t, host).Referrers(t.Context(), digest)
		if err != nil || len(found) != 1 || !reflect.DeepEqual(found[0], want) {
			t.Errorf("got %+v, %v, want %+v", found, err, want)
		}
	}
}

func TestTags(t *testing.T) {
	host := serve(t, list(func(w http.ResponseWriter, number string) {
		if number == "" {
			w.Header().Set("Link", `</v2/acme/weather/tags/list?page=2>; rel="next"`)
			fmt.Fprint(w, `{"name":"acme/weather","tags":["1.0","2.0","no tag"]}`)
			return
		}
		fmt.Fprint(w, `{"tags":["2.0","3.0"]}`)
	}))
	tags, err := hasty(t, host).Tags(t.Context())
	if err != nil || strings.Join(tags, " ") != "1.0 2.0 3.0" {
		t.Errorf("got %v, %v", tags, err)
	}
	_, err = hasty(t, serve(t, list(func(w http.ResponseWriter, number string) {
		w.Header().Set("Link", fmt.Sprintf(`<?page=%sx>; rel="next"`, number))
		fmt.Fprintf(w, `{"tags":[%q]}`, number+strings.Repeat("x", 3<<20))
	}))).Tags(t.Context())
	oneLine(t, err, "its list has more than the 8388608 bytes allowed")
	_, err = hasty(t, serve(t, http.NotFoundHandler())).Tags(t.Context())
	if !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("no repository: %v", err)
	}
}

func FuzzNextPage(f *testing.F) {
	for _, s := range []string{`</v2/x?last=1>; rel="next"`, `<http://other/>; rel=next`, `<//other>; rel="next"`, `<https://user@registry.example/>;rel=next`, `<a>; rel="prev", <b>; rel="next"`, `<`, ``} {
		f.Add(s)
	}
	const base = "https://registry.example/v2/a/tags/list"
	f.Fuzz(func(t *testing.T, link string) {
		next, err := oci.NextPage(base, []string{link})
		if err == nil && next != "" && !strings.HasPrefix(next, "https://registry.example/") && !strings.HasPrefix(next, "https://registry.example:443/") &&
			!strings.HasPrefix(strings.ToLower(next), "https://registry.example") {
			t.Errorf("%q leads to %q", link, next)
		}
	})
}

func FuzzListField(f *testing.F) {
	for _, s := range []string{`{"manifests":[{}]}`, `{"manifests":null}`, `{"x":{"manifests":[]},"manifests":[{"size":1}]}`, `[]`, `{"manifests":{}}`, `{"manifests":[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if found, err := oci.ListField(content, 3); err == nil && len(found) > 3 {
			t.Errorf("%d entries", len(found))
		}
	})
}
