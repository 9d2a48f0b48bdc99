package explain

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// width is how many columns a line has at most.
const width = 100

// narrowestValue is how much of that values have at least, where they need it.
const narrowestValue = 42

// Text says it for people: the decision, then the rules that decided something, each
// with its expression as a tree, then in one line each those that did not match for
// another server or tool.
func (r Report) Text() string {
	var b strings.Builder
	r.Decision.text(&b)
	for _, rule := range r.Rules {
		if rule.Skipped == "" {
			b.WriteString("\n")
			rule.text(&b, r.policy())
		}
	}
	r.skipped(&b)
	return b.String()
}

// policy names the policy in front of a line number.
func (r Report) policy() string { return cmp.Or(r.Policy, "the shipped policy") }

func (d Decision) text(b *strings.Builder) {
	line(b, "%s%s", d.Verdict, by(d.Rule))
	for _, row := range []struct{ name, text string }{
		{"error", d.Error}, {"to the caller", d.Message}, {"to the log", d.Log},
		{"asked by", strings.Join(d.Asks, ", ")}, {"labels", strings.Join(d.Labels, ", ")},
	} {
		if row.text != "" {
			paragraph(b, row.name+": "+row.text)
		}
	}
	for _, redaction := range d.Redactions {
		what := "all text"
		if len(redaction.Patterns) > 0 {
			what = strings.Join(redaction.Patterns, "  ")
		}
		paragraph(b, "redacted by "+redaction.Rule+": "+what)
	}
}

// by names the rule that decided.
func by(rule string) string {
	if rule == "" {
		return ": no rule matched"
	}
	return " by the rule " + rule
}

func (r Rule) text(b *strings.Builder, policy string) {
	line(b, "%s: %s (%s, line %d)", r.Name, r.outcome(), policy, r.Line)
	if r.Error != "" {
		paragraph(b, "error: "+r.Error)
	}
	column, value := 0, 0
	for _, s := range r.Steps {
		column = max(column, utf8.RuneCountInString(s.indented()))
		value = max(value, utf8.RuneCountInString(s.value()+s.mark()))
	}
	column = min(column, width-2-min(value, narrowestValue))
	for _, s := range r.Steps {
		s.text(b, column)
	}
}

// outcome says what came of a rule, and what that means.
func (r Rule) outcome() string {
	does := string(r.Then)
	if r.Then == "" {
		does = "labels " + strings.Join(r.Rule.Labels, ", ")
	}
	switch {
	case r.Error != "":
		return "could not be decided, which denies"
	case !r.Matched:
		return "does not match"
	case r.When == "":
		return "always matches: " + does
	}
	return "matches: " + does
}

// deepest is the depth from which on the tree is indented no further.
const deepest = 16

// indented is the expression in its place in the tree, on one line.
func (s Step) indented() string {
	return strings.Repeat("  ", min(s.Depth, deepest)+1) + strings.Join(strings.Fields(s.Expression), " ")
}

// value is what the expression came to.
func (s Step) value() string {
	if s.Skipped {
		return "not needed"
	}
	return s.Value
}

// mark stands behind a value that somebody could have made up.
func (s Step) mark() string {
	if s.Untrusted && !s.Skipped {
		return "  (untrusted)"
	}
	return ""
}

func (s Step) text(b *strings.Builder, column int) {
	left := clip(s.indented(), column)
	pad := strings.Repeat(" ", column-utf8.RuneCountInString(left)+2)
	line(b, "%s%s%s%s", left, pad, clip(s.value(), width-column-2-len(s.mark())), s.mark())
}

// skipped lists the rules that are about something else.
func (r Report) skipped(b *strings.Builder) {
	first := true
	for _, rule := range r.Rules {
		if rule.Skipped == "" {
			continue
		}
		if first {
			b.WriteString("\n")
			first = false
		}
		line(b, "%s: skipped, %s (%s, line %d)", rule.Name, rule.Skipped, r.policy(), rule.Line)
	}
}

// paragraph writes a text as indented lines, broken between words where it is longer
// than one.
func paragraph(b *strings.Builder, text string) {
	indent, current := "  ", ""
	for _, word := range strings.Fields(text) {
		joined := strings.TrimPrefix(current+" "+word, " ")
		if current != "" && utf8.RuneCountInString(indent+joined) > width {
			line(b, "%s%s", indent, current)
			indent, joined = "    ", word
		}
		current = joined
	}
	line(b, "%s%s", indent, current)
}

func line(b *strings.Builder, format string, args ...any) {
	fmt.Fprintln(b, clip(strings.TrimRight(fmt.Sprintf(format, args...), " "), width))
}

// clip shortens a text to so many characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 0)]) + "…"
}
