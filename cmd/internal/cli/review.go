package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// candidate is a package that somebody looks at before it is approved.
type candidate struct {
	*registry.Package
	artifact    registry.Artifact
	definitions plugins.Definitions
	entry       lock.Entry // without grants
}

// candidate verifies a package and reads all of it, so that it is in the cache. A
// module that has no manifest is run, without grants, to know what it offers.
func (p *packages) candidate(ctx context.Context, c host.Config, ref oci.Reference) (*candidate, error) {
	client, err := p.client(p.flags.allowUnsigned)
	if err != nil {
		return nil, err
	}
	pkg, err := client.Verify(ctx, ref)
	if err != nil {
		return nil, err
	}
	k := &candidate{Package: pkg}
	if k.entry, err = lock.Of(pkg); err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", ref, err), ""}
	}
	if k.artifact, err = client.Open(ctx, pkg); err != nil {
		return nil, err
	}
	if pkg.Plugin != nil {
		k.definitions = pkg.Plugin.Definitions
		return k, nil
	}
	say(p.s, "%s has no manifest of ours: it is run in a sandbox without grants to see what it offers", ref)
	described, err := host.Describe(ctx, c, k.artifact.Wasm)
	if err != nil {
		return nil, &failure{ExitInput, fmt.Errorf("%s: %w", ref, err), ""}
	}
	k.definitions = described.Definitions
	k.entry.Definitions, err = lock.HashDefinitions(k.definitions)
	return k, err
}

// asked is what the package asks for, nil for nothing.
func (k *candidate) asked() *plugins.Requests {
	if k.Plugin == nil {
		return nil
	}
	return k.Plugin.Capabilities
}

// print shows a package to whoever has to approve it.
func (k *candidate) print(w io.Writer, name string) error {
	rows := [][]string{{"name", name}}
	if k.Plugin != nil {
		rows = append(rows, []string{"package", oneLine(k.Plugin.Name+" "+k.Plugin.Version, 300)})
		for _, r := range [][]string{{"", k.Plugin.Description}, {"license", k.Plugin.License}, {"source", k.Plugin.Source}} {
			if r[1] != "" {
				rows = append(rows, []string{r[0], oneLine(r[1], 100)})
			}
		}
	} else {
		rows = append(rows, []string{"package", "a bare module: no version, and nothing that it asks for"})
	}
	rows = append(rows, []string{"from", k.entry.Reference}, []string{"digest", k.entry.Digest}, []string{"size", bytesText(int(k.entry.Module.Size))})
	rows = append(rows, signerRows(k.entry)...)
	for i, t := range k.definitions.Tools.Items {
		rows = append(rows, []string{label(i, "tools"), oneLine(t.Key, 128) + ": " + oneLine(describe(t), 100)})
	}
	for _, l := range []struct {
		name string
		list plugins.List
	}{{"prompts", k.definitions.Prompts}, {"resources", k.definitions.Resources}, {"templates", k.definitions.ResourceTemplates}} {
		for i, d := range l.list.Items {
			rows = append(rows, []string{label(i, l.name), oneLine(d.Key, 128)})
		}
	}
	for i, line := range askedWords(k.asked()) {
		rows = append(rows, []string{label(i, "asks for"), line})
	}
	return writeTable(w, rows)
}

// label is shown before the first of several rows.
func label(i int, text string) string {
	if i > 0 {
		return ""
	}
	return text
}

func signerRows(e lock.Entry) [][]string {
	if e.Unsigned {
		return [][]string{{"signed by", "NOBODY: anybody who can write to the registry may have made it"}}
	}
	var rows [][]string
	for i, signer := range e.Signers {
		rows = append(rows, []string{label(i, "signed by"), oneLine(signer, 300)})
	}
	return rows
}

// describe is a tool's description, or its title.
func describe(d plugins.Definition) string {
	var text struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	_ = json.Unmarshal(d.Raw, &text) // what is no text is not shown
	if text.Description == "" {
		return text.Title
	}
	return text.Description
}

// askedWords says what a package asks for, with its reasons.
func askedWords(asked *plugins.Requests) []string {
	lines := lock.Asked(asked)
	reasons := reasonsOf(asked)
	for i := range lines {
		lines[i] = oneLine(lines[i], 300)
		if reasons[i] != "" {
			lines[i] += ": " + oneLine(fmt.Sprintf("%q", reasons[i]), 220)
		}
	}
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines
}

// reasonsOf are the reasons of requests, in the order of [lock.Asked].
func reasonsOf(r *plugins.Requests) []string {
	var reasons []string
	if r == nil {
		return nil
	}
	for _, h := range r.HTTP {
		reasons = append(reasons, h.Reason)
	}
	for _, f := range r.Files {
		reasons = append(reasons, f.Reason)
	}
	if r.KV != nil {
		reasons = append(reasons, r.KV.Reason)
	}
	for _, s := range r.Secrets {
		reasons = append(reasons, s.Reason)
	}
	for _, e := range r.Env {
		reasons = append(reasons, e.Reason)
	}
	for _, p := range []*plugins.PlainRequest{r.Clock, r.Random} {
		if p != nil {
			reasons = append(reasons, p.Reason)
		}
	}
	return reasons
}

// printGrants says what would hold, what is granted in vain, and what is not granted.
func (k *candidate) printGrants(w io.Writer, name string, g granting) error {
	var text strings.Builder
	words, vain := effective(g, k.entry)
	text.WriteString(grantsText(name, words))
	for _, line := range vain {
		text.WriteString("granted in vain: " + oneLine(line, 300) + "\n")
	}
	for _, r := range g.rest {
		text.WriteString("not granted: " + oneLine(r.What, 300) + " (" + oneLine(r.Flag, 300) + ")\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// effective says in words what grants come to: what is both granted and asked for,
// and apart what the package does not ask for. A bare module has all of its grants.
func effective(g granting, e lock.Entry) (words, vain []string) {
	held, env := g.Grants, g.env
	if e.Package != nil {
		var names []string
		held, vain = g.Effective(e.Capabilities)
		env, names = e.Capabilities.NarrowEnv(g.env)
		for _, name := range names {
			vain = append(vain, "env "+name+": the package does not ask for it")
		}
	}
	return append(may(held, g.clock), mayEnv(env)...), vain
}

// mayEnv says which variables a server sees.
func mayEnv(env []string) []string {
	var words []string
	for _, kv := range env {
		key, value, hasValue := strings.Cut(kv, "=")
		if hasValue {
			words = append(words, fmt.Sprintf("see the variable %s with the value %q", key, value))
		} else {
			words = append(words, fmt.Sprintf("see the variable %s with the value in the configuration", key))
		}
	}
	slices.Sort(words)
	return words
}

// errNoTerminal is wrapped where nobody can be asked.
var errNoTerminal = errors.New("there is no terminal to ask on")

// errNoAnswer is returned where nobody said yes.
var errNoAnswer = &failure{ExitFailure, errors.New("nothing was approved"), ""}

// hasTerminal reports whether somebody can be asked. A pipe's answer was there
// before the question.
func hasTerminal(s Streams) bool {
	in, ok := s.In.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// confirm asks for a yes on the terminal, and returns [errNoAnswer] for anything else.
func confirm(ctx context.Context, s Streams, question string) error {
	_, _ = fmt.Fprint(s.Err, printable(question)+" [y/N] ") // nowhere to report to
	line, err := readLine(ctx, s.In)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if word := strings.ToLower(strings.TrimSpace(line)); err == nil && (word == "y" || word == "yes") { // half a line is no yes
		return nil
	}
	return errNoAnswer
}
