package capability

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/egress"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// LabelsOf returns the labels that an effect of a server has, as the policy is asked
// about it: those of what stands in front of it. c is read for Labels, Grants and
// Manifest. The error is that of an effect that is denied before the policy is asked.
func LabelsOf(c Config, e *cel.Effect) ([]string, error) {
	switch {
	case e.Kind == cel.EffectHTTP && e.HTTP != nil:
		return egress.Labels(c.Labels.HTTP, e.HTTP)
	case e.Kind == cel.EffectFile && e.File != nil:
		held := c.Grants
		if asked := asks(c.Manifest); asked != nil {
			held, _ = held.Narrow(asked)
		}
		if m := mountOf(held.Mounts, e.File.Path); m != nil {
			return c.Labels.Mounts[m.Path], nil
		}
	case e.Kind == cel.EffectKV:
		return c.Labels.KV, nil
	case e.Kind == cel.EffectSecret && e.Secret != nil:
		return c.Labels.Secrets[e.Secret.Name], nil
	}
	return nil, nil
}

// checkLabels finds labels of what was not granted: an operator who misspells a path
// would take for private what the policy knows nothing about.
func checkLabels(l effect.Labels, granted plugins.Grants) (problems plugins.GrantProblems) {
	var web, mounts, names []string
	for _, g := range granted.HTTP {
		web = append(web, g.String())
	}
	for _, g := range granted.Mounts {
		mounts = append(mounts, g.Path)
	}
	for _, g := range granted.Secrets {
		names = append(names, g.Name)
	}
	report := func(path string, err error) {
		if err != nil {
			problems = append(problems, &plugins.GrantProblem{Path: path, Err: err})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.HTTP)) {
		report("labels.http."+key, errors.Join(checkHTTPLabel(key, granted.HTTP, web), checkForms(l.HTTP[key])))
	}
	for _, key := range slices.Sorted(maps.Keys(l.Mounts)) {
		report("labels.mounts."+key, errors.Join(checkName("a folder", key, mounts), checkForms(l.Mounts[key])))
	}
	if len(l.KV) > 0 && granted.KV == nil {
		report("labels.kv", errors.New("key-value data is not granted"))
	}
	report("labels.kv", checkForms(l.KV))
	for _, key := range slices.Sorted(maps.Keys(l.Secrets)) {
		report("labels.secrets."+key, errors.Join(checkName("a secret", key, names), checkForms(l.Secrets[key])))
	}
	return problems
}

// checkHTTPLabel reports whether a key is about requests that can be sent.
func checkHTTPLabel(key string, granted []plugins.HTTPGrant, known []string) error {
	g, err := plugins.ParseHTTPGrant(key)
	if err == nil {
		err = egress.Check(g)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(granted, func(other plugins.HTTPGrant) bool { return egress.Overlap(g, other) }) {
		return nil
	}
	return fmt.Errorf("no grant is for such requests%s", nearest.Hint(key, known))
}

func checkName(what, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return fmt.Errorf("%s of this name is not granted%s", what, nearest.Hint(name, known))
}

// checkForms checks the labels themselves.
func checkForms(labels []string) error {
	for _, l := range labels {
		if err := effect.CheckLabel(l); err != nil {
			return err
		}
	}
	return nil
}
