package cel

import (
	"slices"
)

// claim is what rules have to share for one to cover another: the condition, "" for
// always, and a server, "" for any.
type claim struct{ text, server string }

// covered warns of rules that change nothing, because of another that matches
// whenever they do. Rules that label are about something else.
func (c *linter) covered() {
	for _, r := range c.rules {
		if r.never || r.source.Then == "" {
			continue
		}
		for _, s := range orAny(r.source.Servers) {
			c.claims[claim{r.text, s}] = append(c.claims[claim{r.text, s}], r)
		}
	}
	for _, r := range c.rules {
		if !r.never && r.source.Then != "" && len(r.source.Labels) == 0 {
			c.coveredRule(r)
		}
	}
}

// orAny is a list of names, in which "" stands for any.
func orAny(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

func (c *linter) coveredRule(r *lintRule) {
	var by *lintRule
	for _, phase := range r.source.On {
		if phase == PhaseList && r.source.Then == Allow {
			continue // it allows nothing there
		}
		other := c.covering(r, phase)
		if other == nil {
			return
		}
		if by == nil {
			by = other
		}
	}
	if by == nil {
		return
	}
	switch line := by.source.Line; {
	case strengthOf(by.source.Then) > strengthOf(r.source.Then):
		c.warn(r, r.source.place, "it never wins: rule %s on line %d says %s whenever it says %s", by.source.Name, line, by.source.Then, r.source.Then)
	case by.text == r.text && mutual(by, r, r.source.On[0]):
		c.warn(r, r.source.place, "rule %s on line %d says the same already", by.source.Name, line)
	default:
		c.warn(r, r.source.place, "it changes nothing: rule %s on line %d says %s to all of that already", by.source.Name, line, by.source.Then)
	}
}

// covering finds a rule because of which another changes nothing in a phase; the
// strongest, since that one decides.
func (c *linter) covering(r *lintRule, phase Phase) *lintRule {
	var found *lintRule
	first := orAny(r.source.Servers)[0]
	for _, key := range unique(claim{r.text, first}, claim{r.text, ""}, claim{"", first}, claim{"", ""}) {
		for _, other := range c.claims[key] {
			if covers(other, r, phase) && (found == nil || strengthOf(other.source.Then) > strengthOf(found.source.Then)) {
				found = other
			}
		}
	}
	return found
}

func unique(keys ...claim) []claim {
	var list []claim
	for _, k := range keys {
		if !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	return list
}

// covers reports whether a rule changes nothing beside another one whose condition holds
// whenever its own does.
func covers(other, r *lintRule, phase Phase) bool {
	if other == r || !includes(other.source.Servers, r.source.Servers) || !includes(other.source.Tools, r.source.Tools) {
		return false
	}
	on := slices.Contains(other.source.On, phase)
	then := r.source.Then
	if s := strengthOf(other.source.Then); s != strengthOf(then) {
		return s > strengthOf(then) && (on || hides(other, phase))
	}
	same := other.text == r.text
	first := other.index < r.index
	switch {
	case !on || other.source.Then != then || len(other.source.Labels) > 0:
		return false
	case same && mutual(other, r, phase):
		return first && slices.Equal(other.source.Redact, r.source.Redact)
	case then == Allow:
		return true
	case then == Deny:
		return first // else it has the first word, and its message is said
	}
	return false // every question is asked, and every redaction is made
}

// hides reports whether a denial counts in a phase that it is not on: what is not shown
// cannot be called, and what could never be called is not shown.
func hides(other *lintRule, phase Phase) bool {
	switch phase {
	case PhaseCall:
		return other.source.Then == Deny && slices.Contains(other.source.On, PhaseList)
	case PhaseList:
		return other.source.Then == Deny && slices.Contains(other.source.On, PhaseCall)
	}
	return false
}

// mutual reports whether two rules with one condition are about the same.
func mutual(a, b *lintRule, phase Phase) bool {
	return slices.Contains(b.source.On, phase) && includes(b.source.Servers, a.source.Servers) && includes(b.source.Tools, a.source.Tools)
}

// includes reports whether names that narrow a rule, none for any, take in others.
func includes(wide, narrow []string) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n string) bool { return !slices.Contains(wide, n) })
}
