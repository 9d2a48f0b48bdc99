package effect_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/internal/effecttest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

func key(name string) *cel.Effect {
	return &cel.Effect{Kind: cel.EffectKV, KV: &cel.KV{Key: name, Access: cel.AccessRead}}
}

func TestPermit(t *testing.T) {
	t.Parallel()
	told := effect.Denied("--kv", "no")
	told.Kind = plugins.EffectTimeout
	tests := []struct {
		name   string
		decide func(context.Context, *cel.Effect, []string) error
		want   plugins.EffectError // zero where it is allowed
	}{
		{"allowed", effecttest.Allow, plugins.EffectError{}},
		{"told as it is", func(context.Context, *cel.Effect, []string) error { return told }, *told},
		{"what was meant for nobody", func(context.Context, *cel.Effect, []string) error { return errors.New("/etc/policy.yaml: gone") },
			plugins.EffectError{Kind: plugins.EffectDenied, Message: "the policy could not decide"}},
		{"nobody decides", nil, plugins.EffectError{Kind: plugins.EffectDenied, Message: "there is no policy here that could allow it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := effect.Call{Decide: tt.decide}
			for name, err := range map[string]error{
				"Permit":               c.Permit(t.Context(), key("a"), nil),
				"Permit of a call":     c.Begin().Permit(t.Context(), key("a"), nil),
				"Permission":           c.Permission(effect.Intent{Effect: key("a")}).Check(t.Context()),
				"Permission of a call": c.Begin().Permission(effect.Intent{Effect: key("a")}).Check(t.Context()),
			} {
				e, _ := errors.AsType[*plugins.EffectError](err)
				if (err == nil) != (tt.want == plugins.EffectError{}) || e != nil && *e != tt.want {
					t.Errorf("%s: %v, want %v", name, err, tt.want)
				}
			}
		})
	}
}

// TestPermission: what goes on is asked about again once something else was allowed,
// and not otherwise.
func TestPermission(t *testing.T) {
	t.Parallel()
	var p effecttest.Policy
	c := p.Call().Begin()
	a := c.Permission(effect.Intent{Effect: key("a"), Labels: []string{"x:y"}})
	b := c.Permission(effect.Intent{Effect: key("b")})
	secret := &cel.Effect{Kind: cel.EffectSecret, Secret: &cel.Secret{Name: "TOKEN"}}
	const askA, askB, askC = `kv read "a" [x:y]`, `kv read "b"`, `kv read "c"`
	steps := []struct {
		name string
		do   func() error
		want []string
	}{
		{"first", func() error { return a.Check(t.Context()) }, []string{askA}},
		{"again", func() error { return a.Check(t.Context()) }, nil},
		{"another", func() error { return b.Check(t.Context()) }, []string{askB}},
		{"the first after another", func() error { return a.Check(t.Context()) }, []string{askA}},
		{"the other after the first", func() error { return b.Check(t.Context()) }, nil},
		{"both", func() error { return errors.Join(a.Check(t.Context()), b.Check(t.Context())) }, nil},
		{"a secret", func() error { return c.Permit(t.Context(), secret, nil) }, []string{"secret TOKEN"}},
		{"after a secret", func() error { return a.Check(t.Context()) }, nil},
		{"at once", func() error { return c.Permit(t.Context(), key("c"), nil) }, []string{askC}},
		{"after that", func() error { return errors.Join(a.Check(t.Context()), b.Check(t.Context())) }, []string{askA, askB}},
		{"at once again", func() error { return c.Permit(t.Context(), key("c"), nil) }, []string{askC}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if got := p.Asked(); !slices.Equal(got, s.want) {
			t.Errorf("%s: asked %q, want %q", s.name, got, s.want)
		}
	}
	p.Deny = func(line string) bool { return line == askA }
	for range 2 {
		if a.Check(t.Context()) == nil {
			t.Error("a denial is forgotten")
		}
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	p.Asked()
	if err := c.Permission(effect.Intent{Effect: key("d")}, effect.Intent{Effect: key("e")}).Check(t.Context()); err != nil || len(p.Asked()) != 2 {
		t.Error(err)
	}
}

// TestAgain: whoever decides can tell what goes on from what is new.
func TestAgain(t *testing.T) {
	t.Parallel()
	var again []bool
	call := effect.Call{Decide: func(ctx context.Context, _ *cel.Effect, _ []string) error {
		again = append(again, effect.Again(ctx))
		return nil
	}}
	for name, c := range map[string]effect.Call{"counted": call.Begin(), "not counted": call} {
		again = nil
		a := c.Permission(effect.Intent{Effect: key("a")})
		err := errors.Join(a.Check(t.Context()), c.Permit(t.Context(), key("b"), nil), a.Check(t.Context()), c.Permit(t.Context(), key("b"), nil))
		if want := []bool{false, false, true, false}; err != nil || !slices.Equal(again, want) {
			t.Errorf("%s: again %v, want %v; %v", name, again, want, err)
		}
	}
}

// TestPermissionWithoutCount: where nobody counts, it is asked each time.
func TestPermissionWithoutCount(t *testing.T) {
	t.Parallel()
	var p effecttest.Policy
	a := p.Call().Permission(effect.Intent{Effect: key("a")})
	for range 3 {
		if err := a.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.Asked()); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestCheckLabel(t *testing.T) {
	t.Parallel()
	for label, good := range map[string]bool{
		"reads:private": true, "a:b": true, "a-1:b-2": true,
		"": false, "reads": false, "reads:": false, ":private": false, "Reads:private": false, "reads: private": false,
		"reads:private:x": false, "1a:b": false, "a:-b": false, "a:b\n": false, "ä:b": false,
	} {
		if err := effect.CheckLabel(label); (err == nil) != good {
			t.Errorf("%q: %v", label, err)
		}
	}
}
