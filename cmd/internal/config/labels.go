package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Labels are what the operator says to policies of the parts of a server,
// "key:value" each, in ascending order.
type Labels struct {
	// Tools and Prompts are by name, Resources by URI or a pattern of URIs.
	Tools, Prompts, Resources map[string][]string
	// HTTP is by grants of requests as they are written, Mounts by the guest's folder,
	// Secrets by name.
	HTTP, Mounts, Secrets map[string][]string
	KV                    []string
}

// labels are the labels of a server as they are written: a value, or a list of
// them, by key.
type labels struct {
	Tools     map[string]labelSet `yaml:"tools"`
	Prompts   map[string]labelSet `yaml:"prompts"`
	Resources map[string]labelSet `yaml:"resources"`
	HTTP      map[string]labelSet `yaml:"http"`
	Mounts    map[string]labelSet `yaml:"mounts"`
	Secrets   map[string]labelSet `yaml:"secrets"`
	KV        labelSet            `yaml:"kv"`
}

type labelSet map[string]words

// words are a list of words, in whose place a single one may stand.
type words []string

var _ yamlfile.WordUnmarshaler = (*words)(nil)

// UnmarshalWord implements [yamlfile.WordUnmarshaler].
func (w *words) UnmarshalWord(word string) error {
	*w = words{word}
	return nil
}

// formLabel is the form of a label's key and of its value.
var formLabel = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// labels reads what a server's parts are labelled with. Labels of what is not granted
// are errors: they would label nothing.
func (d *decoder) labels(path string, e labels, g plugins.Grants) Labels {
	at := path + ".labels"
	l := Labels{
		Tools:     d.labelled(at+".tools", e.Tools, nil),
		Prompts:   d.labelled(at+".prompts", e.Prompts, nil),
		Resources: d.labelled(at+".resources", e.Resources, nil),
		HTTP:      d.labelled(at+".http", e.HTTP, parseHTTP),
		Mounts:    d.labelled(at+".mounts", e.Mounts, granted("folder", mountPaths(g))),
		Secrets:   d.labelled(at+".secrets", e.Secrets, granted("secret", secretNames(g))),
		KV:        d.labelSet(at+".kv", e.KV),
	}
	if d.Given(at+".kv") && g.KV == nil && !d.HasProblemIn(path+".grants") {
		d.At(at+".kv", "no key-value data is granted: add kv to the grants, or leave this out")
	}
	return l
}

func parseHTTP(text string) error {
	_, err := plugins.ParseHTTPGrant(text)
	return err
}

// granted checks that something of a kind is among what is granted.
func granted(kind string, names []string) func(string) error {
	return func(name string) error {
		if slices.Contains(names, name) {
			return nil
		}
		return fmt.Errorf("no %s %q is granted%s", kind, name, nearest.Hint(name, names))
	}
}

func mountPaths(g plugins.Grants) []string {
	var paths []string
	for _, m := range g.Mounts {
		paths = append(paths, m.Path)
	}
	return paths
}

func secretNames(g plugins.Grants) []string {
	var names []string
	for _, s := range g.Secrets {
		names = append(names, s.Name)
	}
	return names
}

// labelled reads the labels of several things. check looks at what they are about.
func (d *decoder) labelled(path string, entries map[string]labelSet, check func(string) error) map[string][]string {
	var all map[string][]string
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		at := path + "." + name
		if name == "" {
			d.At(at, "the name is empty")
		} else if check != nil {
			if err := check(name); err != nil {
				d.At(at, "%v", err)
			}
		}
		if all == nil {
			all = map[string][]string{}
		}
		all[name] = d.labelSet(at, entries[name])
	}
	return all
}

// labelSet reads the labels of one thing.
func (d *decoder) labelSet(path string, set labelSet) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		at := path + "." + key
		if !formLabel.MatchString(key) {
			d.At(at, "%q: a label has lower-case letters, digits and dashes and starts with a letter: reads: private", key)
		}
		if len(set[key]) == 0 && !d.HasProblemIn(at) {
			d.At(at, "the value is missing: %s: private", key)
		}
		for i, value := range set[key] {
			place := fmt.Sprintf("%s[%d]", at, i)
			if !d.Given(place) {
				place = at
			}
			if !formLabel.MatchString(value) && !d.HasProblemIn(at) {
				d.At(place, "%q: a label's value has lower-case letters, digits and dashes and starts with a letter", value)
			}
			list = append(list, key+":"+value)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tags reads the operator's words about a server's tools.
func (d *decoder) tags(path string, entries map[string]words) map[string][]string {
	var all map[string][]string
	for _, tool := range slices.Sorted(maps.Keys(entries)) {
		at := path + "." + tool
		if tool == "" || len(entries[tool]) == 0 && !d.HasProblemIn(at) {
			d.At(at, "want the name of a tool, and its tags: %s: [reviewed]", tool)
		}
		for _, tag := range entries[tool] {
			if !formLabel.MatchString(tag) && !d.HasProblemIn(at) {
				d.At(at, "%q: a tag has lower-case letters, digits and dashes and starts with a letter", tag)
			}
		}
		if all == nil {
			all = map[string][]string{}
		}
		list := slices.Sorted(slices.Values(entries[tool]))
		all[tool] = slices.Compact(list)
	}
	return all
}
