package cel

// Everything in this file stands in for what is being written; the file goes away.

// Reference describes the variables of each phase and the functions in Markdown.
func Reference() string { panic("todo") }
