package hosthttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

var client = &http.Client{Transport: Transport{}}

// upstream serves what a request looked like, and some special paths.
func upstream(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		fmt.Fprintf(w, "%s %s length=%d auth=%q x=%q body=%q", r.Method, r.URL.RequestURI(), r.ContentLength, r.Header.Get("Authorization"), r.Header.Values("X"), b)
	})
	mux.Handle("/moved", http.RedirectHandler("/echo?moved", http.StatusTemporaryRedirect))
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/talk", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_ = http.NewResponseController(w).Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "%s!\n", lines.Text())
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func granted(t *testing.T) context.Context {
	e := &pdktest.Effects{HTTP: http.DefaultTransport, Secrets: map[string]string{"token": "s3cret"}}
	return effect.WithOpener(t.Context(), e.Open)
}

// fetch sends a request and returns the response with its body as text.
func fetch(ctx context.Context, method, url string, body io.Reader, header http.Header) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, "", err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestRequests(t *testing.T) {
	t.Parallel()
	base := upstream(t)
	tests := []struct {
		name, method, path string
		body               io.Reader
		header             http.Header
		status             int
		want               string
	}{
		{"get", "GET", "/echo?a=b%20c#part", nil, nil, 200, `GET /echo?a=b%20c length=0 auth="" x=[] body=""`},
		{"headers", "GET", "/echo", nil, http.Header{"X": {"1", "2"}}, 200, `GET /echo length=0 auth="" x=["1" "2"] body=""`},
		{"of the connection", "GET", "/echo", nil, http.Header{"Accept-Encoding": {"br"}, "Connection": {"Close"}, "Content-Length": {"7"}}, 200, `GET /echo length=0 auth="" x=[] body=""`},
		{"body", "POST", "/echo", strings.NewReader("text"), nil, 200, `POST /echo length=4 auth="" x=[] body="text"`},
		{"body of unknown length", "PUT", "/echo", io.MultiReader(strings.NewReader("te"), strings.NewReader("xt")), nil, 200, `PUT /echo length=-1 auth="" x=[] body="text"`},
		{"empty body", "POST", "/echo", strings.NewReader(""), nil, 200, `POST /echo length=0 auth="" x=[] body=""`},
		{"redirect", "POST", "/moved", strings.NewReader("text"), nil, 200, `POST /echo?moved length=4 auth="" x=[] body="text"`},
		{"head", "HEAD", "/echo", nil, nil, 200, ""},
		{"no content", "GET", "/empty", nil, nil, 204, ""},
		{"not found", "GET", "/none", nil, nil, 404, "404 page not found\n"},
		{"secret", "GET", "/echo", nil, http.Header{"Authorization": {"Bearer handle_746f6b656e_"}}, 200, `GET /echo length=0 auth="Bearer s3cret" x=[] body=""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, text, err := fetch(granted(t), tt.method, base+tt.path, tt.body, tt.header)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || text != tt.want {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, text, tt.status, tt.want)
			}
		})
	}
}

func TestResponse(t *testing.T) {
	t.Parallel()
	resp, text, err := fetch(granted(t), "GET", upstream(t)+"/echo", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != "200 OK" || resp.Proto != "HTTP/1.1" || !resp.ProtoAtLeast(1, 1) || resp.ProtoAtLeast(2, 0) {
		t.Errorf("status %q, protocol %s", resp.Status, resp.Proto)
	}
	if got := resp.Header.Values("x-two"); strings.Join(got, ",") != "1,2" {
		t.Errorf("headers %v", got)
	}
	if resp.ContentLength != int64(len(text)) || resp.Request == nil || resp.Request.URL.Path != "/echo" {
		t.Errorf("length %d of %d, request %v", resp.ContentLength, len(text), resp.Request)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	base := upstream(t)
	tests := []struct {
		name   string
		ctx    context.Context
		change func(*http.Request)
		kind   error
		text   string
	}{
		{"not granted", effect.WithOpener(t.Context(), (&pdktest.Effects{}).Open), nil, effect.ErrDenied, "(missing grant: --allow-http HOST)"},
		{"credentials", granted(t), func(r *http.Request) { r.SetBasicAuth("a", "b") }, effect.ErrDenied, "--secret"},
		{"cookie", granted(t), func(r *http.Request) { r.Header.Set("Cookie", "a=b") }, effect.ErrInvalid, "the header Cookie is the host's"},
		{"upgrade", granted(t), func(r *http.Request) { r.Header.Set("Connection", "Upgrade") }, effect.ErrInvalid, "the header Connection is the host's"},
		{"another host name", granted(t), func(r *http.Request) { r.Host = "example.com" }, nil, "under the name example.com"},
		{"trailers", granted(t), func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, nil, "request with trailers"},
		{"unreachable", granted(t), func(r *http.Request) { r.URL.Host, r.Host = "127.0.0.1:1", "" }, effect.ErrUnreachable, "127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := &closed{Reader: strings.NewReader("x")}
			r, err := http.NewRequestWithContext(tt.ctx, "POST", base+"/echo", body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(r)
			}
			_, err = client.Do(r)
			if err == nil || tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %q of kind %v", err, tt.text, tt.kind)
			}
			if !body.closed {
				t.Error("the body was not closed")
			}
		})
	}
}

type closed struct {
	io.Reader
	closed bool
}

func (c *closed) Close() error {
	c.closed = true
	return nil
}

// TestBothWays waits for each answer before it sends the next line.
func TestBothWays(t *testing.T) {
	t.Parallel()
	body, w := io.Pipe()
	r, err := http.NewRequestWithContext(granted(t), "POST", upstream(t)+"/talk", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answers := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprintln(w, word)
		if line, err := answers.ReadString('\n'); line != word+"!\n" {
			t.Errorf("got %q, %v, want %s!", line, err, word)
		}
	}
	_ = w.Close()
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(granted(t))
	r, err := http.NewRequestWithContext(ctx, "GET", upstream(t)+"/hang", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestShortBody(t *testing.T) {
	t.Parallel()
	_, text, err := fetch(granted(t), "GET", upstream(t)+"/short", nil, nil)
	if text != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v, want half and an error", text, err)
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	base := upstream(t)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	install(transport)
	get := func(ctx context.Context, t http.RoundTripper) error {
		r, err := http.NewRequestWithContext(ctx, "GET", base+"/echo", nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: t}).Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	if err := get(granted(t), transport); err != nil {
		t.Errorf("through the host: %v", err)
	}
	if err := get(t.Context(), transport); !errors.Is(err, effect.ErrFailed) {
		t.Errorf("without a host: %v, want no other way", err)
	}
	if err := get(granted(t), transport.Clone()); !errors.Is(err, errDial) {
		t.Errorf("through a clone: %v, want that it cannot dial", err)
	}
}
