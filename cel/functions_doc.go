package cel

import (
	"maps"
	"slices"
	"strings"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
)

// functionDoc is the reference's entry of a function.
type functionDoc struct {
	// Library is the extension of cel-go that it comes from, "" for this package's.
	Library string
	Name    string
	// Signatures are all ways to call it, as in "string.glob(string) -> bool".
	Signatures []string
	// Text is one sentence and Example an expression; both are "" for cel-go's, which
	// has no documentation of them.
	Text, Example string
}

// functionDocs returns what the reference says of functions: this package's first,
// then those of cel-go's libraries in the order of extensions, by name. What they
// say is taken from the declarations. The standard library of CEL is left out.
func functionDocs() ([]functionDoc, error) {
	standard, err := celgo.NewEnv(celgo.OptionalTypes())
	if err != nil {
		return nil, err
	}
	own, err := standard.Extend(functionDeclarations()...)
	if err != nil {
		return nil, err
	}
	docs := make([]functionDoc, 0, len(ownFunctions))
	for _, name := range ownFunctions {
		docs = append(docs, newFunctionDoc("", own.Functions()[name].Documentation()))
	}
	for _, e := range extensions() {
		env, err := standard.Extend(e.option)
		if err != nil {
			return nil, err
		}
		docs = append(docs, addedFunctions(e.title, standard, env)...)
	}
	return docs, nil
}

// addedFunctions returns the overloads that env has and base has not, by function.
func addedFunctions(title string, base, env *celgo.Env) []functionDoc {
	var docs []functionDoc
	for _, name := range slices.Sorted(maps.Keys(env.Functions())) {
		if strings.Contains(name, "@") {
			continue // what macros expand to cannot be written
		}
		doc := newFunctionDoc(title, env.Functions()[name].Documentation())
		doc.Text, doc.Example = "", "" // where there is one, it is the standard library's
		if known, ok := base.Functions()[name]; ok {
			had := newFunctionDoc("", known.Documentation()).Signatures
			doc.Signatures = slices.DeleteFunc(doc.Signatures, func(s string) bool { return slices.Contains(had, s) })
		}
		if len(doc.Signatures) > 0 {
			docs = append(docs, doc)
		}
	}
	return docs
}

// protobufTypes are types that the reference calls as their conversions are called.
var protobufTypes = strings.NewReplacer("google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration")

func newFunctionDoc(title string, doc *common.Doc) functionDoc {
	d := functionDoc{Library: title, Name: doc.Name, Text: strings.ReplaceAll(doc.Description, "\n", " ")}
	for _, overload := range doc.Children {
		d.Signatures = append(d.Signatures, protobufTypes.Replace(overload.Signature))
		for _, example := range overload.Children {
			if d.Example == "" {
				d.Example = example.Description
			}
		}
	}
	return d
}
