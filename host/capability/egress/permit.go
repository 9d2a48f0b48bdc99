package egress

import (
	"context"
	"io"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
)

// permissions are the policy's for one hop: one for each method that the request can
// be taken for.
type permissions []*effect.Permission

// check asks the policy, again where something else was allowed since.
func (ps permissions) check(ctx context.Context) error {
	for _, p := range ps {
		if err := p.Check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// permit asks the policy about what is sent next, and keeps what it was asked. A
// redirect may lead to a path that has a secret; that is not for the policy's log.
func (x *exchange) permit(ctx context.Context) error {
	x.as, x.permissions = nil, nil
	for _, m := range x.methods {
		labels, err := x.c.grants.labels(m, &x.location)
		if err != nil {
			return err
		}
		l := &x.location
		h := &cel.HTTP{Method: m, Scheme: l.scheme, Host: l.host, Port: l.port, Path: x.scrub(l.path)}
		x.as = append(x.as, h)
		x.permissions = append(x.permissions, x.call.Permission(&cel.Effect{Kind: cel.EffectHTTP, HTTP: h}, labels))
	}
	return x.permissions.check(ctx)
}

// permitted is a body of which no byte is sent that came after what has changed the
// policy's mind.
type permitted struct {
	ctx         context.Context // of the request
	r           io.Reader
	permissions permissions
}

func (p permitted) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		if denial := p.permissions.check(p.ctx); denial != nil {
			return 0, denial
		}
	}
	return n, err
}
