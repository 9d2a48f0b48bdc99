package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// inspect runs the Inspector's command line and returns what it prints and its
// exit code. It keeps files in its user's home, which is an empty one here.
func inspect(t *testing.T, args ...string) (stdout json.RawMessage, stderr string, code int) {
	t.Helper()
	launcher := filepath.Join(clients, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
	cmd := exec.CommandContext(deadline(t), node, append([]string{launcher, "--cli"}, args...)...)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME="+cache, "MCP_INSPECTOR_SECRET_STORE=memory",
		"PATH="+filepath.Dir(node)+string(os.PathListSeparator)+filepath.Dir(mcpwasm)+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.Bytes(), errs.String(), cmd.ProcessState.ExitCode()
}

// The Inspector reads the configuration that the README gives to clients, and is
// pointed at a URL; in the eras that it knows.
func TestInspector(t *testing.T) {
	config := filepath.Join(t.TempDir(), "mcp.json")
	entry := func(name string) any {
		return map[string]any{"command": "mcpwasm", "args": []string{"run", sample(name)}}
	}
	servers := map[string]any{"hello": entry("hello"), "everything": entry("everything"), "notebook": entry("stdio-gosdk")}
	if err := os.WriteFile(config, mustJSON(t, map[string]any{"mcpServers": servers}), 0o600); err != nil {
		t.Fatal(err)
	}
	http := startHTTP(t, "run", sample("everything"))
	everything := [][]string{
		{"--config", config, "--server", "everything"},
		{"--transport", "http", "--server-url", http.url},
		{"--transport", "http", "--server-url", http.url, "--protocol-era", "modern"},
	}
	for _, server := range everything {
		run := func(want string, code int, args ...string) { runInspector(t, want, code, append(server, args...)...) }
		run(`{"content":[{"type":"text","text":"A plain text result."}]}`, 0, "--method", "tools/call", "--tool-name", "test_simple_text")
		run(`{"isError":true}`, 5, "--method", "tools/call", "--tool-name", "test_error_handling")
		run(`{"contents":[{"text":"The text of the static resource."}]}`, 0, "--method", "resources/read", "--uri", "test://static-text")
		run(`{"messages":[{"content":{"text":"A simple prompt."}}]}`, 0, "--method", "prompts/get", "--prompt-name", "test_simple_prompt")
	}
	runInspector(t, `{"tools":[{"name":"greet","inputSchema":{"required":["name"]}}]}`, 0, "--config", config, "--server", "hello", "--method", "tools/list")
	runInspector(t, `{"content":[{"text":"Hello, Ada!"}]}`, 0, "--config", config, "--server", "hello", "--method", "tools/call", "--tool-name", "greet", "--tool-arg", "name=Ada")
	runInspector(t, `{"content":[{"text":"Added."}]}`, 0, "--config", config, "--server", "notebook", "--protocol-era", "modern",
		"--method", "tools/call", "--tool-name", "add_note", "--tool-args-json", `{"title":"a","text":"b"}`)
}

func runInspector(t *testing.T, want string, code int, args ...string) {
	t.Helper()
	stdout, stderr, got := inspect(t, args...)
	if got != code {
		t.Errorf("%s: exit code %d, want %d: %s%s", args, got, code, stdout, stderr)
		return
	}
	check(t, "inspector", stdout, want)
}
