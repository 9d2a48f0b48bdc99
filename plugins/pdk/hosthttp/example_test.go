package hosthttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/hosthttp"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func Example() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer upstream.Close()
	// A handler of a guest has such a context, and http.DefaultClient will do.
	ctx := effect.WithOpener(context.Background(), (&pdktest.Effects{HTTP: http.DefaultTransport}).Open)
	client := &http.Client{Transport: hosthttp.Transport{}}

	r, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Printf("%d %s %v\n", resp.StatusCode, text, err)
	// Output: 200 hello <nil>
}
