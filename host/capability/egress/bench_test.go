package egress

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// BenchmarkGet compares a GET through the handler with one of net/http, over the
// same kind of connection: the share of "client" in "handler" is what the checks
// leave.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		page := strings.Repeat("x", size)
		server := newStandIn(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }),
			(*httptest.Server).Start)
		url := "http://" + server.addr() + "/page"
		b.Run(fmt.Sprintf("client/%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				plainGet(b, server.server.Client(), url)
			}
		})
		b.Run(fmt.Sprintf("handler/%dKiB", size>>10), func(b *testing.B) {
			c := newClient(b, Config{Granted: []plugins.HTTPGrant{grantFor(b, server)}})
			request := get(url).effect(b)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Perform(context.Background(), allowed(), request, effect.NewReply(io.Discard)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func plainGet(b *testing.B, client *http.Client, url string) {
	resp, err := client.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		b.Fatal(err)
	}
}

// grantFor is a grant by address for a stand-in.
func grantFor(t testing.TB, s *standIn) plugins.HTTPGrant {
	return plugins.HTTPGrant{Host: "127.0.0.1", Port: port(t, s)}
}
