package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestMain(m *testing.M) {
	client = &http.Client{Transport: hosthttp.Transport{}} // as in a guest
	os.Exit(m.Run())
}

var asking = pdktest.Client{Effects: &pdktest.Effects{HTTP: http.DefaultTransport}}

// site serves pages by path: a content type, "" for none, and a body.
func site(t *testing.T, pages map[string][2]string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there/", http.StatusFound)
			return
		}
		p, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header()["Content-Type"] = nil
		if p[0] != "" {
			w.Header().Set("Content-Type", p[0])
		}
		_, _ = w.Write([]byte(p[1]))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestFetch(t *testing.T) {
	t.Parallel()
	base := site(t, map[string][2]string{
		"/page":    {"text/html; charset=utf-8", "<title>T</title><p>é</p>"},
		"/latin":   {"text/html; charset=iso-8859-1", "<p>M\xfcll</p>"},
		"/meta":    {"text/html", `<meta charset="windows-1251"><p>` + "\xcc\xe8\xf0</p>"},
		"/sniff":   {"", "<!doctype html><p>found</p>"},
		"/json":    {"application/json", `{"a":"ü"}`},
		"/long":    {"text/plain", strings.Repeat("ä", 50)},
		"/picture": {"image/png", "\x89PNG"},
		"/binary":  {"application/pdf", "%PDF"},
		"/there/":  {"text/html", `<a href="x">x</a>`},
		"/large":   {"text/plain", strings.Repeat("x", maxBody+1)},
	})
	tests := []struct {
		name string
		in   map[string]any
		want string
		bad  bool
	}{
		{"page", map[string]any{"url": base + "/page"}, "# T\n\né\n", false},
		{"raw", map[string]any{"url": base + "/page", "raw": true}, "<title>T</title><p>é</p>", false},
		{"charset of the header", map[string]any{"url": base + "/latin"}, "Müll\n", false},
		{"charset of the page", map[string]any{"url": base + "/meta"}, "Мир\n", false},
		{"no type", map[string]any{"url": base + "/sniff"}, "found\n", false},
		{"JSON", map[string]any{"url": base + "/json"}, `{"a":"ü"}`, false},
		{"cut", map[string]any{"url": base + "/long", "maxChars": 3}, "äää\n\n[cut at character 3 of 50: go on with startIndex 3]", false},
		{"the rest", map[string]any{"url": base + "/long", "maxChars": 3, "startIndex": 48}, "ää", false},
		{"behind the end", map[string]any{"url": base + "/long", "startIndex": 50}, "[the text has 50 characters and ends before startIndex 50]", false},
		{"redirect", map[string]any{"url": base + "/moved"}, "[x](" + base + "/there/x)\n", false},
		{"not found", map[string]any{"url": base + "/none"}, base + "/none: the server says 404 Not Found\n\n404 page not found\n", true},
		{"binary", map[string]any{"url": base + "/binary"}, base + "/binary is application/pdf, 4 bytes: only text and images can be returned", true},
		{"large", map[string]any{"url": base + "/large"}, base + "/large has more than 8388608 bytes", true},
		{"no URL", map[string]any{"url": "/page"}, `"/page" is no absolute http or https URL`, true},
		{"no scheme of ours", map[string]any{"url": "file:///etc/passwd"}, `"file:///etc/passwd" is no absolute http or https URL`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := asking.CallTool(t, "fetch", tt.in)
			if a.Text() != tt.want || a.IsError() != tt.bad {
				t.Errorf("got %.300s, want %q", a.Raw, tt.want)
			}
		})
	}
	if a := asking.CallTool(t, "fetch", map[string]any{"url": base + "/picture"}); !strings.Contains(string(a.Raw), `"data":"iVBORw==","mimeType":"image/png"`) {
		t.Errorf("image: %s", a.Raw)
	}
	if a := (pdktest.Client{}).CallTool(t, "fetch", map[string]any{"url": base + "/page"}); !strings.Contains(a.Text(), "missing grant: --allow-http") {
		t.Errorf("without a grant: %s", a.Raw)
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "%s: %s", r.Header.Get("Content-Type"), b)
	})
	mux.HandleFunc("POST /quiet", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /picture", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x89PNG\x0d\x0a\x1a\x0a")) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	tests := []struct {
		name string
		in   map[string]any
		want string
		bad  bool
	}{
		{"text", map[string]any{"url": s.URL + "/echo", "text": "é"}, s.URL + "/echo: sent\n\ntext/plain; charset=utf-8: é", false},
		{"type", map[string]any{"url": s.URL + "/echo", "text": "{}", "type": "application/json"}, s.URL + "/echo: sent\n\napplication/json: {}", false},
		{"no text", map[string]any{"url": s.URL + "/echo", "text": ""}, s.URL + "/echo: sent\n\ntext/plain; charset=utf-8: ", false},
		{"no answer", map[string]any{"url": s.URL + "/quiet", "text": "a"}, s.URL + "/quiet: sent", false},
		{"no text comes back", map[string]any{"url": s.URL + "/picture", "text": "a"}, s.URL + "/picture: sent", false},
		{"not found", map[string]any{"url": s.URL + "/none", "text": "a"}, s.URL + "/none: the server says 404 Not Found\n\n404 page not found\n", true},
		{"no URL", map[string]any{"url": "/echo", "text": "a"}, `"/echo" is no absolute http or https URL`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := asking.CallTool(t, "post", tt.in); a.Text() != tt.want || a.IsError() != tt.bad {
				t.Errorf("got %.300s, want %q", a.Raw, tt.want)
			}
		})
	}
	if a := (pdktest.Client{}).CallTool(t, "post", map[string]any{"url": s.URL + "/echo", "text": "a"}); !strings.Contains(a.Text(), "missing grant: --allow-http") {
		t.Errorf("without a grant: %s", a.Raw)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("https://example.com/a/b")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, in, want string }{
		{"headings", "<title>no</title><h1>One <em>two</em></h1><h3>Three</h3>text", "# One two\n\n### Three\n\ntext\n"},
		{"white space", "<p> a\n  b<span> c</span>d </p>\n\n<p></p><p>e<br>f</p>", "a b cd\n\ne\nf\n"},
		{"marks", "<p>a <b>b</b> <i>c</i> <code>d</code><b> </b>.</p>", "a **b** *c* `d` .\n"},
		{"links", `<a href="/x">x</a> <a href="y(1)">y</a> <a href="#z">z</a> <a href="javascript:v()">v</a> <a href="/e"></a>`, "[x](https://example.com/x) [y](https://example.com/a/y%281%29) z v\n"},
		{"base", `<base href="/c/"><a href="x">x</a>`, "[x](https://example.com/c/x)\n"},
		{"link with blocks", `<a href="/x"><h2>Title</h2><p>text</p></a>`, "## Title\n\ntext\n"},
		{"images", `<p><img src="i.png" alt="a  cat"><img src="j.png"></p>`, "![a cat](https://example.com/a/i.png)\n"},
		{"list", "<p>a</p><ul><li>one</li><li><p>two</p><p>more</p></li></ul><p>b</p>", "a\n\n- one\n- two\n\n  more\n\nb\n"},
		{"nested list", "<ol><li>one<ul><li>deep</li><li>er</li></ul></li><li>two</li></ol>", "1. one\n   - deep\n   - er\n2. two\n"},
		{"quote", "<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n>\n> b\n\nc\n"},
		{"code", "<pre><code>if x {\n\ty\n}\n</code></pre>", "```\nif x {\n\ty\n}\n```\n"},
		{"table", "<table><tr><th>a<th>b|c<tr><td>1</table>", "| a | b\\|c |\n| --- | --- |\n| 1 |  |\n"},
		{"table for the layout", "<table><tr><td><p>a</p></td><td>b</td></tr></table>", "a\n\nb\n"},
		{"hidden", "<script>x</script><style>y</style><p hidden>z</p><div aria-hidden=true>w</div>a", "a\n"},
		{"rule", "a<hr>b", "a\n\n---\n\nb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := markdown(tt.in, base); got != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestDeepPage nests deeper than the parser goes.
func TestDeepPage(t *testing.T) {
	t.Parallel()
	if got, err := markdown(strings.Repeat("<div><b>", 400)+"deep", &url.URL{Scheme: "https", Host: "example.com"}); err == nil {
		t.Errorf("got %.100q, want an error", got)
	}
}

// FuzzMarkdown checks that any page becomes text, without scripts.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{"<p>a", "<ul><li><table><tr><td>a<td>b", "<a href='%zz'>x<a>", "<blockquote><pre>\n<ol><li>", "<title>\x00</title>"} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "example.com"}
	f.Fuzz(func(t *testing.T, page string) {
		got, err := markdown(strings.ToValidUTF8(page, "?"), base)
		if err == nil && !utf8.ValidString(got) {
			t.Errorf("%q became %q", page, got)
		}
	})
}
