//go:build !wasip1

package effect

import "context"

// openHost says that there is no host.
func openHost(context.Context, []byte) (Conn, error) {
	return nil, &Error{Kind: ErrFailed, Message: "there is no host outside WebAssembly: a test brings one with pdktest.Client.Effects or effect.WithOpener"}
}
