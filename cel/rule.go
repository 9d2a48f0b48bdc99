package cel

// Rule is one rule of a policy as it was written.
type Rule struct {
	// Name is unique in its policy: lower-case letters, digits and dashes, at
	// most 64, beginning with a letter.
	Name string `json:"name"`
	// On are the phases, at least one.
	On []Phase `json:"on"`
	// Servers and Tools narrow the rule to these names, exactly; none is any. With
	// Tools it is about tools only.
	Servers []string `json:"servers,omitempty"`
	Tools   []string `json:"tools,omitempty"`
	// When is the condition, "" for always.
	When string `json:"when,omitempty"`
	// Then is what follows; "" for a rule that only labels.
	Then Verdict `json:"then,omitempty"`
	// Labels are what it adds to what it matches, "key:value" each. Rules with
	// labels are decided before the others, and cannot refer to labels themselves.
	Labels []string `json:"labels,omitempty"`
	// Redact are regular expressions (RE2) of a rule that redacts; none is the
	// whole text.
	Redact       []string `json:"redact,omitempty"`
	Message, Log string   `json:"-"`
	Line         int      `json:"line"`
}

// Installed is a server that is there, for [Policy.Check].
type Installed struct {
	Server string
	Tools  []*Tool
}

// Explanation is a decision with how it came about.
type Explanation struct {
	Decision Decision
	// Rules are all rules of the phase, in the policy's order.
	Rules []RuleTrace
}

// RuleTrace is what became of one rule.
type RuleTrace struct {
	Rule Rule
	// Skipped says why the rule does not count: it names another server or tool, or is
	// for lists alone and allows.
	Skipped string
	Matched bool
	Err     error // why it could not be decided
	// Cost is what the expression cost, in units of cel-go's cost model; it may cost
	// [MaxCost].
	Cost uint64
	// Steps are the expression's parts: each before those that it is made of, and
	// these in the order in which they stand in the text.
	Steps []Step
}

// Step is one part of an expression and what it came to.
type Step struct {
	Expression string // as it is written, or as CEL would write it
	// Depth is 0 for the whole expression, 1 for what that is made of, and so on.
	Depth  int
	Line   int // in the policy
	Column int
	// Value is the result in CEL's notation, cut at 200 characters; "" with Skipped.
	Value string
	// Skipped says that the part did not count: the rest had decided.
	Skipped bool
	// Untrusted says that a server, or a client, could have made the value up.
	Untrusted bool
}
