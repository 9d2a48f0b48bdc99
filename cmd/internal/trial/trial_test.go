package trial_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cmd/internal/trial"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// serve starts a registry over a folder and returns a repository in it.
func serve(t *testing.T, dir string) (oci.Target, string) {
	t.Helper()
	h, err := trial.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	remotes, err := oci.NewRemotes(oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{host: {PlainHTTP: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return remotes.Repository(oci.Reference{Registry: host, Repository: "acme/weather"}), s.URL
}

func push(t *testing.T, to oci.Target, mediaType, content string) oci.Descriptor {
	t.Helper()
	d := oci.Describe(mediaType, []byte(content))
	if err := to.Push(t.Context(), d, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRegistry(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			to, _ := serve(t, dir)
			empty := push(t, to, oci.MediaTypeEmpty, "{}")
			manifest := `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeManifest + `","config":{"mediaType":"` + oci.MediaTypeEmpty + `","digest":"` + empty.Digest + `","size":2},"layers":[]}`
			d := push(t, to, oci.MediaTypeManifest, manifest)
			about := push(t, to, oci.MediaTypeManifest, strings.Replace(manifest, `"layers"`, `"artifactType":"application/x","subject":{"mediaType":"`+d.MediaType+`","digest":"`+d.Digest+`","size":`+"1"+`},"layers"`, 1))
			if err := to.Tag(t.Context(), d, "1.0"); err != nil {
				t.Fatal(err)
			}
			if dir != "" { // it is there after a restart
				to, _ = serve(t, dir)
			}
			if got, err := to.Resolve(t.Context(), "1.0"); err != nil || got.Digest != d.Digest {
				t.Errorf("resolve: %+v, %v", got, err)
			}
			if got, err := oci.ReadAll(t.Context(), to, empty, 10); err != nil || !bytes.Equal(got, []byte("{}")) {
				t.Errorf("fetch: %q, %v", got, err)
			}
			if tags, err := to.Tags(t.Context()); err != nil || len(tags) != 1 || tags[0] != "1.0" {
				t.Errorf("tags: %v, %v", tags, err)
			}
			if found, err := to.Referrers(t.Context(), d.Digest); err != nil || len(found) != 1 || found[0].Digest != about.Digest {
				t.Errorf("referrers: %v, %v", found, err)
			}
			if _, err := to.Resolve(t.Context(), "2.0"); !errors.Is(err, oci.ErrNotFound) {
				t.Errorf("a tag that is not there: %v", err)
			}
			if err := to.Push(t.Context(), oci.Describe("application/wasm", []byte("one")), strings.NewReader("two")); err == nil {
				t.Error("other content was taken")
			}
		})
	}
}

func TestPathsLeadNowhere(t *testing.T) {
	_, address := serve(t, t.TempDir())
	for _, path := range []string{"/v2/../x/tags/list", "/v2/..%2f..%2fetc/tags/list", "/v2/a+b/tags/list", "/v2/%2e%2e/tags/list", "/v2/acme/blobs/sha256:../../x"} {
		resp, err := http.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// Clients such as cosign and docker send a blob by POST, PATCH and an empty PUT, of
// which none says where it begins.
func TestUploadInPieces(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			to, address := serve(t, dir)
			send := func(method, url, contentRange, body string, want int) string {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if contentRange != "" {
					req.Header.Set("Content-Range", contentRange)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Fatalf("%s with range %q and %q: %s, want %d: %s", method, contentRange, body, resp.Status, want, answer)
				}
				return address + resp.Header.Get("Location")
			}
			start := func() string {
				return send("POST", address+"/v2/acme/weather/blobs/uploads/", "", "", http.StatusAccepted)
			}
			has := func(content string) {
				t.Helper()
				d := oci.Describe("application/octet-stream", []byte(content))
				if got, err := oci.ReadAll(t.Context(), to, d, 100); err != nil || string(got) != content {
					t.Errorf("%q: %q, %v", content, got, err)
				}
			}
			query := func(content string) string {
				return "?digest=" + oci.Describe("application/octet-stream", []byte(content)).Digest
			}

			at := send("PATCH", start(), "", "signature", http.StatusAccepted)
			send("PUT", at+query("signature"), "", "", http.StatusCreated)
			has("signature")

			send("PUT", start()+query("at once"), "", "at once", http.StatusCreated)
			has("at once")

			at = send("PATCH", start(), "0-2", "one", http.StatusAccepted)
			send("PATCH", at, "0-2", "one", http.StatusRequestedRangeNotSatisfiable)
			send("PATCH", at, "5-7", "two", http.StatusRequestedRangeNotSatisfiable)
			at = send("PATCH", at, "3-5", "two", http.StatusAccepted)
			send("PUT", at+query("onetwothree"), "6-10", "three", http.StatusCreated)
			has("onetwothree")

			at = send("PATCH", start(), "", "one", http.StatusAccepted)
			send("PUT", at+query("two"), "", "", http.StatusBadRequest)
		})
	}
}
