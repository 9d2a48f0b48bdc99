package cel_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mcpwasm/mcpwasm/cel"
)

var update = flag.Bool("update", false, "write what the package says into want-problems.txt and docs/policy.md")

// minPolicies keeps the suite from being run without its files.
const minPolicies = 100

// TestPolicies runs the policies in testdata/policies: those that load decide
// their cases, and of those that do not load every problem is compared.
func TestPolicies(t *testing.T) {
	files, err := filepath.Glob("testdata/policies/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < minPolicies {
		t.Fatalf("%d policies, want at least %d", len(files), minPolicies)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive := readArchive(t, file)
			policy, err := cel.Parse("policy.yaml", archive["policy.yaml"])
			if cases, ok := archive["cases.yaml"]; ok {
				if err != nil {
					t.Fatal(err)
				}
				runCases(t, policy, cases)
				return
			}
			checkProblems(t, file, string(archive["want-problems.txt"]), err)
		})
	}
}

func readArchive(t *testing.T, file string) map[string][]byte {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range archive.Files {
		files[f.Name] = f.Data
	}
	return files
}

// runCases decides a table of cases.
func runCases(t *testing.T, policy *cel.Policy, data []byte) {
	t.Helper()
	cases, err := cel.ParseCases("cases.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, result := range policy.Test(context.Background(), cases) {
		t.Run(result.Case.Name, func(t *testing.T) {
			for _, failure := range result.Failures {
				t.Errorf("cases.yaml:%d: %s", result.Case.Line, failure)
			}
			if t.Failed() {
				t.Logf("the decision: %+v", result.Decision)
			}
		})
	}
}

// checkProblems compares what is wrong with a policy with what the archive says,
// or writes it there.
func checkProblems(t *testing.T, file, want string, err error) {
	t.Helper()
	var problems cel.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error %v of type %[1]T, want problems", err)
	}
	got := problems.Error() + "\n"
	if *update {
		writeProblems(t, file, got)
		return
	}
	if got != want {
		t.Errorf("problems:\n%swant:\n%s", got, want)
	}
}

func writeProblems(t *testing.T, file, problems string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != "want-problems.txt" {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: "want-problems.txt", Data: []byte(problems)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
