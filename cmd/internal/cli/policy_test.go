package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cmd/internal/cli"
)

// rules is a policy that lets everything through but for one name.
func rules(denied string) string {
	return "rules:\n- {name: works, on: [list, call, effect, result], then: allow}\n" +
		"- {name: refused, on: call, server: [hello, one], tool: greet, when: args.name == '" + denied + "', then: deny, message: not today}\n"
}

// put replaces a file as editors do.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// greets calls the tool with a name, and fails where what comes of it is not said in
// the answer.
func (c *command) greets(id int, tool, name, want string) {
	c.t.Helper()
	params := fmt.Sprintf(`"name":%q,"arguments":{"name":%q},`, tool, name)
	if answer := c.ask(id, "tools/call", params); !strings.Contains(answer, want) {
		c.t.Errorf("%s: %s, want %s", name, answer, want)
	}
}

// TestRunReloadsThePolicy changes the file of --policy: well, and badly.
func TestRunReloadsThePolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	put(t, path, rules("Ada"))
	c := start(t, "run", "--cache-dir", cacheDir(t), "--policy", path, sample(t, "hello"))
	c.greets(1, "greet", "Ada", "Denied by the policy (rule refused): not today")
	c.greets(2, "greet", "Bob", "Hello, Bob!")

	put(t, path, rules("Bob"))
	c.next(c.stderr, "policy.yaml was taken over")
	c.greets(3, "greet", "Ada", "Hello, Ada!")
	c.greets(4, "greet", "Bob", "Denied by the policy (rule refused)")

	put(t, path, strings.Replace(rules("Ada"), "args.name", "arg.name", 1))
	c.next(c.stderr, "policy.yaml:3:")
	c.next(c.stderr, "policy.yaml was not taken over: the policy before it stays in force")
	c.greets(5, "greet", "Ada", "Hello, Ada!")
	c.greets(6, "greet", "Bob", "Denied by the policy (rule refused)")

	// A file that is gone takes no policy with it.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.next(c.stderr, "there is no such file")
	c.next(c.stderr, "policy.yaml was not taken over: the policy before it stays in force")
	c.greets(7, "greet", "Bob", "Denied by the policy (rule refused)")
	put(t, path, rules("Eve"))
	c.next(c.stderr, "policy.yaml was taken over")
	c.greets(8, "greet", "Bob", "Hello, Bob!")
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.exit(cli.ExitOK)
}

// TestServeReloadsThePolicy changes the file that the configuration names, and which
// one that is.
func TestServeReloadsThePolicy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcpwasm.yaml")
	first, second := filepath.Join(dir, "first.yaml"), filepath.Join(dir, "second.yaml")
	configure := func(policy, more string) {
		put(t, path, fmt.Sprintf("policy: %s\nservers:\n  one:\n    source: '%s'\n%s", policy, sample(t, "hello"), more))
	}
	put(t, first, rules("Ada"))
	configure("first.yaml", "")
	c := start(t, "serve", "--cache-dir", cacheDir(t), "--config", path)
	c.greets(1, "one__greet", "Ada", "Denied by the policy (rule refused)")

	put(t, first, rules("Bob"))
	c.next(c.stderr, "first.yaml was taken over")
	c.greets(2, "one__greet", "Bob", "Denied by the policy (rule refused)")
	c.greets(3, "one__greet", "Ada", "Hello, Ada!")

	// A configuration with a policy that does not compile changes nothing at all, …
	put(t, second, "rules: [{name: x}]")
	configure("second.yaml", "  two: {source: x.wasm}\n")
	c.next(c.stderr, "second.yaml:1:")
	c.next(c.stderr, "mcpwasm.yaml was not taken over: the servers go on as they were, and so does the policy")
	c.greets(4, "one__greet", "Bob", "Denied by the policy (rule refused)")

	// … and is taken over once that does.
	put(t, second, rules("Eve"))
	c.next(c.stderr, "mcpwasm.yaml was taken over")
	c.next(c.stderr, `server "two"`)
	c.greets(5, "one__greet", "Eve", "Denied by the policy (rule refused)")
	c.greets(6, "one__greet", "Bob", "Hello, Bob!")

	// The file is watched from then on, and the one before is not.
	put(t, first, rules("Bob"))
	put(t, second, rules("Zoe"))
	c.next(c.stderr, "second.yaml was taken over")
	c.greets(7, "one__greet", "Bob", "Hello, Bob!")
	c.greets(8, "one__greet", "Zoe", "Denied by the policy (rule refused)")

	// No server gets to write to a policy that is new.
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "out", "third.yaml"), rules("Ida"))
	configure("out/third.yaml", "    grants: {mounts: ['out:/out:rw']}\n")
	c.next(c.stderr, "could change ")
	c.next(c.stderr, "was not taken over")
	c.greets(9, "one__greet", "Ida", "Hello, Ida!")

	// Labels and the policy that declares them come together, …
	put(t, filepath.Join(dir, "hr.yaml"), "labels: [reads:hr]\n"+rules("Max"))
	configure("hr.yaml", "    labels: {tools: {greet: {reads: hr}}}\n")
	c.next(c.stderr, "mcpwasm.yaml was taken over")
	c.greets(10, "one__greet", "Max", "Denied by the policy (rule refused)")

	// … and a policy without them is not taken over.
	put(t, filepath.Join(dir, "hr.yaml"), rules("Kim"))
	c.next(c.stderr, `mcpwasm.yaml:5:30: servers.one.labels.tools.greet.reads: unknown label "reads:hr"`)
	c.next(c.stderr, "hr.yaml was not taken over: the policy before it stays in force")
	c.greets(11, "one__greet", "Kim", "Hello, Kim!")

	// Without the key, the shipped policy is in force.
	put(t, path, fmt.Sprintf("servers:\n  one: {source: '%s'}\n", sample(t, "hello")))
	c.next(c.stderr, "mcpwasm.yaml was taken over")
	c.greets(12, "one__greet", "Max", "Hello, Max!")
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.exit(cli.ExitOK)
}

// TestPolicyBehindALink: no server gets to write to a policy to which a link was
// turned, whatever is served by it.
func TestPolicyBehindALink(t *testing.T) {
	for _, kind := range []string{"serve", "run"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			out, policy := filepath.Join(dir, "out"), filepath.Join(dir, "policy.yaml")
			if err := os.Mkdir(out, 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, policy, rules("Ada"))
			var c *command
			tool := "greet"
			if kind == "serve" {
				tool = "one__greet"
				configuration := filepath.Join(dir, "mcpwasm.yaml")
				put(t, configuration, fmt.Sprintf("policy: policy.yaml\nservers:\n  one: {source: '%s', grants: {mounts: ['out:/out:rw']}}\n", sample(t, "hello")))
				c = start(t, "serve", "--cache-dir", cacheDir(t), "--config", configuration)
			} else {
				c = start(t, "run", "--cache-dir", cacheDir(t), "--policy", policy, "--mount", out+":/out:rw", sample(t, "hello"))
			}
			c.greets(1, tool, "Ada", "Denied by the policy (rule refused)")

			put(t, filepath.Join(out, "theirs.yaml"), rules("Bob"))
			link := filepath.Join(dir, "link")
			if err := errors.Join(os.Symlink(filepath.Join("out", "theirs.yaml"), link), os.Rename(link, policy)); err != nil {
				t.Fatal(err)
			}
			c.next(c.stderr, "could change ")
			c.next(c.stderr, "was not taken over")
			c.greets(2, tool, "Ada", "Denied by the policy (rule refused)")
			if kind == "serve" { // nor with the configuration, which has not changed
				put(t, filepath.Join(dir, "mcpwasm.yaml"), fmt.Sprintf("policy: policy.yaml\nservers:\n  one: {source: '%s', grants: {mounts: ['out:/out:rw']}} #\n", sample(t, "hello")))
				c.next(c.stderr, "could change ")
				c.greets(3, tool, "Ada", "Denied by the policy (rule refused)")
			}
			if err := c.stdin.Close(); err != nil {
				t.Fatal(err)
			}
			c.exit(cli.ExitOK)
		})
	}
}

// output runs a command and returns what it prints.
func output(t *testing.T, want int, args ...string) string {
	t.Helper()
	c := start(t, args...)
	c.exit(want)
	var b strings.Builder
	for line := range c.stdout {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// TestApprovals answers "always" as a client does, finds that, and takes it back.
func TestApprovals(t *testing.T) {
	dir := t.TempDir()
	policy, state := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "state")
	put(t, policy, strings.Replace(rules("Ada"), "deny", "ask", 1))
	if out := output(t, cli.ExitOK, "policy", "approvals", "--state-dir", state, "--output", "json"); out != "{\n  \"approvals\": []\n}\n" {
		t.Errorf("before: %s", out)
	}
	c := start(t, "run", "--cache-dir", cacheDir(t), "--state-dir", state, "--policy", policy, sample(t, "hello"))
	greet := func(id int, more string) string {
		t.Helper()
		if _, err := fmt.Fprintln(c.stdin, strings.Replace(request(id, "tools/call", `"name":"greet","arguments":{"name":"Ada"},`+more),
			`clientCapabilities":{}`, `clientCapabilities":{"elicitation":{"form":{}}}`, 1)); err != nil {
			t.Fatal(err)
		}
		return c.next(c.stdout, fmt.Sprintf(`"id":%d`, id))
	}
	var asked struct {
		Result struct {
			RequestState  string                     `json:"requestState"`
			InputRequests map[string]json.RawMessage `json:"inputRequests"`
		} `json:"result"`
	}
	if err := json.Unmarshal([]byte(greet(1, "")), &asked); err != nil || len(asked.Result.InputRequests) != 1 {
		t.Fatalf("no question: %v %v", asked, err)
	}
	answer := `"inputResponses":{"mcpwasm/policy":{"action":"accept","content":{"remember":"always"}}},"requestState":"` + asked.Result.RequestState + `",`
	if got := greet(2, answer); !strings.Contains(got, "Hello, Ada!") {
		t.Fatalf("answered: %s", got)
	}

	var list struct {
		Approvals []struct{ ID, Server, Tool, Rule, What string }
	}
	out := output(t, cli.ExitOK, "policy", "approvals", "--state-dir", state, "--output", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Approvals) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	if a := list.Approvals[0]; a.Server != "hello" || a.Tool != "greet" || a.Rule != "refused" || a.What == "" {
		t.Errorf("approval %+v", a)
	}
	id := list.Approvals[0].ID
	if out := output(t, cli.ExitOK, "policy", "approvals", "--state-dir", state); !strings.Contains(out, id+"  ") {
		t.Errorf("approvals: %s", out)
	}
	output(t, cli.ExitInput, "policy", "forget", "--state-dir", state, id, "nope")
	if got := greet(3, ""); !strings.Contains(got, "Hello, Ada!") {
		t.Errorf("after a mistake: %s", got)
	}
	if out := output(t, cli.ExitOK, "policy", "forget", "--state-dir", state, "--output", "json", id); !strings.Contains(out, id) {
		t.Errorf("forget: %s", out)
	}
	if got := greet(4, ""); !strings.Contains(got, "inputRequests") {
		t.Errorf("it is not asked again: %s", got)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	c.exit(cli.ExitOK)
	output(t, cli.ExitUsage, "policy", "forget", "--state-dir", state)
	output(t, cli.ExitUsage, "policy", "forget", "--state-dir", state, "--all", id)
	output(t, cli.ExitOK, "policy", "forget", "--state-dir", state, "--all")
}
