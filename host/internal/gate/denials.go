package gate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/mcpwasm/mcpwasm/cel"
)

// maxDenials is how many denials of one message are logged; what a guest tries
// over and over is not worth more.
const maxDenials = 10

// logDenied is the message of every denial in the log.
const logDenied = "denied by the policy"

// denials are those of one message that were logged, safe for concurrent use.
type denials struct {
	mu     sync.Mutex
	logged map[string]bool
}

// logDenial tells the operator. What a list does not show is no news, unless
// a rule could not be decided.
func (g *Gate) logDenial(ctx context.Context, phase cel.Phase, in *cel.Input, d cel.Decision, logged *denials) {
	level := slog.LevelWarn
	if phase == cel.PhaseList && d.Err == nil {
		level = slog.LevelDebug
	}
	attrs := append(about(phase, in), "rule", d.Rule)
	if d.Log != "" {
		attrs = append(attrs, "log", d.Log)
	}
	if d.Err != nil {
		attrs = append(attrs, "error", d.Err)
	}
	g.log(ctx, level, attrs, logged)
}

// LogAsks is the attribute of a denial in the log for want of somebody to ask.
const LogAsks = "asks"

// logUnasked tells the operator of a denial for want of somebody to ask.
func (g *Gate) logUnasked(ctx context.Context, phase cel.Phase, in *cel.Input, rule, reason string, logged *denials) {
	g.log(ctx, slog.LevelWarn, append(about(phase, in), "rule", rule, LogAsks, true, "error", reason), logged)
}

// log writes what is said of a denial, once for a message.
func (g *Gate) log(ctx context.Context, level slog.Level, attrs []any, logged *denials) {
	n := 1
	if logged != nil {
		n = logged.add(fmt.Sprint(attrs...))
	}
	switch {
	case n == 0 || n > maxDenials:
	case n == maxDenials:
		g.cfg.Log.Warn("denied more; further denials of this message are not logged", attrs[:4]...)
	default:
		g.cfg.Log.Log(ctx, level, logDenied, attrs...)
	}
}

// add returns how many denials there were, with this one, or 0 where it was there
// before.
func (d *denials) add(text string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.logged[text] || len(d.logged) > maxDenials {
		return 0
	}
	if d.logged == nil {
		d.logged = map[string]bool{}
	}
	d.logged[text] = true
	return len(d.logged)
}

// deed is what an effect was to do: words in a log, and all of it for who reads
// records, see [DeniedEffect].
type deed struct{ in *cel.Input }

// String implements fmt.Stringer.
func (d deed) String() string { return effectWords(d.in.Effect) }

// LogValue implements slog.LogValuer.
func (d deed) LogValue() slog.Value { return slog.StringValue(d.String()) }

// DeniedEffect returns what a record of the log says that the policy has denied, where
// that is an effect. It must not be changed.
func DeniedEffect(r slog.Record) (*cel.Input, bool) {
	var denied *cel.Input
	if r.Message == logDenied {
		r.Attrs(func(a slog.Attr) bool {
			if d, ok := a.Value.Any().(deed); ok {
				denied = d.in
			}
			return denied == nil
		})
	}
	return denied, denied != nil
}
