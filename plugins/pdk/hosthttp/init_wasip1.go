//go:build wasip1

package hosthttp

import "net/http"

func init() {
	// It is something else where a program has set its own before, which then
	// has Transport to end in.
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		install(t)
	}
}
