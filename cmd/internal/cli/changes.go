package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// difference is what changed between an entry and a candidate for it.
type difference struct {
	changes  []lock.Change
	approved *plugins.Definitions // nil where they cannot be had any more
	found    plugins.Definitions
}

// maxDiffBytes bounds the text of one definition that is compared.
const maxDiffBytes = 1 << 20

// String says what changed, the most dangerous first, with the text of
// definitions that differ.
func (d difference) String() string {
	var b strings.Builder
	for _, c := range d.changes {
		switch c.Kind {
		case lock.KindWidened:
			fmt.Fprintf(&b, "WIDENED: it asks for more: %s\n", clean(c.Found))
		case lock.KindNarrowed:
			fmt.Fprintf(&b, "it asks no more for: %s\n", clean(c.Approved))
		case lock.KindAsked:
			b.WriteString("it asks for the same, with other reasons, or as optional, or in other words\n")
		case lock.KindRollback:
			fmt.Fprintf(&b, "ROLLBACK: version %s is older than %s, which was approved\n", clean(c.Found), clean(c.Approved))
		case lock.KindRepublished:
			fmt.Fprintf(&b, "REPUBLISHED: version %s is not the package that was approved as version %[1]s\n", clean(c.Found))
		case lock.KindSigner:
			b.WriteString(signerChange(c))
		case lock.KindDefinition:
			b.WriteString(d.definition(c))
		case lock.KindSize:
			fmt.Fprintf(&b, "size: %s, was %s\n", sizeText(c.Found), sizeText(c.Approved))
		default:
			fmt.Fprintf(&b, "%s: %s, was %s\n", c.Field, orNone(c.Found), orNone(c.Approved))
		}
	}
	return b.String()
}

func clean(text string) string { return oneLine(text, 500) }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return clean(text)
}

func sizeText(digits string) string {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return digits
	}
	return bytesText(n)
}

func signerChange(c lock.Change) string {
	switch {
	case c.Field == "unsigned" && c.Found == "true":
		return "UNSIGNED: nobody vouches for it any more\n"
	case c.Field == "unsigned":
		return "it is signed now\n"
	case c.Found == "":
		return "SIGNER: no longer signed by " + clean(c.Approved) + "\n"
	}
	return "signed as well by " + clean(c.Found) + "\n"
}

// definition says how one definition changed.
func (d difference) definition(c lock.Change) string {
	if c.Field == "definitions.digest" {
		return "definitions: the lists differ in their order or hints\n"
	}
	list, key, ok := strings.Cut(strings.TrimPrefix(c.Field, "definitions."), ".")
	what := "what the server says about itself"
	if ok {
		what = strings.TrimSuffix(list, "s") + " " + oneLine(key, 128)
	}
	var before, after json.RawMessage
	if d.approved != nil {
		before = textOf(*d.approved, list, key, ok)
	}
	after = textOf(d.found, list, key, ok)
	switch {
	case c.Approved == "":
		return "added: " + what + "\n" + indented(render(after), "  + ")
	case c.Found == "":
		return "removed: " + what + "\n"
	case before == nil:
		return "changed: " + what + " (the approved text is not in the cache)\n" + indented(render(after), "  + ")
	}
	return "changed: " + what + "\n" + flippedHints(before, after) + textDiff(before, after)
}

// textOf returns a definition, or for no list what is not in the lists; nil where
// there is none.
func textOf(d plugins.Definitions, list, key string, inList bool) json.RawMessage {
	if !inList {
		d.Tools.Items, d.Prompts.Items, d.Resources.Items, d.ResourceTemplates.Items = nil, nil, nil, nil
		raw, err := json.Marshal(d)
		if err != nil {
			return nil
		}
		return raw
	}
	l := map[string]*plugins.List{
		"tools": &d.Tools, "prompts": &d.Prompts, "resources": &d.Resources, "resourceTemplates": &d.ResourceTemplates,
	}[list]
	if l == nil {
		return nil
	}
	def, _ := l.Find(key) // of one that is not there the text is nil
	return def.Raw
}

// flippedHints says which of a tool's hints are others (MCP 2026-07-28,
// ToolAnnotations).
func flippedHints(before, after json.RawMessage) string {
	hints := func(raw json.RawMessage) map[string]any {
		var d struct {
			Annotations map[string]any `json:"annotations"`
		}
		_ = json.Unmarshal(raw, &d) // what is no object has no hints
		return d.Annotations
	}
	a, b := hints(before), hints(after)
	var out strings.Builder
	for _, name := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
		if was, is := hintText(a[name]), hintText(b[name]); was != is {
			fmt.Fprintf(&out, "  HINT %s: %s, was %s\n", name, is, was)
		}
	}
	return out.String()
}

func hintText(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case bool:
		return strconv.FormatBool(v)
	}
	return "no boolean"
}

// textDiff compares two definitions by lines.
func textDiff(before, after json.RawMessage) string {
	a, b := render(before), render(after)
	if len(a) > maxDiffBytes || len(b) > maxDiffBytes {
		return fmt.Sprintf("  %d bytes, was %d: too much to show\n", len(b), len(a))
	}
	if a == b { // they differ in what render does not show
		a, b = visible(string(before))+"\n", visible(string(after))+"\n"
	}
	_, hunks, _ := bytes.Cut(diff.Diff("approved", []byte(a), "found", []byte(b)), []byte("+++ found\n"))
	return indented(string(hunks), "  ")
}

// indented puts a prefix before every line.
func indented(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// render writes JSON for people and for comparing by lines: members in ascending
// order, a long text line by line and sentence by sentence. What does not show, or
// not where it stands, is written as an escape.
func render(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return visible(string(raw)) + "\n"
	}
	var b strings.Builder
	renderValue(&b, v, "", "")
	return b.String()
}

func renderValue(b *strings.Builder, v any, indent, name string) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteString(indent + name + "{\n")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			renderValue(b, v[k], indent+"  ", visible(strconv.Quote(k))+": ")
		}
		b.WriteString(indent + "}\n")
	case []any:
		b.WriteString(indent + name + "[\n")
		for _, e := range v {
			renderValue(b, e, indent+"  ", "")
		}
		b.WriteString(indent + "]\n")
	case string:
		parts := sentences(v)
		if len(parts) == 1 {
			b.WriteString(indent + name + strconv.Quote(v) + "\n")
			return
		}
		b.WriteString(indent + name + "\n")
		for _, p := range parts {
			b.WriteString(indent + "  " + strconv.Quote(p) + "\n")
		}
	default:
		fmt.Fprintf(b, "%s%s%v\n", indent, name, v)
	}
}

// shortText is what is not parted into sentences.
const shortText = 80

// sentences parts a long text behind line ends and full stops.
func sentences(text string) []string {
	if len(text) <= shortText && !strings.Contains(text, "\n") {
		return []string{text}
	}
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' || text[i] == ' ' && i > 0 && text[i-1] == '.' {
			parts = append(parts, text[start:i+1])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// visible writes what does not show as escapes.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
