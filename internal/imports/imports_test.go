// Package imports checks the direction of imports in this module: it has nothing
// but a test.
package imports

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mcpwasm/mcpwasm"

// below says which folders of this module a folder may import, beside itself and
// internal/.
var below = map[string][]string{
	"plugins":  {},
	"internal": {"plugins"},
	"runtime":  {"plugins"},
	"cel":      {"plugins"},
	"registry": {"plugins"},
	"host":     {"runtime", "cel", "registry", "plugins"},
	"cmd":      {"host", "runtime", "cel", "registry", "plugins"},
}

// home says in which folder a library may be imported; prefix by prefix.
var home = map[string]string{
	"github.com/tetratelabs/wazero": "runtime/wasm",
	"github.com/mark3labs/mcp-go":   "host",
	"code.dny.dev/ssrf":             "host/capability/egress",
	"golang.org/x/net":              "host/capability/egress",
	"cel.dev/cel-go":                "cel",
	"github.com/google/cel-go":      "nowhere: it is cel.dev/cel-go",
	"github.com/bmatcuk/doublestar": "cel",
	"oras.land/oras-go":             "registry",
	"github.com/sigstore":           "registry/sign",
	"github.com/secure-systems-lab": "registry/sign",
	"github.com/extism":             "runtime/extism",
	"github.com/moby":               "runtime/container",
	"go.etcd.io/bbolt":              "registry/store",
	"github.com/spf13":              "cmd",
	"github.com/fsnotify/fsnotify":  "cmd",
	"go.yaml.in/yaml":               "internal/yamlfile or registry/catalog",
	"golang.org/x/term":             "cmd",
	"golang.org/x/text":             "internal/fold",
	"filippo.io/age":                "host/capability/secrets/vault",
	"github.com/zalando/go-keyring": "host/capability/secrets/vault",
	"mvdan.cc/sh":                   "host/capability/secrets",
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages lists this module's packages as they are built for one platform;
// files for others have the same imports but for system packages.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// within reports whether a path is a prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// violation says what is wrong with one import, or "".
func violation(from, to string) string {
	from = strings.TrimPrefix(from, module+"/")
	folder, _, _ := strings.Cut(from, "/")
	if rel, ok := strings.CutPrefix(to, module+"/"); ok {
		target, _, _ := strings.Cut(rel, "/")
		if target == folder || target == "internal" || slices.Contains(below[folder], target) {
			return ""
		}
		return "imports point down"
	}
	if folder == "plugins" && strings.Contains(to, ".") {
		return "plugins imports the standard library only"
	}
	for library, place := range home {
		if within(to, library) && !slices.ContainsFunc(strings.Split(place, " or "), func(p string) bool { return within(from, p) }) {
			return "its place is " + place
		}
	}
	return ""
}

func TestDirection(t *testing.T) {
	list := packages(t)
	if len(list) < 5 {
		t.Fatalf("go list found %d packages", len(list))
	}
	for _, p := range list {
		folder, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, module+"/"), "/")
		if _, ok := below[folder]; !ok {
			t.Errorf("%s: the folder %s has no place in the direction of imports", p.ImportPath, folder)
		}
		for _, to := range p.Imports {
			if v := violation(p.ImportPath, to); v != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, v)
			}
		}
	}
}

// TestViolation makes sure that the check can fail.
func TestViolation(t *testing.T) {
	tests := []struct {
		name, from, to string
		bad            bool
	}{
		{"down", "host", "runtime/wasm", false},
		{"up", "runtime", "host", true},
		{"sideways", "registry", "runtime", true},
		{"into cmd", "host", "cmd/internal/config", true},
		{"helpers", "plugins", "internal/nearest", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := violation(module+"/"+tt.from, module+"/"+tt.to); (got != "") != tt.bad {
				t.Errorf("%s imports %s: %q", tt.from, tt.to, got)
			}
		})
	}
	libraries := []struct {
		name, from, to string
		bad            bool
	}{
		{"wazero at home", "runtime/wasm", "github.com/tetratelabs/wazero/api", false},
		{"wazero elsewhere", "runtime", "github.com/tetratelabs/wazero", true},
		{"mcp-go at home", "host/internal/front", "github.com/mark3labs/mcp-go/mcp", false},
		{"mcp-go elsewhere", "cmd/internal/cli", "github.com/mark3labs/mcp-go/mcp", true},
		{"bbolt at home", "registry/store", "go.etcd.io/bbolt/errors", false},
		{"bbolt elsewhere", "host/capability/kv", "go.etcd.io/bbolt", true},
		{"yaml at its second home", "registry/catalog", "go.yaml.in/yaml/v4", false},
		{"yaml elsewhere", "registry/lock", "go.yaml.in/yaml/v4", true},
		{"yaml beside its home", "cmd/internal/config", "go.yaml.in/yaml/v4", true},
		{"anything in plugins", "plugins", "golang.org/x/sync/errgroup", true},
		{"standard library in plugins", "plugins", "encoding/json", false},
	}
	for _, tt := range libraries {
		t.Run(tt.name, func(t *testing.T) {
			if got := violation(module+"/"+tt.from, tt.to); (got != "") != tt.bad {
				t.Errorf("%s imports %s: %q", tt.from, tt.to, got)
			}
		})
	}
}
