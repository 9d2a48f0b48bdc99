package cel

import (
	"fmt"
	"slices"
	"strings"
)

// Reference describes the variables of each phase and the functions in Markdown. It is made
// from the declarations that expressions are checked by.
func Reference() string {
	var b strings.Builder
	for i := range declarations {
		phases := declarations[i].phases
		if first := slices.IndexFunc(declarations, func(d declaration) bool { return slices.Equal(d.phases, phases) }); first == i {
			writeVariables(&b, phases)
		}
	}
	b.WriteString("### Functions\n\n" +
		"Beside these there are the operators, macros and functions of CEL itself.\n\n")
	docs, err := functionDocs()
	if err != nil {
		panic(err) // the environments could not be made either
	}
	writeFunctions(&b, docs)
	return b.String()
}

// writeVariables writes the variables that exist in some phases.
func writeVariables(b *strings.Builder, phases []Phase) {
	fmt.Fprintf(b, "### Variables on %s\n\n| Variable | Type | Meaning |\n|---|---|---|\n", strings.Join(phaseNames(phases), ", "))
	for i := range declarations {
		d := &declarations[i]
		if !slices.Equal(d.phases, phases) {
			continue
		}
		doc := d.doc + d.valuesDoc()
		if d.untrusted {
			doc += " *Untrusted.*"
		}
		if !d.fallback && d.has != nil && strings.Contains(d.path, ".") {
			doc += fmt.Sprintf(" Where it is not there, reading it is an error: ask `has(%s)` first.", d.path)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", d.path, d.typeName(), cell(doc))
	}
	b.WriteString("\n")
}

// valuesDoc says what the value can be, where that is known.
func (d *declaration) valuesDoc() string {
	if len(d.values) == 0 {
		return ""
	}
	quoted := make([]string, len(d.values))
	for i, v := range d.values {
		quoted[i] = "`" + v + "`"
	}
	return " Values: " + strings.Join(quoted, ", ") + "."
}

func (d *declaration) typeName() string {
	if d.typ == nil {
		return "object"
	}
	return typeName(d.typ.String())
}

// writeFunctions writes the functions of this package with what they do, and those of cel-go's
// libraries as a list.
func writeFunctions(b *strings.Builder, docs []functionDoc) {
	b.WriteString("| Function | Meaning |\n|---|---|\n")
	library := ""
	for _, f := range docs {
		signatures := make([]string, len(f.Signatures))
		for i, s := range f.Signatures {
			signatures[i] = "`" + s + "`"
		}
		if f.Library == "" {
			fmt.Fprintf(b, "| %s | %s `%s` |\n", cell(strings.Join(signatures, "<br>")), cell(f.Text), cell(f.Example))
			continue
		}
		if f.Library != library {
			library = f.Library
			fmt.Fprintf(b, "\n%s:\n\n", library)
		}
		fmt.Fprintf(b, "- %s\n", strings.Join(signatures, ", "))
	}
}

// cell makes a text fit in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
