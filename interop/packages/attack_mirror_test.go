package packages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestMirrorThatLies has a mirror that is asked before an honest registry answer
// wrongly. Whatever it does, what runs is what was published and signed, or nothing.
func TestMirrorThatLies(t *testing.T) {
	for _, x := range []struct {
		name   string
		meddle func(a *arena) meddling
	}{
		{"manifest flipped", func(a *arena) meddling { return changing("/manifests/"+a.pkg.Digest, flip) }},
		{"module flipped", func(a *arena) meddling { return changing(modulePath(a), flip) }},
		{"signatures withheld", func(*arena) meddling {
			return noReferrers(func(http.ResponseWriter, *http.Request, *httptest.ResponseRecorder) bool { return false })
		}},
		{"list of referrers empty", func(a *arena) meddling {
			return changing(referrersPath(a), func([]byte) []byte {
				return []byte(`{"schemaVersion":2,"mediaType":"` + mediaTypeIndex + `","manifests":[]}`)
			})
		}},
		{"another package behind the tag", func(a *arena) meddling {
			a.evil()
			honest := a.switching("/manifests/" + version)
			_ = honest(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/manifests/"+version, nil), nil) // its first answer
			return honest
		}},
		{"everything gone", func(*arena) meddling {
			return func(w http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) bool {
				http.NotFound(w, r)
				return true
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := newArena(t)
			a.sign(a.pkg)
			digest := a.byDigest()
			mirror := newMeddler(t, api)
			mirror.from(x.meddle(a))
			a.write("mcpwasm.yaml", fmt.Appendf(nil, "registries:\n  %s: {plainHTTP: true, mirrors: [%s]}\n  %[2]s: {plainHTTP: true}\n%s",
				a.m.host, mirror.host, byKey("k.pub")), 0o600)
			r := a.run("mcpwasm", "add", "--yes", "--name", "canary", "--cache-dir", a.path("user"), a.ref())
			switch {
			case r.code == 0:
				a.mustRun("user", "canary")
				if text := string(a.read("mcpwasm.lock")); !strings.Contains(text, strings.Split(digest, "@")[1]) {
					t.Errorf("another package was approved: %s", text)
				}
			case r.code != 3:
				t.Errorf("exit code %d, want 0 or 3\n%s", r.code, r.err)
			}
			if len(mirror.seen()) == 0 {
				t.Error("the mirror was not asked")
			}
			t.Logf("exit code %d %s", r.code, r.err)
		})
	}
}
