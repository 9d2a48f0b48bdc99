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

// line is a part of what is shown, and how early: the most urgent is 0.
type line struct {
	rank int
	text string
}

// The ranks of lines.
const (
	rankRollback = iota
	rankWidened
	rankSigner
	rankHint
	rankDefinition
	rankAsked
	rankVersion
	rankSize
)

// text says what changed, the most dangerous first, and at the end the text of
// definitions that differ; if full is set also of those that came or went.
func (d difference) text(full bool) string {
	var b, texts strings.Builder
	for _, l := range d.lines() {
		b.WriteString(l.text)
	}
	cut := false
	for _, c := range d.changes {
		if c.Kind == lock.KindDefinition {
			text, isCut := d.definitionText(c, full)
			texts.WriteString(text)
			cut = cut || isCut
		}
	}
	if cut {
		b.WriteString("-v shows what was added and removed in full\n")
	}
	return b.String() + texts.String()
}

// urgent are the lines that nobody should approve without having read.
func (d difference) urgent() string {
	var b strings.Builder
	for _, l := range d.lines() {
		if l.rank <= rankWidened {
			b.WriteString(l.text)
		}
	}
	return b.String()
}

func (d difference) lines() []line {
	var lines []line
	add := func(rank int, format string, args ...any) {
		lines = append(lines, line{rank, fmt.Sprintf(format, args...)})
	}
	for _, c := range d.changes {
		switch c.Kind {
		case lock.KindWidened:
			add(rankWidened, "WIDENED: it asks for more: %s\n", clean(c.Found))
		case lock.KindNarrowed:
			add(rankAsked, "it asks no more for: %s\n", clean(c.Approved))
		case lock.KindAsked:
			add(rankAsked, "it asks for the same, with other reasons, or as optional, or in other words\n")
		case lock.KindRollback:
			add(rankRollback, "ROLLBACK: version %s is older than %s, which was approved\n", clean(c.Found), clean(c.Approved))
		case lock.KindRepublished:
			add(rankRollback, "REPUBLISHED: version %s is not the package that was approved as version %[1]s\n", clean(c.Found))
		case lock.KindSigner:
			add(rankSigner, "%s", signerChange(c))
		case lock.KindDefinition:
			summary, hints := d.definition(c)
			add(rankDefinition, "%s", summary)
			add(rankHint, "%s", hints)
		case lock.KindSize:
			add(rankSize, "size: %s, was %s\n", sizeText(c.Found), sizeText(c.Approved))
		case lock.KindDigest, lock.KindModule:
			add(rankSize, "%s: %s, was %s\n", c.Field, orNone(c.Found), orNone(c.Approved))
		default:
			add(rankVersion, "%s: %s, was %s\n", c.Field, orNone(c.Found), orNone(c.Approved))
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.rank - b.rank })
	return lines
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

// definitionOf returns what a change is about in words, and the two definitions; nil
// where there is none, or it cannot be had any more.
func (d difference) definitionOf(c lock.Change) (what string, before, after json.RawMessage) {
	list, key, inList := strings.Cut(strings.TrimPrefix(c.Field, "definitions."), ".")
	what = "what the server says about itself"
	if inList {
		what = strings.TrimSuffix(list, "s") + " " + oneLine(key, 128)
	}
	if d.approved != nil {
		before = textOf(*d.approved, list, key, inList)
	}
	return what, before, textOf(d.found, list, key, inList)
}

// maxDescribed bounds a description that is shown on one line.
const maxDescribed = 200

// definition says in one line how a definition changed, and in others which hints
// flipped.
func (d difference) definition(c lock.Change) (summary, hints string) {
	if c.Field == "definitions.digest" {
		return "definitions: the lists differ in their order or hints\n", ""
	}
	what, before, after := d.definitionOf(c)
	described := func(raw json.RawMessage) string {
		if text := oneLine(describe(plugins.Definition{Raw: raw}), maxDescribed); text != "" && raw != nil {
			return ": " + text
		}
		return ""
	}
	switch {
	case c.Approved == "":
		return "added: " + what + described(after) + "\n", ""
	case c.Found == "":
		return "removed: " + what + described(before) + "\n", ""
	case before == nil:
		return "changed: " + what + described(after) + " (the approved text is not in the cache)\n", ""
	}
	return "changed: " + what + described(after) + "\n", flippedHints(what, before, after)
}

// definitionText is the text of what changed, and if full is set of what came or
// went; cut tells that there is more of it.
func (d difference) definitionText(c lock.Change, full bool) (text string, cut bool) {
	what, before, after := d.definitionOf(c)
	whole := func(raw json.RawMessage, sign string) (string, bool) {
		if !full {
			return "", true
		}
		return "\n" + what + ":\n" + indented(render(raw), "  "+sign+" "), false
	}
	switch {
	case c.Field == "definitions.digest", c.Found == "" && before == nil:
		return "", false
	case c.Approved == "":
		return whole(after, "+")
	case c.Found == "":
		return whole(before, "-")
	case before == nil:
		return "\n" + what + ":\n" + indented(render(after), "  + "), false
	}
	return "\n" + what + ":\n" + textDiff(before, after), false
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
func flippedHints(what string, before, after json.RawMessage) string {
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
			fmt.Fprintf(&out, "HINT %s: %s: %s, was %s\n", what, name, is, was)
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
