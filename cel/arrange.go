package cel

import (
	"iter"
	"slices"
)

// passes are the rules that a phase decides by. Rules with labels come first, so
// that the others see the labels that they add.
type passes struct {
	labelling, judging index
	// all are the rules of both, in the policy's order.
	all []*entry
}

// index finds the rules that are about a server and a tool without looking at the others.
// Each list is in the policy's order.
type index struct {
	general  []*entry
	byServer map[string][]*entry
	byTool   map[toolKey][]*entry
}

type toolKey struct{ server, tool string }

// entry is a rule in a phase.
type entry struct {
	*rule
	// phase is where the rule's condition is from: lists know the rules of calls,
	// and calls those of lists.
	phase int
	// then is what the rule means here: a list asks nobody, and a rule for lists alone
	// allows nothing.
	then Verdict
}

const (
	placeList = iota // in Phases
	placeCall
)

// arrange makes the passes of all phases.
func arrange(rules []*rule) [4]passes {
	var all [4]passes
	for _, r := range rules {
		for i := range Phases {
			if e, ok := r.entry(i); ok {
				all[i].add(e)
			}
		}
	}
	return all
}

// entry is what the rule means in a phase, if anything.
func (r *rule) entry(phase int) (*entry, bool) {
	then := r.source.Then
	switch {
	case phase != placeList && r.conditions[phase] != nil:
		return &entry{r, phase, then}, true
	case phase > placeCall:
		return nil, false
	case r.conditions[placeCall] != nil: // and this is a list, which asks nobody
		if then == Ask {
			then = Allow
		}
		return &entry{r, placeCall, then}, true
	case r.conditions[placeList] != nil:
		// What is not shown cannot be called, and what cannot be called is not shown: a rule
		// for lists alone hides in both, and shows in neither.
		if then != Deny {
			then = ""
		}
		return &entry{r, placeList, then}, true
	}
	return nil, false
}

func (p *passes) add(e *entry) {
	p.all = append(p.all, e)
	if len(e.source.Labels) > 0 {
		p.labelling.add(e)
	} else {
		p.judging.add(e)
	}
}

func (x *index) add(e *entry) {
	switch {
	case len(e.source.Servers) == 0:
		x.general = append(x.general, e)
	case len(e.source.Tools) == 0:
		x.byServer = addTo(x.byServer, e.source.Servers, e)
	default:
		for _, s := range e.source.Servers {
			keys := make([]toolKey, len(e.source.Tools))
			for i, t := range e.source.Tools {
				keys[i] = toolKey{s, t}
			}
			x.byTool = addTo(x.byTool, keys, e)
		}
	}
}

func addTo[K comparable](m map[K][]*entry, keys []K, e *entry) map[K][]*entry {
	if m == nil {
		m = map[K][]*entry{}
	}
	for _, k := range keys {
		if !slices.Contains(m[k], e) { // a name twice
			m[k] = append(m[k], e)
		}
	}
	return m
}

// of yields the rules that are about a server and a tool, in the policy's order. The tool is
// "" where there is none.
func (x *index) of(server, tool string) iter.Seq[*entry] {
	lists := [...][]*entry{x.general, x.byServer[server], nil}
	if tool != "" {
		lists[2] = x.byTool[toolKey{server, tool}]
	}
	return func(yield func(*entry) bool) {
		for {
			first := -1
			for i, l := range lists {
				if len(l) > 0 && (first < 0 || l[0].index < lists[first][0].index) {
					first = i
				}
			}
			if first < 0 || !yield(lists[first][0]) {
				return
			}
			lists[first] = lists[first][1:]
		}
	}
}

// about says why the rule is not about a server and a tool, or "".
func (r *rule) about(server, tool string) (skipped string) {
	switch {
	case len(r.source.Servers) > 0 && !slices.Contains(r.source.Servers, server):
		return "it is about another server"
	case len(r.source.Tools) > 0 && tool == "":
		return "it is about tools"
	case len(r.source.Tools) > 0 && !slices.Contains(r.source.Tools, tool):
		return "it is about another tool"
	}
	return ""
}

// variesList reports whether what the rule does to lists depends on who asks.
func (r *rule) variesList() bool {
	for _, c := range r.conditions[:placeCall+1] {
		if c != nil && slices.ContainsFunc(c.paths, func(p string) bool { return below(p, "principal") && !below(p, "principal.client") }) {
			return true
		}
	}
	return false
}
