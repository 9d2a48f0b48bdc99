package egress

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

const limitKind = plugins.EffectLimit

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	c, url, _ := local(t, Config{Limits: Limits{RequestBytes: 1000, ResponseBytes: 1000}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stream":
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write([]byte(r.FormValue("data")))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 1<<20))
			_ = z.Close()
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = w.Write([]byte(r.FormValue("data")))
		}
	})
	exact, more := strings.Repeat("x", 1000), strings.Repeat("x", 1001)
	for _, path := range []string{"/?data=", "/stream?data="} {
		if r := must(t, c, get(url+path+exact)); r.body != exact {
			t.Errorf("%s: %d bytes", path, len(r.body))
		}
		fails(t, c, get(url+path+more), limitKind, "the response's body is longer than 1000 bytes")
	}
	must(t, c, get(url+"/?data="+more).with("method", "HEAD"))
	fails(t, c, get(url+"/gzip"), limitKind, "response")
	if r, e := perform(t, c, get(url+"/endless")); e == nil || e.Kind != limitKind || len(r.body) > 1000 {
		t.Errorf("endless: %d bytes, %v", len(r.body), e)
	}
	post := get(url).with("method", "POST")
	must(t, c, post.sending(exact))
	fails(t, c, post.sending(more), limitKind, "the request's body is longer than 1000 bytes")
	fails(t, c, post.with("redirects", 1).sending(more), limitKind, "the request's body")
	fails(t, c, post.with("contentLength", 3).sending("data"), invalid, "another length")
	fails(t, c, post.with("contentLength", 5).sending("data"), invalid, "another length")
	fails(t, c, post.with("contentLength", 0).sending("data"), invalid, "another length")
}

// TestHeaderFlood: 32,769 headers, or one that is too long.
func TestHeaderFlood(t *testing.T) {
	t.Parallel()
	flood := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/line" {
			w.Header().Set("X-Long", strings.Repeat("x", DefaultHeaderBytes+1000))
			return
		}
		n := 32769
		if r.URL.Path == "/many" {
			n = 1400 // of 48 bytes, as HTTP/2 counts
		}
		for i := range n {
			w.Header().Set(fmt.Sprint("X-", i), "vvvvvvvvvv")
		}
	}
	tests := []struct {
		name       string
		start      func(*httptest.Server)
		kind, text string
	}{
		{"HTTP/1.1", (*httptest.Server).StartTLS, limitKind, "headers are too large"},
		{"HTTP/2.0 many", startHTTP2, limitKind, "headers are too large"},
		{"HTTP/2.0 flood", startHTTP2, plugins.EffectUnreachable, "PROTOCOL_ERROR"}, // twice the limit ends the connection
		{"HTTP/1.1 line", (*httptest.Server).StartTLS, limitKind, "headers are too large"},
		{"HTTP/2.0 line", startHTTP2, plugins.EffectUnreachable, "COMPRESSION_ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := secure(t, Config{}, http.HandlerFunc(flood), tt.start)
			_, path, _ := strings.Cut(tt.name, " ")
			fails(t, c, get("https://example.com/"+path), tt.kind, tt.text)
		})
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	hang := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	c, url, _ := local(t, Config{}, hang)
	limited, limitedURL, _ := local(t, Config{Limits: Limits{Time: 30 * time.Millisecond}}, hang)
	fails(t, c, get(url).with("timeoutMs", 30), plugins.EffectTimeout, "took too long")
	fails(t, limited, get(limitedURL), plugins.EffectTimeout, "took too long")
	fails(t, limited, get(limitedURL).with("timeoutMs", 1<<40), plugins.EffectTimeout, "took too long")
	if r, e := perform(t, c, get(url+"/body").with("timeoutMs", 200)); e == nil || e.Kind != plugins.EffectTimeout || r.body != "begun" {
		t.Errorf("slow body: %q, %v", r.body, e)
	}
	// A guest that does not send what it announced.
	for _, redirects := range []int{0, 1} {
		r, w := io.Pipe()
		silent := request{get(url).with("method", "POST").with("timeoutMs", 30).with("redirects", redirects).params, r}
		fails(t, c, silent, plugins.EffectTimeout, "took too long")
		w.Close()
	}
}

// TestCancel: the end of the call ends the request.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c, url, _ := local(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	err := c.Perform(ctx, allowed(), get(url).effect(t), effect.NewReply(io.Discard))
	var e *plugins.EffectError
	if !errors.As(err, &e) || !strings.Contains(e.Message, "cancelled") {
		t.Errorf("%v", err)
	}
}

// TestBrokenAnswers: what is cut off or no HTTP is an error, never a short answer.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, answer, text string }{
		{"nothing", "", "closed the connection"},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n", "malformed HTTP"},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "closed the connection"},
		{"chunks that end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "closed the connection"},
		{"gzip that ends", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", "closed the connection"},
		{"other protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "switches to another protocol"},
		{"endless early hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", 10_000), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, url, _ := local(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = io.WriteString(conn, tt.answer)
					conn.Close()
				}
			})
			if _, e := perform(t, c, get(url)); e == nil || !strings.Contains(e.Message, tt.text) {
				t.Errorf("%v, want …%s…", e, tt.text)
			}
		})
	}
}

func TestResponse(t *testing.T) {
	t.Parallel()
	c, url, _ := local(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		h := w.Header()
		h.Set("Date", "today")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h["X-B"] = []string{"2", "1"}
		if r.URL.Path == "/gzip" {
			h.Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "unpacked")
			_ = z.Close()
			return
		}
		h.Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "tea")
	})
	r := must(t, c, get(url+"/x?y"))
	want := result{418, "HTTP/1.1", url + "/x?y",
		[][2]string{{"Content-Length", "3"}, {"Content-Type", "text/plain"}, {"Date", "today"}, {"X-B", "2"}, {"X-B", "1"}}, 3}
	if fmt.Sprint(r.result) != fmt.Sprint(want) || r.body != "tea" {
		t.Errorf("%v %q, want %v", r.result, r.body, want)
	}
	if r := must(t, c, get(url+"/gzip")); r.body != "unpacked" || r.ContentLength != -1 || r.header("Content-Encoding") != "" {
		t.Errorf("%v %q", r.result, r.body)
	}
}

// TestStream: each side sees what the other sent while both go on.
func TestStream(t *testing.T) {
	t.Parallel()
	c, _ := secure(t, Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := bufio.NewScanner(r.Body)
		flusher := http.NewResponseController(w)
		_ = flusher.Flush()
		for lines.Scan() {
			_, _ = fmt.Fprintln(w, "got "+lines.Text())
			_ = flusher.Flush()
		}
	}), startHTTP2)
	body, say := io.Pipe()
	hear, reply := io.Pipe()
	done := make(chan error, 1)
	go func() {
		r := request{get("https://example.com/").with("method", "POST").params, body}
		done <- c.Perform(t.Context(), allowed(), r.effect(t), effect.NewReply(reply))
		reply.Close()
	}()
	lines := bufio.NewScanner(hear)
	if !lines.Scan() || !json.Valid(lines.Bytes()) {
		t.Fatalf("head %q", lines.Text())
	}
	for i := range 3 {
		_, _ = fmt.Fprintln(say, i)
		if !lines.Scan() || lines.Text() != fmt.Sprint("got ", i) {
			t.Fatalf("line %d: %q", i, lines.Text())
		}
	}
	say.Close()
	if lines.Scan() {
		t.Errorf("more: %q", lines.Text())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestGuestGone: a reply that nobody reads ends the request.
func TestGuestGone(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	c, url, _ := local(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	r, w := io.Pipe()
	r.CloseWithError(errors.New("gone"))
	err := c.Perform(t.Context(), allowed(), get(url).effect(t), effect.NewReply(w))
	var e *plugins.EffectError
	if !errors.As(err, &e) || e.Kind != plugins.EffectFailed {
		t.Errorf("%v", err)
	}
	<-gone
}
