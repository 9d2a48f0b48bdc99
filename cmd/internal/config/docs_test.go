package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
)

// TestDocs reads the examples of the documentation, each of which is a whole file.
func TestDocs(t *testing.T) {
	for name, least := range map[string]int{"commands.md": 3, "trust.md": 7} {
		t.Run(name, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
			if err != nil {
				t.Fatal(err)
			}
			blocks := regexp.MustCompile("(?s)```yaml\r?\n(.*?)```").FindAllSubmatch(doc, -1)
			if len(blocks) < least {
				t.Fatalf("%d examples", len(blocks))
			}
			for _, b := range blocks {
				checkExample(t, string(b[1]))
			}
		})
	}
}

// checkExample reads an example with keys and a root in the places that it names.
func checkExample(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	f, err := Parse(filepath.Join(dir, "m.yaml"), []byte(text), func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return
	}
	if err := bySchema(t, text); err != nil {
		t.Errorf("schema: %v\n%s", err, text)
	}
	for _, path := range f.Guarded() {
		if key, ok := strings.CutSuffix(path, ".pub"); ok {
			writeKeys(t, dir, filepath.Base(key))
		}
		if strings.HasSuffix(path, ".json") {
			write(t, path, string(signtest.New(t).RootJSON(t, signtest.Parts{Log: true}, nil)))
		}
	}
	_, policy := f.TrustPolicy()
	_, lock := f.LockSigners()
	if err := errors.Join(policy, lock); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if warnings := f.Warnings(time.Now()); len(warnings) > 0 {
		t.Errorf("%v\n%s", warnings, text)
	}
}
