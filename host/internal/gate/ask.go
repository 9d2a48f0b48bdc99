package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// How long an answer holds, as the form has it.
const (
	rememberOnce    = "once"
	rememberSession = "session"
	rememberAlways  = "always"
)

var remembers = []string{rememberOnce, rememberSession, rememberAlways}

// cannotAsk says why nobody can be asked about this message, "" where somebody can.
func (c *Call) cannotAsk() string {
	switch c.r.Method {
	case plugins.MethodCallTool, plugins.MethodGetPrompt, plugins.MethodReadResource:
	default:
		return fmt.Sprintf("nobody can be asked about %s", clip(c.r.Method, 80))
	}
	if !c.r.CanAsk {
		return "somebody has to be asked, and this client cannot ask (it does not declare elicitation with forms)"
	}
	return ""
}

// ask ends the message with a question to the person at the client.
func (c *Call) ask(ctx context.Context, p pending) error {
	phase := cel.PhaseCall
	if p.effect != nil {
		phase = cel.PhaseEffect
	}
	first := p.asks[0]
	if reason := c.cannotAsk(); reason != "" {
		return c.refuseToAsk(ctx, phase, first, p.effect, reason)
	}
	s := state{Granted: c.state.Granted, Nonce: rand.Text()}
	if guest, ok, err := c.r.Params.GetString("requestState"); ok && err == nil {
		s.Guest = &guest
	}
	s.Inputs, _ = c.r.Params.Get("inputResponses")
	if len(s.Inputs) > maxInputs {
		return c.refuseToAsk(ctx, phase, first, p.effect, "what the client answered to the server is too large to ask in between")
	}
	for _, q := range p.asks {
		s.Asked = append(s.Asked, asked{Key: c.key(q, p.effect), Rule: q.Rule, What: c.what(p.effect), Phase: string(phase)})
	}
	in := c.input()
	in.Effect = p.effect
	c.gate.cfg.Log.Info("a person is asked", append(about(phase, &in), "rule", first.Rule)...)
	params := wire.Object{}.SetString("mode", "form").SetString("message", c.question(p)).Set("requestedSchema", c.schema())
	question := wire.Object{}.SetString("method", "elicitation/create").Set("params", params.JSON())
	return &Stop{Result: wire.Object{}.SetString("resultType", plugins.ResultInputRequired).
		Set("inputRequests", wire.Object{}.Set(InputKey, question.JSON()).JSON()).
		SetString("requestState", c.seal(s))}
}

func (c *Call) refuseToAsk(ctx context.Context, phase cel.Phase, q cel.Question, e *cel.Effect, reason string) error {
	in := c.input()
	in.Effect = e
	c.gate.logUnasked(ctx, phase, &in, q.Rule, reason, &c.denials)
	why := wire.Object{}.SetString("rule", q.Rule).SetString("phase", string(phase)).Set("asks", json.RawMessage("true"))
	return c.deniedFor(why, deniedText(q.Rule, because(q.Message, reason)))
}

// schema is the form: how long the answer holds.
func (c *Call) schema() json.RawMessage {
	choice := func(value, title string) json.RawMessage {
		return wire.Object{}.SetString("const", value).SetString("title", title).JSON()
	}
	choices := []json.RawMessage{choice(rememberOnce, "Only this time")}
	if c.r.Ends {
		choices = append(choices, choice(rememberSession, "Until this session ends"))
	}
	if c.lasting() {
		choices = append(choices, choice(rememberAlways, "Always"))
	}
	all, err := json.Marshal(choices)
	if err != nil {
		panic(err) // JSON that was made above
	}
	remember := wire.Object{}.SetString("type", "string").SetString("title", "Allow it").
		Set("oneOf", all).SetString("default", rememberOnce)
	return wire.Object{}.SetString("type", "object").
		Set("properties", wire.Object{}.Set("remember", remember.JSON()).JSON()).JSON()
}

// answer is what a person made of a question. unread says why nobody can know.
type answer struct{ action, remember, unread string }

// AnswerError is the member that says why there is no ElicitResult, in place of
// one: what a client of the older era has answered with an error.
const AnswerError = "error"

// readAnswer reads the ElicitResult in the client's answers. Without a choice it
// holds once. The error is a *Stop: there is no answer at all.
func readAnswer(params wire.Object) (*answer, error) {
	responses, _, err := params.GetObject("inputResponses")
	if err != nil {
		return nil, refuse(plugins.CodeInvalidParams, "Invalid params: %v", err)
	}
	v, ok := responses.Get(InputKey)
	if !ok {
		return nil, refuse(plugins.CodeInvalidParams, "Invalid params: inputResponses: want an answer to %q", InputKey)
	}
	a, err := readElicited(v)
	if err != nil {
		return &answer{unread: err.Error()}, nil
	}
	return a, nil
}

func readElicited(v json.RawMessage) (*answer, error) {
	if kind := wire.KindOf(v); kind != "an object" {
		return nil, fmt.Errorf("want an object, have %s", kind)
	}
	result, err := wire.ParseObject(v)
	if err != nil {
		return nil, err
	}
	if refused, ok, err := result.GetString(AnswerError); ok && err == nil {
		return nil, errors.New(clip(refused, maxShownWord))
	}
	var a answer
	if a.action, _, err = result.GetString("action"); err != nil || a.action != actionAccept {
		return &a, err
	}
	if v, _ := result.Get("content"); wire.IsNull(v) {
		return &a, nil
	}
	content, _, err := result.GetObject("content")
	if err != nil {
		return nil, err
	}
	remember, chosen, err := content.GetString("remember")
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if a.remember = remember; chosen && !slices.Contains(remembers, a.remember) {
		return nil, fmt.Errorf("content: remember: %q is no choice: want one of %s", clip(a.remember, 80), strings.Join(remembers, ", "))
	}
	return &a, nil
}

// actionAccept is what the person says who allows it.
const actionAccept = "accept"

// take acts on an answer: what was allowed is remembered, and otherwise the message
// ends with a denial, which is the error.
func (c *Call) take(ctx context.Context, a *answer) error {
	first := c.state.Asked[0]
	in := c.input()
	if a.unread != "" {
		why := "what the client answered cannot be used: " + a.unread
		c.gate.logUnasked(ctx, cel.Phase(first.Phase), &in, first.Rule, why, &c.denials)
		return c.denied(cel.Phase(first.Phase), first.Rule, why)
	}
	attrs := append(about(cel.Phase(first.Phase), &in), "rule", first.Rule, "answer", clip(a.action, 20))
	if a.action != actionAccept {
		c.gate.cfg.Log.Info("a person has answered", attrs...)
		why := "the person who was asked did not decide"
		if a.action == "decline" {
			why = "the person who was asked declined"
		}
		return c.denied(cel.Phase(first.Phase), first.Rule, why)
	}
	held := c.remember(ctx, a.remember)
	c.gate.cfg.Log.Info("a person has answered", append(attrs, "remember", held)...)
	return nil
}

// remember keeps what was allowed for as long as the person said, as far as that
// was offered, and returns for how long it is.
func (c *Call) remember(ctx context.Context, how string) string {
	granted := maps.Clone(c.state.Granted)
	if granted == nil {
		granted = map[string]int{}
	}
	held := rememberOnce
	for _, q := range c.state.Asked {
		granted[q.Key]++
		switch {
		case how == rememberSession && c.r.Ends:
			c.session.allow(q.Key)
			held = how
		case how == rememberAlways && c.lasting():
			if err := c.keep(ctx, q); err != nil {
				c.gate.cfg.Log.Warn("what was allowed for good holds only once", "rule", q.Rule, "error", err)
				continue
			}
			held = how
		}
	}
	c.state.Granted = granted
	return held
}

// Bounds of what a person is shown, in characters.
const (
	maxShownDone = 20
	maxShownWord = 500
)

// question says in plain words what a person decides on.
func (c *Call) question(p pending) string {
	var b strings.Builder
	args, whole := "", true
	if given, ok := c.r.Params.Get("arguments"); ok {
		args, whole = c.shown(given)
	}
	about, within := c.what(p.effect), c.what(nil)
	if !whole || strings.Contains(about+within, "…") { // which clip puts in
		b.WriteString("ATTENTION: THIS IS TOO LONG TO BE SHOWN IN FULL. What is left out is marked below, and can be what matters.\n\n")
	}
	fmt.Fprintf(&b, "The server %q is about to %s.\n", c.defs.server.about.Server.Name, about)
	if p.effect != nil {
		fmt.Fprintf(&b, "It does so while it works on this: %s.\n", within)
	}
	if args != "" {
		b.WriteString("\nArguments:\n" + args + "\n")
	}
	b.WriteString("\nWhy you are asked:\n")
	for _, q := range p.asks {
		fmt.Fprintf(&b, "- %s (rule %s)\n", q.Message, q.Rule)
	}
	if p.effect != nil {
		b.WriteString("\nIf you allow it, the work begins again from its start.")
		b.WriteString(c.repeated())
	}
	return strings.TrimRight(b.String(), "\n")
}

// repeated says what will happen a second time.
func (c *Call) repeated() string {
	if len(c.done) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(" What it has done already may then happen twice:\n")
	for _, words := range c.done[:min(len(c.done), maxShownDone)] {
		b.WriteString("- " + words + "\n")
	}
	if more := len(c.done) - maxShownDone; more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	return b.String()
}

// what says what an effect does, or, without one, what the message asks for.
func (c *Call) what(e *cel.Effect) string {
	if e != nil {
		return effectWords(e)
	}
	switch s := c.r.Subject; {
	case s.Tool != "":
		return fmt.Sprintf("run its tool %q", clip(s.Tool, maxShownWord))
	case s.Prompt != "":
		return fmt.Sprintf("give its prompt %q", clip(s.Prompt, maxShownWord))
	}
	return fmt.Sprintf("give its resource %q", clip(c.r.Subject.Resource, maxShownWord))
}

// effectWords says what an effect does.
func effectWords(e *cel.Effect) string {
	words := "do something that this host has no words for"
	switch {
	case e.Kind == cel.EffectSecret && e.Secret != nil:
		words = fmt.Sprintf("use the secret %q", e.Secret.Name)
		if e.HTTP != nil {
			words += " to " + httpWords(e.HTTP)
		}
	case e.HTTP != nil:
		words = httpWords(e.HTTP)
	case e.File != nil && e.File.Access == cel.AccessWrite:
		words = fmt.Sprintf("write the file %q", e.File.Path)
	case e.File != nil:
		words = fmt.Sprintf("read the file %q", e.File.Path)
	case e.KV != nil && e.KV.Access == cel.AccessWrite:
		words = fmt.Sprintf("write the stored value %q", e.KV.Key)
	case e.KV != nil && e.KV.Access == cel.AccessList:
		words = fmt.Sprintf("list the stored values that begin with %q", e.KV.Key)
	case e.KV != nil:
		words = fmt.Sprintf("read the stored value %q", e.KV.Key)
	}
	return clip(words, maxShownWord)
}

func httpWords(h *cel.HTTP) string {
	host := h.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if h.Scheme == "https" && h.Port != 443 || h.Scheme == "http" && h.Port != 80 {
		host = fmt.Sprintf("%s:%d", host, h.Port)
	}
	address := h.Scheme + "://" + host + h.Path
	if h.Query != "" {
		address += "?" + h.Query
	}
	return fmt.Sprintf("send a %s request to %s", h.Method, address)
}
