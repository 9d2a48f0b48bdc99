package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
)

// httpClient is a client of [host.Host.Handler] whose requests have one letter
// each.
type httpClient struct {
	url       string
	client    *http.Client
	exchanges map[string]*exchange
	served    chan string // the letters of requests whose handler has returned
}

// headerLeft has a request's letter, for the test's own handler.
const headerLeft = "X-Test-Letter"

// exchange is one request and what comes back: its status, then messages.
type exchange struct {
	cancel context.CancelFunc
	out    chan string // closed at the end
	left   bool
}

func newHTTPClient(t *testing.T, h *host.Host) *httpClient {
	c := &httpClient{exchanges: map[string]*exchange{}, served: make(chan string, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		h.Handler().ServeHTTP(w, r)
		if id := r.Header.Get(headerLeft); id != "" {
			c.served <- id
		}
	})
	s := httptest.NewServer(mux)
	c.url, c.client = s.URL+"/mcp", s.Client()
	t.Cleanup(func() {
		for _, x := range c.exchanges {
			x.cancel()
		}
		s.Close()
	})
	return c
}

// send makes a request of "METHOD Header=value … {message}".
func (c *httpClient) send(channel, text string) error {
	words, body := splitJSON(text)
	if len(words) == 0 {
		return errors.New("want METHOD Header=value … MESSAGE")
	}
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, words[0], c.url, strings.NewReader(body))
	if err != nil {
		cancel()
		return err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		req.Header.Set(k, v)
	}
	req.Header.Set(headerLeft, channel)
	if old := c.exchanges[channel]; old != nil && !old.left && len(old.out) > 0 {
		cancel()
		return fmt.Errorf("before this, %s was told %s", channel, <-old.out)
	}
	x := &exchange{cancel: cancel, out: make(chan string, 1000)}
	c.exchanges[channel] = x
	go func() {
		defer close(x.out)
		if err := x.run(c.client, req); err != nil && ctx.Err() == nil {
			x.out <- "error: " + err.Error()
		}
	}()
	return nil
}

func (x *exchange) run(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	status := fmt.Sprint(res.StatusCode)
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err == nil {
		status += " " + kind
	}
	if id := res.Header.Get("Mcp-Session-Id"); id != "" {
		status += " Mcp-Session-Id=" + id
	}
	x.out <- status
	if kind == "text/event-stream" {
		return x.events(res.Body)
	}
	body, err := io.ReadAll(res.Body)
	if len(body) > 0 {
		x.out <- string(body)
	}
	return err
}

// events hands on each event as "retry=… id=… {message}".
func (x *exchange) events(r io.Reader) error {
	var words []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		field, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case s.Text() == "" && len(words) > 0:
			x.out <- strings.Join(words, " ")
			words = nil
		case field == "id", field == "retry":
			words = append(words, field+"="+value)
		case field == "data" && value != "":
			words = append(words, value)
		case field == "event" && value != "message":
			return errors.New("unknown event " + value)
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	x.out <- "end"
	return nil
}

func (c *httpClient) receive(channel string) (string, error) {
	x := c.exchanges[channel]
	if x == nil {
		return "", errors.New("there is no request " + channel)
	}
	select {
	case line, ok := <-x.out:
		if !ok {
			return "", errors.New("the response is over")
		}
		return line, nil
	case <-time.After(patience):
		return "", errors.New("nothing came")
	}
}

// leave drops the connection and waits until the host has noticed. What was on
// its way is lost. A letter that is left is used once.
func (c *httpClient) leave(channel string) error {
	x := c.exchanges[channel]
	if x == nil {
		return errors.New("there is no request " + channel)
	}
	x.left = true
	x.cancel()
	timeout := time.After(patience)
	for {
		select {
		case served := <-c.served:
			if served == channel {
				return nil
			}
		case <-timeout:
			return errors.New("the host does not notice")
		}
	}
}

func (c *httpClient) close() (rest []string, err error) {
	for channel, x := range c.exchanges {
		x.cancel()
		for line := range x.out {
			if !x.left {
				rest = append(rest, channel+"< "+line)
			}
		}
	}
	slices.Sort(rest)
	return rest, nil
}
