package cel

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
)

// Bounds of the parts of a rule.
const (
	maxMessage  = 500 // characters
	maxSelector = 1000
	maxName     = 256 // bytes of a server's or a tool's name
	maxPatterns = 100
	maxPattern  = 1000 // bytes
	// maxProgram bounds what a pattern costs for each byte of a text, in instructions
	// of package regexp.
	maxProgram = 2000
)

var formRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// element is the path of a list's element; one that stands in the place of a list
// is at the list's own.
func (r *sourceReader) element(path string, i int) string {
	if at := fmt.Sprintf("%s[%d]", path, i); r.Given(at) {
		return at
	}
	return path
}

func (r *sourceReader) name(at, name string) {
	switch line, taken := r.names[name]; {
	case !r.Given(at + ".name"):
		if !r.HasProblem(at) { // its key is not mistyped
			r.At(at, "name is missing: messages and the log say by it which rule decided")
		}
	case r.HasProblem(at + ".name"):
	case !formRule.MatchString(name):
		r.At(at+".name", "%s: a rule's name has 1 to 64 lower-case letters, digits and dashes and starts with a letter", quoted(name))
	case taken:
		r.At(at+".name", "%q is the name of the rule on line %d already", name, line)
	default:
		r.names[name] = r.Positions[at].Line
	}
}

// phases returns a rule's phases in the order of [Phases].
func (r *sourceReader) phases(at string, names []string) []Phase {
	path := at + ".on"
	if len(names) == 0 && !r.HasProblem(at) && !r.HasProblemIn(path) {
		missing := "the list is empty"
		if !r.Given(path) {
			path, missing = at, "on is missing"
		}
		r.At(path, "%s: say when the rule counts: %s, or a list of these", missing, joined(Phases))
		return nil
	}
	on := map[Phase]bool{}
	for i, name := range names {
		phase := Phase(name)
		switch place := r.element(path, i); {
		case r.HasProblem(place):
		case !slices.Contains(Phases, phase):
			r.At(place, "unknown phase %s%s", quoted(name), choice(name, Phases))
			phase = Phase(nearest.Name(name, phaseNames(Phases))) // by which the rest is checked
		case on[phase]:
			r.At(place, "%s stands twice", phase)
		}
		on[phase] = true
	}
	return slices.DeleteFunc(slices.Clone(Phases), func(p Phase) bool { return !on[p] })
}

// choice names the nearest of some words, or all.
func choice[T ~string](name string, of []T) string {
	known := make([]string, len(of))
	for i, o := range of {
		known[i] = string(o)
	}
	if hint := nearest.Hint(name, known); hint != "" {
		return hint
	}
	return ": want " + joined(of)
}

// joined returns "a, b or c".
func joined[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		switch i {
		case 0:
		case len(words) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// selector checks the names of servers or tools, and finds their places.
func (r *sourceReader) selector(path string, names []string) ([]string, []yamlfile.Position) {
	if r.Given(path) && len(names) == 0 && !r.HasProblemIn(path) {
		r.At(path, "no name: leave it out for any")
	}
	if len(names) > maxSelector {
		r.At(path, "more than %d names", maxSelector)
		return nil, nil
	}
	seen := map[string]bool{}
	places := make([]yamlfile.Position, len(names))
	for i, name := range names {
		place := r.element(path, i)
		places[i] = r.Positions[place]
		switch {
		case r.HasProblem(place):
		case name == "":
			r.At(place, "the name is empty")
		case len(name) > maxName:
			r.At(place, "the name is longer than %d bytes", maxName)
		case strings.ContainsFunc(name, hidden):
			r.At(place, "%s has characters that cannot be seen", quoted(name))
		case seen[name]:
			r.At(place, "%s stands twice", quoted(name))
		}
		seen[name] = true
	}
	return names, places
}

func (r *sourceReader) condition(path, when string) {
	switch {
	case !r.Given(path) || r.HasProblem(path):
	case strings.TrimSpace(when) == "":
		r.At(path, "the condition is empty: write one; a rule without when always applies")
	case utf8.RuneCountInString(when) > maxWhen:
		r.At(path, "the condition has more than %d characters: make several rules of it", maxWhen)
	}
}

// added returns the labels that a rule adds, in ascending order.
func (r *sourceReader) added(path string, entries map[string]yamlfile.Words) []string {
	if r.Given(path) && len(entries) == 0 && !r.HasProblemIn(path) {
		r.At(path, "no label: add one, such as source: untrusted, or leave labels out")
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		at := path + "." + key
		if len(entries[key]) == 0 && !r.HasProblemIn(at) {
			r.At(at, "no value: want one, or a list")
		}
		for i, value := range entries[key] {
			label := key + ":" + value
			switch err := checkLabel(label, r.known); {
			case r.HasProblem(r.element(at, i)):
			case err != nil:
				r.At(r.element(at, i), "%v", err)
			case slices.Contains(labels, label):
				r.At(r.element(at, i), "%s stands twice", label)
			default:
				labels = append(labels, label)
			}
		}
	}
	slices.Sort(labels)
	return labels
}

var verdicts = []Verdict{Allow, Deny, Ask, Redact}

// verdict checks what a rule says by the phases in which it says so.
func (r *sourceReader) verdict(at string, rule *Rule) {
	path := at + ".then"
	switch {
	case !r.Given(path) && !r.Given(at+".labels"):
		if !r.HasProblem(at) { // its key is not mistyped
			r.At(at, "then is missing: say what follows: %s, or add labels", joined(verdicts))
		}
	case !r.Given(path) || r.HasProblemIn(path):
	case !slices.Contains(verdicts, rule.Then):
		r.At(path, "unknown verdict %s%s", quoted(string(rule.Then)), choice(string(rule.Then), verdicts))
	case rule.Then == Redact && slices.ContainsFunc(rule.On, func(p Phase) bool { return p != PhaseResult }):
		r.At(path, "there is something to redact on result only")
	case rule.Then == Ask && slices.ContainsFunc(rule.On, func(p Phase) bool { return p != PhaseCall && p != PhaseEffect }):
		r.At(path, "people can be asked on call and effect only")
	}
}

// redactions compiles what a rule takes out.
func (r *sourceReader) redactions(at string, e *ruleEntry) []*regexp.Regexp {
	path := at + ".redact"
	switch {
	case !r.Given(path) || r.HasProblemIn(path):
		return nil
	case r.HasProblem(at) && e.Then == "" || r.HasProblemIn(at+".then"): // whether it redacts is not known
	case Verdict(e.Then) != Redact:
		r.At(path, "only a rule with then: redact takes something out")
		return nil
	case len(e.Redact) == 0:
		r.At(path, "no pattern: leave redact out for the whole text")
	case len(e.Redact) > maxPatterns:
		r.At(path, "more than %d patterns", maxPatterns)
		return nil
	}
	var list []*regexp.Regexp
	for i, pattern := range e.Redact {
		p, err := compilePattern(pattern)
		if err != nil {
			r.At(r.element(path, i), "%v", err)
			continue
		}
		list = append(list, p)
	}
	return list
}

// compilePattern compiles a regular expression whose cost is bounded: package regexp's
// time goes by the text's length times that of the program.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxPattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%s is no regular expression (RE2): %s", quoted(pattern), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	program, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%s is no regular expression (RE2): %w", quoted(pattern), err)
	}
	if len(program.Inst) > maxProgram {
		return nil, fmt.Errorf("%s is too expensive: make its repetitions shorter", quoted(pattern))
	}
	p, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s is no regular expression (RE2): %w", quoted(pattern), err)
	}
	if p.MatchString("") {
		return nil, fmt.Errorf("%s matches the empty text: it would redact between all characters", quoted(pattern))
	}
	return p, nil
}

// text checks what people are shown.
func (r *sourceReader) text(path, text string) {
	switch {
	case !r.Given(path) || r.HasProblem(path):
	case text == "":
		r.At(path, "the text is empty: leave it out")
	case utf8.RuneCountInString(text) > maxMessage:
		r.At(path, "longer than %d characters", maxMessage)
	case strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && hidden(c) }):
		r.At(path, "has characters that cannot be seen")
	}
}

// hidden reports whether a character changes how a text looks without being seen:
// control characters, and those that turn the direction of writing.
func hidden(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
