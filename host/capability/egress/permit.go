package egress

import (
	"context"
	"io"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
)

// permit asks the policy about what is sent next, and keeps what it was asked. A
// redirect may lead to a path or a query that has a secret; that is not for the policy's log.
func (x *exchange) permit(ctx context.Context) error {
	x.as = nil
	var intents []effect.Intent
	for _, m := range x.methods {
		labels, err := x.c.grants.labels(m, &x.location)
		if err != nil {
			return err
		}
		l := &x.location
		h := &cel.HTTP{Method: m, Scheme: l.scheme, Host: l.host, Port: l.port, Path: x.scrub(l.path), Query: x.scrub(l.query)}
		x.as = append(x.as, h)
		intents = append(intents, effect.Intent{Effect: &cel.Effect{Kind: cel.EffectHTTP, HTTP: h}, Labels: labels})
	}
	x.permission = x.call.Permission(intents...)
	return x.permission.Check(ctx)
}

// permitted is a body of which no byte is sent that came after what has changed the
// policy's mind.
type permitted struct {
	ctx        context.Context // of the request
	r          io.Reader
	permission *effect.Permission
}

func (p permitted) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		if denial := p.permission.Check(p.ctx); denial != nil {
			return 0, denial
		}
	}
	return n, err
}
