package cel_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
)

const (
	policyDoc      = "../docs/policy.md"
	referenceBegin = "<!-- reference: generated -->\n"
	referenceEnd   = "<!-- reference: end -->\n"
)

// TestReference has docs/policy.md describe the variables and functions that
// there are.
func TestReference(t *testing.T) {
	doc := readDoc(t)
	head, rest, begins := strings.Cut(doc, referenceBegin)
	got, tail, ends := strings.Cut(rest, referenceEnd)
	if !begins || !ends {
		t.Fatal("docs/policy.md has no place for the reference")
	}
	want := "\n" + strings.TrimSpace(cel.Reference()) + "\n\n"
	if *update {
		if err := os.WriteFile(policyDoc, []byte(head+referenceBegin+want+referenceEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the reference in docs/policy.md is not cel.Reference(); go test ./cel -run TestReference -update writes it")
	}
}

// minRecipes is how many policies with cases the document has at least.
const minRecipes = 20

// TestCookbook loads every policy of docs/policy.md, has none of them warned of, and
// decides the cases behind it.
func TestCookbook(t *testing.T) {
	recipes := recipesOf(readDoc(t))
	tables := 0
	for _, r := range recipes {
		if r.cases != "" {
			tables++
		}
		t.Run(r.name, func(t *testing.T) {
			policy, err := cel.Parse("policy.yaml", []byte(r.policy))
			if err != nil {
				t.Fatal(err)
			}
			for _, warning := range policy.Check(nil) {
				t.Error(warning)
			}
			if r.cases == "" {
				return
			}
			cases, err := cel.ParseCases("cases.yaml", []byte(r.cases))
			if err != nil {
				t.Fatal(err)
			}
			runCases(t, policy, cases)
		})
	}
	if tables < minRecipes {
		t.Errorf("%d policies have cases, want at least %d", tables, minRecipes)
	}
}

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(policyDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// recipe is a policy of the document, with the cases behind it if it has any.
type recipe struct {
	name, policy, cases string
}

// recipesOf returns the policies among the fenced YAML blocks of a document, named
// by their heading and line. The others are parts of mcpwasm.yaml.
func recipesOf(doc string) []recipe {
	var recipes []recipe
	heading, block, fenced := "", "", false
	for i, line := range strings.Split(doc, "\n") {
		switch {
		case !fenced && line == "```yaml":
			block, fenced = "", true
		case fenced && line == "```":
			fenced = false
			switch {
			case strings.HasPrefix(block, "servers:"):
			case strings.HasPrefix(block, "cases:") && len(recipes) > 0:
				recipes[len(recipes)-1].cases = block
			default:
				recipes = append(recipes, recipe{name: fmt.Sprintf("%s, line %d", heading, i+1), policy: block})
			}
		case fenced:
			block += line + "\n"
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return recipes
}
