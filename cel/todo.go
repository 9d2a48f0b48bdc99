package cel

// Everything in this file stands in for what is being written; the file goes away.

// Reference describes the variables of each phase and the functions in Markdown.
func Reference() string { panic("todo") }

// Check looks for rules that cannot mean what they say. installed may be nil.
func (p *Policy) Check(installed []Installed) Problems { panic("todo") }
