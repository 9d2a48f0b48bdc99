package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The stdio guests are ordinary servers, the notebook written with the official Go
// SDK and the calculator with mcp-go.
func TestNotebook(t *testing.T) {
	everyClient(t, []string{"run", "--lifetime", "process", sample("stdio-gosdk")}, func(t *testing.T, c subject) {
		exerciseNotebook(t, c, "")
	})
}

// trusting is a policy that allows everything. mcp-go calls every tool destructive
// unless told otherwise, and the shipped policy would ask before each.
var trusting = filepath.Join("testdata", "policies", "all.yaml")

func TestCalculator(t *testing.T) {
	everyClient(t, []string{"run", "--policy", trusting, sample("stdio-mcpgo")}, func(t *testing.T, c subject) {
		exerciseCalculator(t, c, "")
	})
}

func exerciseNotebook(t *testing.T, c subject, prefix string) {
	t.Helper()
	checkNames(t, c, "tools/list", "tools", prefix, "add_note", "delete_note", "count_words")
	checkNames(t, c, "prompts/list", "prompts", prefix, "summarise")
	uri := noteURI(t, c)
	if c.hello().Revision < modern {
		request(t, c, "logging/setLevel", map[string]any{"level": "info"})
	}
	request(t, c, "subscribe", map[string]any{"resourceSubscriptions": []string{uri}})
	c.events().clear()
	// The notebook outlives a client of HTTP, so that a note may be there already.
	for _, title := range []string{"a", "b"} {
		call(t, c, prefix+"add_note", map[string]any{"title": title, "text": "two words"})
	}
	c.events().wait(t, "notifications/resources/updated", 1)
	check(t, "log", c.events().wait(t, "notifications/message", 2)[0], `{"level":"info","data":"wrote \"a\""}`)
	request(t, c, "unsubscribe", map[string]any{})
	check(t, "replace", call(t, c, prefix+"add_note", map[string]any{"title": "a", "text": "two words"}), `{"content":[{"text":"Replaced."}]}`)
	check(t, "wrong arguments", call(t, c, prefix+"add_note", map[string]any{"title": 1}), `{"isError":true}`)

	c.events().clear()
	check(t, "structured", call(t, c, prefix+"count_words", map[string]any{}), `{"structuredContent":{"words":4}}`)
	if c.showsWire() {
		checkWire(t, c, "notifications/progress", "message", []any{"a", "b"})
	} else {
		check(t, "progress", c.events().wait(t, "progress", 2)[1], `{"progress":2,"total":2,"message":"b"}`)
	}
	check(t, "read", request(t, c, "resources/read", map[string]any{"uri": uri}),
		`{"contents":[{"mimeType":"text/markdown","text":"# a\n\ntwo words\n\n# b\n\ntwo words\n\n"}]}`)
	prompt := request(t, c, "prompts/get", map[string]any{"name": prefix + "summarise", "arguments": map[string]string{"language": "Greek"}})
	if !strings.Contains(string(prompt), "notes in Greek") {
		t.Errorf("prompt %s", prompt)
	}
	if !c.noForms {
		check(t, "ask", call(t, c, prefix+"delete_note", map[string]any{"title": "b"}), `{"content":[{"text":"Deleted."}]}`)
		check(t, "ask again", call(t, c, prefix+"delete_note", map[string]any{"title": "b"}), `{"isError":true}`)
	}
}

// noteURI returns the URI of the only resource, as it is listed.
func noteURI(t *testing.T, c client) string {
	t.Helper()
	var list struct{ Resources []struct{ URI, Name string } }
	unmarshal(t, request(t, c, "resources/list", map[string]any{}), &list)
	for _, r := range list.Resources {
		if strings.Contains(r.URI, "notes://all") {
			return r.URI
		}
	}
	t.Fatalf("no notes among the resources %v", list.Resources)
	return ""
}

// checkNames checks that a list holds exactly the names, in any order, apart from
// those of other servers.
func checkNames(t *testing.T, c client, method, member, prefix string, want ...string) {
	t.Helper()
	var result map[string]json.RawMessage
	unmarshal(t, request(t, c, method, map[string]any{}), &result)
	var members []struct{ Name string }
	unmarshal(t, result[member], &members)
	var got []string
	for _, m := range members {
		if name, ok := strings.CutPrefix(m.Name, prefix); ok {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %s, want %s", method, got, want)
	}
}

// exerciseCalculator wants every notification, though mcp-go writes them beside
// the answer and so, on one thread, after it.
func exerciseCalculator(t *testing.T, c subject, prefix string) {
	t.Helper()
	checkNames(t, c, "tools/list", "tools", prefix, "factorise", "sum_primes", "convert_temperature")
	if c.hello().Revision < modern {
		request(t, c, "logging/setLevel", map[string]any{"level": "info"})
	}
	c.events().clear()
	check(t, "factorise", call(t, c, prefix+"factorise", map[string]any{"n": 60}), `{"content":[{"type":"text","text":"2 × 2 × 3 × 5"}]}`)
	for i, m := range c.events().wait(t, "notifications/message", 4) {
		check(t, "log", m, fmt.Sprintf(`{"level":"info","data":"found %d"}`, []int{2, 2, 3, 5}[i]))
	}
	check(t, "error", call(t, c, prefix+"factorise", map[string]any{"n": 1}), `{"isError":true}`)
	c.events().clear()
	check(t, "sum_primes", call(t, c, prefix+"sum_primes", map[string]any{"limit": 100}), `{"content":[{"text":"1060"}]}`)
	if c.showsWire() {
		checkWire(t, c, "notifications/progress", "progress", []any{10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0})
	} else {
		check(t, "progress", c.events().wait(t, "progress", 9)[8], `{"progress":90,"total":100}`)
	}
	if !c.noForms {
		check(t, "ask", call(t, c, prefix+"convert_temperature", map[string]any{"celsius": 20}), `{"content":[{"text":"293.15 K"}]}`)
	}
}

// Serve puts a reactor and a stdio guest behind one endpoint, next to one that does
// not exist.
func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mcpwasm.yaml")
	config := fmt.Sprintf("servers:\n  all: {source: %q}\n  calc: {source: %q}\n  clock: {source: %q}\n  broken: {source: nowhere.wasm}\n",
		sample("everything"), sample("stdio-mcpgo"), sample("clock"))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	everyClient(t, []string{"serve", "--policy", trusting, "--config", file}, func(t *testing.T, c subject) {
		exerciseEverything(t, c, "all__")
		exerciseCalculator(t, c, "calc__")
		check(t, "structured", call(t, c, "clock__convert", map[string]any{"time": "2026-11-22T12:00:00Z", "to": "Europe/Berlin"}),
			`{"structuredContent":{"zone":"CET","unix":1795348800}}`)
	})
}

// Clients of every kind and revision at once, each with its own notifications.
func TestManyClients(t *testing.T) {
	http := startHTTP(t, "run", sample("everything"))
	var clients []client
	for _, k := range kinds {
		for asked := range k.revisions {
			if !k.quirks.stdioOnly {
				clients = append(clients, k.connect(t, http, asked, helpful))
			}
		}
	}
	ctx := deadline(t)
	params := mustJSON(t, callParams("test_tool_with_progress", nil))
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for range 20 {
				if _, err := c.do(ctx, "tools/call", params); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for i, c := range clients {
		if errs[i] != nil {
			t.Errorf("client %d: %v", i, errs[i])
		}
		if progress := c.events().wait(t, "progress", 60); len(progress) != 60 {
			t.Errorf("client %d: %d of progress, want 60", i, len(progress))
		}
		if err := c.close(); err != nil {
			t.Errorf("client %d: close: %v", i, err)
		}
	}
}
