// Package cel decides by policies: rules that people write in the Common Expression
// Language (https://cel.dev) about what an MCP server is shown to have, is asked,
// does and answers.
//
//	policy, err := cel.Parse("policy.yaml", data)
//	…
//	d := policy.Decide(ctx, cel.PhaseCall, &cel.Input{Server: server, Tool: tool, Args: args})
//	if d.Verdict != cel.Allow { … }
//
// A policy is compiled once: every name, type and function in it is checked before
// it decides anything ([Parse]), and the arguments of a tool are typed by its input
// schema where a rule names it ([Policy.CheckTool]). What a decision costs is bounded
// by the expressions themselves.
//
// It fails closed. Of the rules that match, deny wins over ask and ask over allow
// and redact; where none matches, the answer is deny. A rule that cannot be decided,
// for whatever reason, denies and is named.
//
// docs/policy.md is the language's description; its table of variables is
// [Reference].
package cel
