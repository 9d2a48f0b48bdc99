package cel

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
