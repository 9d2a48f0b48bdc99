package cel

// Everything in this file stands in for what is being written; the file goes away.

// Check looks for rules that cannot mean what they say. installed may be nil.
func (p *Policy) Check(installed []Installed) Problems { panic("todo") }
