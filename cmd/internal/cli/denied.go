package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// denial is what the policy says of a call that it denies.
type denial struct {
	text  string
	rule  string
	phase cel.Phase
	// asks says that somebody would have had to be asked.
	asks bool
}

// deniedBy reads the policy's denial out of a result; a tool's own error is none.
func deniedBy(raw json.RawMessage) (denial, bool) {
	var r struct {
		IsError bool      `json:"isError"`
		Content []content `json:"content"`
		Meta    struct {
			Denied *struct {
				Rule  string    `json:"rule"`
				Phase cel.Phase `json:"phase"`
				Asks  bool      `json:"asks"`
			} `json:"mcpwasm/denied"`
		} `json:"_meta"`
	}
	if json.Unmarshal(raw, &r) != nil || !r.IsError || r.Meta.Denied == nil {
		return denial{}, false
	}
	d := denial{rule: r.Meta.Denied.Rule, phase: r.Meta.Denied.Phase, asks: r.Meta.Denied.Asks}
	for _, c := range r.Content {
		d.text += c.Text
	}
	return d, true
}

// howToAnswer is the hint where somebody would have had to be asked.
const howToAnswer = "call it on a terminal, which is asked then, or with --approve, which says yes once"

// on is the phase to explain: a tool that is hidden cannot be called.
func (d denial) on() cel.Phase {
	if d.phase == cel.PhaseResult {
		return d.phase
	}
	return cel.PhaseCall
}

// failure says that a call was denied, and how to find out why.
func (d denial) failure(explain string) error {
	hint := explain
	if d.asks {
		hint = howToAnswer
	}
	return &failure{ExitTool, errors.New(d.text), hint}
}

// explainCommand is the command line that explains how the policy decides on a call.
// source is what was called, as it was named.
func (f *guestFlags) explainCommand(o *opened, source string, on cel.Phase, tool string, arguments json.RawMessage) string {
	words := []string{"mcpwasm policy explain"}
	if f.policy.path != "" {
		words = append(words, quoted(f.policy.path))
	}
	for _, flag := range []struct{ name, value string }{{"--config", f.packages.config}, {"--lock", f.lock.path}} {
		if flag.value != "" {
			words = append(words, flag.name, quoted(flag.value))
		}
	}
	if o.server.Name != source && o.local {
		words = append(words, "--on", string(on), "--server", quoted(source))
	} else {
		words = append(words, "--on", string(on), "--server", o.server.Name)
	}
	words = append(words, "--tool", quoted(tool))
	if on == cel.PhaseResult { // which people have to write
		return strings.Join(words, " ") + " --input FILE, with the result in FILE"
	}
	if len(arguments) > maxShownArguments {
		words = append(words, "--args", "…")
	} else if len(arguments) > 0 && on != cel.PhaseList {
		words = append(words, "--args", quoted(string(arguments)))
	}
	return strings.Join(words, " ")
}

// hinted adds a hint to a tool's failure that has none.
func hinted(err error, hint string) error {
	if f, ok := errors.AsType[*failure](err); ok && f.hint == "" {
		f.hint = hint
	}
	return err
}

// explained adds to a tool's failure how the policy decided on an effect that it denied
// meanwhile: a guest may only hear that something did not work.
func explained(err error, explain string, denied *cel.Input) error {
	f, ok := errors.AsType[*failure](err)
	if !ok || f.hint != "" {
		return err
	}
	input, jsonErr := json.Marshal(cel.Input{Effect: denied.Effect, Labels: denied.Labels, Session: denied.Session})
	if jsonErr != nil {
		return errors.Join(err, jsonErr)
	}
	f.hint = "the policy has denied it something: echo " + quoted(string(input)) + " | " + explain + " --input -"
	return err
}

// maxShownArguments is how many bytes of arguments a hint repeats.
const maxShownArguments = 1000

// quoted is a word as shells take it.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shown returns the tools that a client is shown by the policy, and the names of the
// others.
func shown(ctx context.Context, h *host.Host, tools plugins.List) (visible plugins.List, hidden []string, err error) {
	names, err := listed(ctx, h)
	if err != nil {
		return plugins.List{}, nil, err
	}
	for _, t := range tools.Items {
		if names[t.Key] {
			visible.Items = append(visible.Items, t)
		} else {
			hidden = append(hidden, t.Key)
		}
	}
	return visible, hidden, nil
}

// listed are the names of the tools that a client is shown.
func listed(ctx context.Context, h *host.Host) (map[string]bool, error) {
	names := map[string]bool{}
	for params := (wire.Object{}); ; {
		answer, err := h.Call(ctx, plugins.MethodListTools, params.JSON(), nil)
		if err == nil && answer.Error != nil {
			err = answer.Error
		}
		if err != nil {
			return nil, fmt.Errorf("list tools: %w", err)
		}
		var page struct {
			Tools []struct {
				Name string `json:"name"`
			} `json:"tools"`
			NextCursor string `json:"nextCursor"`
		}
		if err := json.Unmarshal(answer.Result, &page); err != nil {
			return nil, fmt.Errorf("list tools: %w", err)
		}
		for _, t := range page.Tools {
			names[t.Name] = true
		}
		if page.NextCursor == "" {
			return names, nil
		}
		params = params.SetString("cursor", page.NextCursor)
	}
}
