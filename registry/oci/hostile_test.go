package oci_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// hasty returns a repository at a host that is asked twice at most, at once.
func hasty(t *testing.T, host string) oci.Target {
	t.Helper()
	return patient(t, host, time.Minute)
}

// patient returns a repository at a host that is waited for a while.
func patient(t *testing.T, host string, wait time.Duration) oci.Target {
	t.Helper()
	remotes, err := oci.NewHasty(plain(host), wait)
	if err != nil {
		t.Fatal(err)
	}
	return remotes.Repository(oci.Reference{Registry: host, Repository: "acme/weather"})
}

// oneLine checks what an error says, and that it is one line of a length that
// can be read.
func oneLine(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") || len(err.Error()) > 700 {
		t.Errorf("not one line of a fair length: %v", err)
	}
}

// endless writes until the client has enough, and counts.
func endless(written *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		piece := bytes.Repeat([]byte("x"), 32<<10)
		for r.Method != http.MethodHead {
			n, err := w.Write(piece)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

func TestFetchFromHostileRegistry(t *testing.T) {
	content := []byte("what was announced")
	d := oci.Describe("application/wasm", content)
	var written atomic.Int64
	tests := []struct {
		name    string
		handler http.HandlerFunc
		content bool // whether the error is about the content
		want    string
	}{
		{"other content", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "what was not there.") }, true, "19 bytes are sent, and 18 were announced"},
		{"another digest", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "what was ANNOUNCED") }, true, "the content's digest is sha256:"},
		{"fewer bytes, announced", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "what") }, true, "4 bytes are sent, and 18 were announced"},
		{"fewer bytes in chunks", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); fmt.Fprint(w, "what") }, true, "4 bytes came, and 18 were announced"},
		{"more bytes in chunks", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			fmt.Fprintf(w, "%s and more", content)
		}, true, "more bytes come than the 18 announced"},
		{"no end", endless(&written), true, "more bytes come than the 18 announced"},
		{"body cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "18")
			fmt.Fprint(w, "what")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, false, "after 4 of 18 bytes: registry"},
		{"a size of terabytes", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.FormatInt(1<<50, 10))
			_, _ = w.Write(content)
		}, true, "bytes are sent, and 18 were announced"},
		{"another digest in the headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			_, _ = w.Write(content)
		}, true, "it is sent with the digest sha256:0000"},
		{"silence in the middle", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "18")
			fmt.Fprint(w, "what")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, false, "it does not answer in time"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, "it does not answer in time"},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html><body>Log in</body></html>")
		}, true, "it answers with a web page: is it a registry?"},
		{"huge headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 1000))
			}
			_, _ = w.Write(content)
		}, false, "header"},
		{"a redirect to itself", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, false, "stopped after 10 redirects"},
		{"a redirect to a host that is not named", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/latest/meta-data", http.StatusTemporaryRedirect)
		}, false, "it leads to http://192.0.2.1, which is not encrypted and not named"},
		{"an endless error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			endless(&written)(w, r)
		}, false, "status 418"},
		{"an error with lines", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"no\nmcpwasm: all is well\u001b[2J%s"}]}`, strings.Repeat("x", 5000))
		}, false, "no mcpwasm: all is well"},
		{"an encoding that was not asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(content)
			_ = z.Close()
		}, true, `with the encoding "gzip", which was not asked for`},
		{"failing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, false, "it fails (status 503 Service Unavailable): try again later"},
		{"too many requests", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusTooManyRequests)
		}, false, "it has had too many requests"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, false, "access denied (status 403 Forbidden)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			written.Store(0)
			host := serve(t, test.handler)
			wait := time.Minute
			if strings.HasPrefix(test.name, "silence") {
				wait = 200 * time.Millisecond // which may pass at any point: the error is the same
			}
			got, err := oci.ReadAll(t.Context(), patient(t, host, wait), d, 1<<20)
			oneLine(t, err, test.want, host)
			if got != nil {
				t.Error("content was returned")
			}
			if errors.Is(err, oci.ErrContent) != test.content {
				t.Errorf("about the content: %v, want %v", !test.content, test.content)
			}
			if n := written.Load(); n > 16<<20 {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
}

// TestBomb sends 32 MiB as 32 KiB of gzip, which nobody unpacks.
func TestBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 32 {
		_, _ = z.Write(zeros)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Value
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", oci.MediaTypeManifest)
		_, _ = w.Write(bomb.Bytes())
	}))
	_, err := hasty(t, host).Resolve(t.Context(), "1.0")
	oneLine(t, err, "which was not asked for")
	if got := asked.Load(); got != "" {
		t.Errorf("asked for the encoding %q", got)
	}
}

func TestResolveAtHostileRegistry(t *testing.T) {
	manifest := []byte(`{"schemaVersion":2}`)
	var written atomic.Int64
	answer := func(mediaType string, headers map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			for k, v := range headers {
				w.Header().Set(k, v)
			}
			_, _ = w.Write(manifest)
		}
	}
	other := "sha256:" + strings.Repeat("0", 64)
	tests := []struct {
		name    string
		handler http.HandlerFunc
		by      string // "" for a tag
		want    string // "" for no error
	}{
		{"no digest in the headers", answer(oci.MediaTypeManifest, nil), "", ""},
		{"a digest that is none", answer(oci.MediaTypeManifest, map[string]string{"Docker-Content-Digest": "md5:1"}), "", ""},
		{"another digest than asked for, but the right content", answer(oci.MediaTypeManifest, map[string]string{"Docker-Content-Digest": other}), oci.DigestOf(manifest), ""},
		{"another manifest than asked for", answer(oci.MediaTypeManifest, map[string]string{"Docker-Content-Digest": oci.DigestOf(manifest)}), other, "content does not match"},
		{"a web page", answer("text/html", nil), "", "it answers with a web page: is it a registry?"},
		{"text", answer("text/plain", nil), "", `it answers with "text/plain", which is no manifest`},
		{"no type", answer("", nil), "", "of which type"},
		{"a manifest without end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", oci.MediaTypeManifest)
			endless(&written)(w, r)
		}, "", "larger than the 4194304 bytes allowed"},
		{"a manifest that says it is large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", oci.MediaTypeManifest)
			w.Header().Set("Docker-Content-Digest", other)
			w.Header().Set("Content-Length", strconv.Itoa(oci.MaxManifestBytes+1))
			_, _ = w.Write(make([]byte, oci.MaxManifestBytes+1))
		}, "", "larger than the 4194304 bytes allowed"},
		{"no repository", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`)
		}, "", "there is no such repository: not found"},
		{"no tag", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)
		}, "", "the repository does not have it: not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			by := test.by
			if by == "" {
				by = "1.0"
			}
			d, err := hasty(t, serve(t, test.handler)).Resolve(t.Context(), by)
			if test.want != "" {
				oneLine(t, err, test.want, by)
				return
			}
			if err != nil || d.Digest != oci.DigestOf(manifest) || d.Size != int64(len(manifest)) {
				t.Errorf("got %+v, %v", d, err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	closed := httptest.NewServer(nil)
	host := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	t.Cleanup(secure.Close)
	speaksTLS := strings.TrimPrefix(secure.URL, "https://")
	speaksHTTP := serve(t, http.NotFoundHandler())
	tests := []struct {
		name, host string
		config     oci.Config
		want       string
	}{
		{"refused", host, plain(host), "the connection was refused: is it running there?"},
		{"unknown host", "registry.invalid", plain(), "registry registry.invalid: "},
		{"HTTP in place of TLS", speaksHTTP, plain(), "it speaks plain HTTP: name it under registries with plainHTTP, or --plain-http " + speaksHTTP},
		{"unknown authority", speaksTLS, plain(), "its certificate is from an authority that is not trusted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := repository(t, test.config, test.host).Resolve(t.Context(), "1.0")
			oneLine(t, err, test.want)
		})
	}
}

// TestOtherRange: a transfer goes on with the bytes that were asked for, or not at
// all.
func TestOtherRange(t *testing.T) {
	content := []byte("what was announced")
	d := oci.Describe("application/wasm", content)
	for _, sent := range []string{"bytes 0-12/18", "bytes 50-62/63", "", "bytes 5-17/18"} {
		host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				_, _ = w.Write(content)
				return
			}
			w.Header().Set("Content-Range", sent)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(content[5:])
		}))
		r, err := hasty(t, host).Fetch(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, err = r.(io.Seeker).Seek(5, io.SeekStart)
		if right := sent == "bytes 5-17/18"; right != (err == nil) || !right && !errors.Is(err, oci.ErrContent) {
			t.Errorf("%q: %v", sent, err)
		}
	}
}
