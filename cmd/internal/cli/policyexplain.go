package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/cmd/internal/explain"
	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
)

// explainFlags say what is decided on.
type explainFlags struct {
	installedFlags
	on           choice
	server, tool string
	args         string
	input        string
}

func (f *explainFlags) register(cmd *cobra.Command) {
	f.installedFlags.register(cmd)
	f.on = choice{value: string(cel.PhaseCall)}
	for _, phase := range cel.Phases {
		f.on.of = append(f.on.of, string(phase))
	}
	f.on.register(cmd, "on", "phase that is decided")
	cmd.Flags().StringVar(&f.server, "server", "", "`NAME` of a server of the configuration or the lock file, or a .wasm file")
	cmd.Flags().StringVar(&f.tool, "tool", "", "`NAME` of the tool, as the server calls it")
	cmd.Flags().StringVar(&f.args, "args", "", "`JSON` object of arguments")
	cmd.Flags().StringVar(&f.input, "input", "", "JSON `FILE` with what is decided on, in place of the others or beside them; - is standard input")
}

func newPolicyExplain(s Streams) *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Say how a policy decides, with the value of every part of its rules",
		Long: `Explain decides on something that nobody does, and prints how the decision came about:
which rules matched, the value of every part of their expressions, what a server or
client could have made up (untrusted), and which rules are about something else. What is
known of a server of the configuration or the lock file, and of its tools, is filled in:
with an effect the labels of its grant as well. An effect, a result, other labels and
whatever else a rule may read come from --input.`,
		Example: `  mcpwasm policy explain --on call --server notes --tool delete --args '{"id":7}'
  mcpwasm policy explain policy.yaml --on effect --input effect.json`,
		Args:              takes(0, 1, "at most one file"),
		ValidArgsFunction: files("yaml", "yml"),
	}
	flags.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := flags.explain(cmd.Context(), s, args)
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(s.Out, r)
		}
		return writeText(s, r.Text())
	}
	return cmd
}

// explain decides.
func (f *explainFlags) explain(ctx context.Context, s Streams, args []string) (explain.Report, error) {
	in, err := f.given(s)
	if err != nil {
		return explain.Report{}, err
	}
	p, err := f.open(s)
	if err != nil {
		return explain.Report{}, err
	}
	path := p.policyFile(args)
	policy, err := readPolicy(path)
	if err != nil {
		return explain.Report{}, err
	}
	warnLabels(s, policy, in)
	if f.server != "" {
		if err := f.fill(ctx, s, p, in); err != nil {
			return explain.Report{}, err
		}
	}
	phase := f.phase()
	return explain.New(path, phase, policy.Explain(ctx, phase, in)), ctx.Err()
}

// warnLabels says which labels of an input no rule is about.
func warnLabels(s Streams, policy *cel.Policy, in *cel.Input) {
	for _, label := range slices.Concat(in.Labels, in.Session.Labels) {
		if err := policy.CheckLabel(label); err != nil {
			say(s, "warning: the input has a label that the policy does not know: %v", err)
		}
	}
}

// minimalInputs are inputs of the phases that need one, as short as they can be.
var minimalInputs = map[cel.Phase]string{
	cel.PhaseEffect: `{"effect": {"kind": "http", "http": {"host": "example.com"}}}`,
	cel.PhaseResult: `{"result": {"kind": "answer", "text": "hello"}}`,
}

func (f *explainFlags) phase() cel.Phase { return cel.Phase(f.on.value) }

// given is what the flags say is decided on.
func (f *explainFlags) given(s Streams) (*cel.Input, error) {
	switch {
	case f.input == "" && f.server == "":
		return nil, usage("for example --server notes --tool read --args '{}'", "policy explain: what is decided on? Want --server, or --input")
	case f.input == "" && minimalInputs[f.phase()] != "":
		return nil, usage("a minimal one is "+minimalInputs[f.phase()], "policy explain --on %s: of what? Give the %[1]s with --input", f.phase())
	case f.tool != "" && f.server == "":
		return nil, usage("--server NAME names its server", "--tool %s: which server's?", f.tool)
	case f.args != "" && f.phase() == cel.PhaseList:
		return nil, usage("leave it out", "--args: a list has no arguments")
	}
	in, err := f.read(s)
	if err != nil {
		return nil, err
	}
	if f.server != "" {
		in.Server = &cel.Server{Name: f.server}
	}
	if f.tool != "" {
		in.Tool = &cel.Tool{Name: f.tool}
	}
	if f.args != "" && len(in.Args) > 0 {
		return nil, usage("leave one of them out", "--args: the input has args as well")
	}
	if f.args != "" {
		if in.Args, err = readArguments(s.In, []string{f.args}); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// read returns what --input has, with a request as call sends one where it has none.
func (f *explainFlags) read(s Streams) (*cel.Input, error) {
	in := &cel.Input{}
	if f.input != "" {
		var err error
		if in, err = f.readInput(s); err != nil {
			return nil, err
		}
	}
	if f.phase() != cel.PhaseList && in.Request == (cel.Request{}) {
		in.Request = cel.Request{Method: plugins.MethodCallTool, Revision: plugins.ProtocolVersion, Time: time.Now(), Transport: "go"}
	}
	return in, nil
}

func (f *explainFlags) readInput(s Streams) (*cel.Input, error) {
	var data []byte
	var err error
	if f.input == "-" {
		data, err = io.ReadAll(io.LimitReader(s.In, maxArguments+1))
	} else {
		data, err = config.ReadFile(f.input, maxArguments)
	}
	if err == nil && len(data) > maxArguments {
		err = fmt.Errorf("it is larger than %d bytes", maxArguments)
	}
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("cannot read the input %q: %w", f.input, err), ""}
	}
	in, err := cel.ParseInput(f.phase(), data)
	if err != nil {
		return nil, &failure{ExitInput, inFile(f.input, err), "docs/policy.md has the variables of each phase"}
	}
	return in, nil
}

// inFile names the file that problems are in.
func inFile(file string, err error) error {
	problems, other := problemsOf(err)
	if other != nil {
		return fmt.Errorf("%s: %w", file, other)
	}
	if file == "-" {
		file = "standard input"
	}
	problems = slices.Clone(problems)
	for i := range problems {
		problems[i].File = file
	}
	return problems
}

// fill puts what is known of the server, and of its tool, into what is decided on.
// What is not known is said, and left at its name.
func (f *explainFlags) fill(ctx context.Context, s Streams, p *packages, in *cel.Input) error {
	c := f.host(s)
	servers, err := f.named(ctx, p, c)
	if err != nil {
		return err
	}
	facts, unknown, err := factsOf(ctx, c, servers)
	if err != nil {
		return err
	}
	for _, u := range unknown {
		say(s, "warning: what a server offers is not known: %s", u)
	}
	if len(facts) == 0 {
		return nil
	}
	in.Server = facts[0].Server
	if in.Effect != nil {
		labels, err := facts[0].EffectLabels(in.Effect)
		if err != nil {
			say(s, "warning: the host denies this effect before it asks the policy: %v", err)
		}
		in.Labels = labelsOf(in.Labels, labels)
	}
	if in.Tool == nil {
		return nil
	}
	var known []string
	for _, t := range facts[0].Tools {
		if t.Name == f.tool {
			in.Tool = t
			in.Labels = labelsOf(in.Labels, facts[0].Labels[t.Name])
			return nil
		}
		known = append(known, t.Name)
	}
	say(s, "warning: %s has no tool %q%s", in.Server.Name, f.tool, nearest.Hint(f.tool, known))
	return nil
}

// labelsOf are two lists of labels as a host has them: in order, each once.
func labelsOf(a, b []string) []string {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

// named returns the server that a flag names: a file or folder, or one that is
// installed. It is none of them with [host.Server.Err] set.
func (f *explainFlags) named(ctx context.Context, p *packages, c host.Config) ([]host.Server, error) {
	if src, err := registry.ParseSource(f.server); err == nil && src.Local() {
		a, err := registry.Open(ctx, f.server, registry.Options{})
		if err != nil {
			return nil, err
		}
		server := host.Server{Name: a.Name, Source: f.server, Wasm: a.Wasm}
		return []host.Server{introduced(server, a)}, nil
	}
	servers, err := p.servers(ctx, c)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, server := range servers {
		if server.Name == f.server {
			return []host.Server{server}, nil
		}
		known = append(known, server.Name)
	}
	return []host.Server{{Name: f.server, Err: fmt.Errorf("no such server is in the configuration or the lock file%s", nearest.Hint(f.server, known))}}, nil
}
