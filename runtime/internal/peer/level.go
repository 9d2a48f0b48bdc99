package peer

import (
	"context"
	"slices"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// logLevels are RFC 5424's severities as MCP names them, most verbose first.
var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// levels is the log level that a server of an older era was told.
type levels struct {
	gate chan struct{} // held by whoever changes it
	now  string
}

func newLevels() levels { return levels{gate: make(chan struct{}, 1)} }

// raiseLevel tells a server of an older era to log as much as the most verbose
// of the calls in flight asks for. It was told once for all callers, so the host
// filters what each of them gets. A server that refuses is asked no more for
// that level and works on.
func (p *Peer) raiseLevel(ctx context.Context, level string) error {
	e := p.spoken()
	if e.modern || !slices.Contains(logLevels, level) || !e.caps.Has("logging") {
		return nil
	}
	select {
	case p.level.gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return errEnded
	}
	defer func() { <-p.level.gate }()
	want := p.lowestLevel(level)
	if want == p.level.now {
		return nil
	}
	err := bounded(ctx, func(ctx context.Context) error {
		return p.command(ctx, "logging/setLevel", wire.Object{}.SetString("level", want))
	})
	if ctx.Err() != nil || p.ended() {
		return err
	}
	p.level.now = want
	if err != nil {
		p.fault("it declares logging and did not take the level %q: %v", want, err)
	}
	return nil
}

func (p *Peer) lowestLevel(level string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lowest := slices.Index(logLevels, level)
	for _, k := range p.calls {
		if i := slices.Index(logLevels, k.who.level); i >= 0 {
			lowest = min(lowest, i)
		}
	}
	return logLevels[lowest]
}

// command sends one of the peer's own requests whose result says nothing more.
func (p *Peer) command(ctx context.Context, method string, params wire.Object) error {
	k, err := p.ask(ctx, method, params)
	if err != nil {
		return err
	}
	defer p.abandon(k)
	answer, err := p.answerOf(ctx, k)
	if err == nil && answer.Error != nil {
		return answer.Error
	}
	return err
}
