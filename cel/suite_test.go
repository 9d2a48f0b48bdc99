package cel_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mcpwasm/mcpwasm/cel"
)

var update = flag.Bool("update", false, "write what the package says into want-problems.txt and docs/policy.md")

// minPolicies keeps the suite from shrinking unnoticed.
const minPolicies = 90

// TestPolicies runs the archives in testdata/policies. A policy decides the cases
// beside it. Where there are none, or they cannot be read, what is wrong is compared:
// the problems of the policy, those of the cases, or else what the policy is warned of.
func TestPolicies(t *testing.T) {
	files, err := filepath.Glob("testdata/policies/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	decided := 0
	for _, file := range files {
		archive := readArchive(t, file)
		_, problems := archive["want-problems.txt"]
		if !problems {
			decided++
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			policy, cases, err := parseArchive(archive)
			if err == nil && len(cases) > 0 {
				runCases(t, policy, cases)
				return
			}
			if err == nil {
				err = policy.Check(nil)
			}
			checkProblems(t, file, string(archive["want-problems.txt"]), err)
		})
	}
	if decided < minPolicies {
		t.Errorf("%d policies with decisions, want at least %d", decided, minPolicies)
	}
}

// parseArchive reads a policy, that of the program where the archive has none, and its
// cases.
func parseArchive(archive map[string][]byte) (policy *cel.Policy, cases []cel.Case, err error) {
	policy = cel.Default()
	if text, ok := archive["policy.yaml"]; ok {
		if policy, err = cel.Parse("policy.yaml", text); err != nil {
			return nil, nil, err
		}
	}
	if text, ok := archive["cases.yaml"]; ok {
		cases, err = cel.ParseCases("cases.yaml", text)
	}
	return policy, cases, err
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
func runCases(t *testing.T, policy *cel.Policy, cases []cel.Case) {
	t.Helper()
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
	if !errors.As(err, &problems) || len(problems) == 0 {
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
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want-problems.txt" })
	archive.Files = append(archive.Files, txtar.File{Name: "want-problems.txt", Data: []byte(problems)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
