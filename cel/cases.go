package cel

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Case is one row of a policy's table of tests.
type Case struct {
	Name string
	On   Phase
	// Given is what is decided on. A member that is left out is empty.
	Given Input
	Want  Want
	Line  int
}

// Want is what a case expects. Verdict always counts, the others where they are
// given.
type Want struct {
	Verdict Verdict
	// Rule is the name of the rule that decides.
	Rule *string
	// Message and Error are contained in the decision's.
	Message, Error string
	// Labels are all labels of the decision.
	Labels []string
	// Text is what is left of the result's text.
	Text *string
}

// CaseResult is what became of a case.
type CaseResult struct {
	Case     Case
	Decision Decision
	// Failures say what differs; none where the case passed.
	Failures []string
}

// Test decides the cases, in order.
func (p *Policy) Test(ctx context.Context, cases []Case) []CaseResult {
	results := make([]CaseResult, len(cases))
	for i, c := range cases {
		d := p.Decide(ctx, c.On, &c.Given)
		results[i] = CaseResult{Case: c, Decision: d, Failures: append(p.unknownLabels(&c.Given), c.compare(d)...)}
	}
	return results
}

// unknownLabels says which labels of an input the policy does not know: a case with a
// misspelt one says nothing of the one that was meant.
func (p *Policy) unknownLabels(in *Input) []string {
	var failures []string
	for _, given := range []struct {
		path   string
		labels []string
	}{{"given.labels", in.Labels}, {"given.session.labels", in.Session.Labels}} {
		for _, l := range given.labels {
			if err := checkLabel(l, p.source.labels); err != nil {
				failures = append(failures, given.path+": "+err.Error())
			}
		}
	}
	return failures
}

// compare says how a decision differs from what is wanted.
func (c *Case) compare(d Decision) []string {
	var failures []string
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	w := &c.Want
	if d.Verdict != w.Verdict {
		fail("want %s, have %s", w.Verdict, describe(d))
	}
	if w.Rule != nil && d.Rule != *w.Rule {
		fail("want the decision of %s, have that of %s", ruleName(*w.Rule), ruleName(d.Rule))
	}
	if !strings.Contains(d.Message, w.Message) {
		fail("want a message with %q, have %q", w.Message, d.Message)
	}
	switch {
	case w.Error == "":
	case d.Err == nil:
		fail("want an error with %q, have none", w.Error)
	case !strings.Contains(d.Err.Error(), w.Error):
		fail("want an error with %q, have %q", w.Error, d.Err)
	}
	if want := sortedLabels(w.Labels); w.Labels != nil && !slices.Equal(want, d.Labels) {
		fail("want the labels %q, have %q", want, d.Labels)
	}
	if w.Text != nil && c.Given.Result != nil {
		text := c.Given.Result.Text
		for _, r := range d.Redactions {
			text = r.Apply(text)
		}
		if text != *w.Text {
			fail("want the text %q, have %q", *w.Text, text)
		}
	}
	return failures
}

// describe is a verdict with whose it is, and why.
func describe(d Decision) string {
	s := fmt.Sprintf("%s by %s", d.Verdict, ruleName(d.Rule))
	if d.Err != nil {
		s += ": " + d.Err.Error()
	}
	return s
}

func ruleName(name string) string {
	if name == "" {
		return "no rule"
	}
	return "rule " + name
}
