package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

// client returns who asks, with a store of its own.
func client() pdktest.Client {
	return pdktest.Client{Effects: &pdktest.Effects{KV: &pdktest.KV{}}}
}

// call calls a tool that must not fail and reads its result into Out.
func call[Out any](t *testing.T, c pdktest.Client, tool string, in map[string]any) Out {
	t.Helper()
	var out Out
	a := c.CallTool(t, tool, in)
	if err := json.Unmarshal([]byte(a.Text()), &out); err != nil || a.IsError() {
		t.Fatalf("%s: %s", tool, a.Raw)
	}
	return out
}

func titles(p page) string {
	var list []string
	for _, n := range p.Notes {
		list = append(list, n.Title)
	}
	return strings.Join(list, ",")
}

func TestOneNote(t *testing.T) {
	t.Parallel()
	c := client()
	added := call[Note](t, c, "add_note", map[string]any{"title": "Milk", "text": "Two litres.", "tags": []string{"shopping"}})
	got := call[Note](t, c, "get_note", map[string]any{"id": added.ID})
	if got.Title != "Milk" || got.Text != "Two litres." || got.Version != added.Version || !got.Created.Equal(added.Created) {
		t.Errorf("got %+v, added %+v", got, added)
	}
	a := c.Call(t, "resources/read", map[string]any{"uri": "notes://" + added.ID})
	if !strings.Contains(string(a.Raw), `"text":"# Milk\n\nTags: shopping\n\nTwo litres.\n"`) {
		t.Errorf("resource: %s", a.Raw)
	}
	if r := call[removed](t, c, "remove_note", map[string]any{"id": added.ID}); !r.Removed {
		t.Error("the note was not removed")
	}
	if r := call[removed](t, c, "remove_note", map[string]any{"id": added.ID}); r.Removed {
		t.Error("the note was removed twice")
	}
	if a := c.Call(t, "resources/read", map[string]any{"uri": "notes://" + added.ID}); a.Error == nil {
		t.Errorf("resource of a removed note: %s", a.Raw)
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	c := client()
	n := call[Note](t, c, "add_note", map[string]any{"title": "Milk", "text": "Two litres.", "tags": []string{"a", "b"}})
	edited := call[Note](t, c, "edit_note", map[string]any{"id": n.ID, "version": n.Version, "text": "Three."})
	if edited.Title != "Milk" || edited.Text != "Three." || len(edited.Tags) != 2 || edited.Version == n.Version {
		t.Errorf("edited: %+v", edited)
	}
	for _, tool := range []string{"edit_note", "remove_note"} {
		a := c.CallTool(t, tool, map[string]any{"id": n.ID, "version": n.Version})
		if !a.IsError() || !strings.Contains(a.Text(), "has changed since that version") {
			t.Errorf("%s of an old version: %s", tool, a.Raw)
		}
	}
	if got := call[Note](t, c, "get_note", map[string]any{"id": n.ID}); got.Text != "Three." {
		t.Errorf("the text is %q", got.Text)
	}
}

func TestListAndSearch(t *testing.T) {
	t.Parallel()
	c := client()
	for i := range 40 {
		tags := []string{"odd"}
		if i%2 == 0 {
			tags = []string{"Even"}
		}
		call[Note](t, c, "add_note", map[string]any{"title": fmt.Sprint("n", i), "text": fmt.Sprintf("Number %d, half of %d", i, 2*i), "tags": tags})
	}
	first := call[page](t, c, "list_notes", map[string]any{"limit": 38})
	rest := call[page](t, c, "list_notes", map[string]any{"limit": 38, "after": first.Next})
	if len(first.Notes) != 38 || titles(rest) != "n38,n39" || rest.Next != "" {
		t.Errorf("%d notes, then %s and %q", len(first.Notes), titles(rest), rest.Next)
	}
	tests := []struct {
		name, tool string
		in         map[string]any
		want       string
	}{
		{"tag", "list_notes", map[string]any{"tag": "even", "limit": 3}, "n0,n2,n4"},
		{"words", "search_notes", map[string]any{"query": "NUMBER 14,"}, "n14"},
		{"words and tag", "search_notes", map[string]any{"query": "half 14", "tag": "odd"}, "n7"},
		{"none", "search_notes", map[string]any{"query": "nothing"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := titles(call[page](t, c, tt.tool, tt.in)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	a := c.Call(t, "prompts/get", map[string]any{"name": "review_notes", "arguments": map[string]any{"tag": "odd"}})
	if raw := string(a.Raw); strings.Contains(raw, "# n2\\n") || !strings.Contains(raw, "# n39\\n") {
		t.Errorf("prompt: %s", a.Raw)
	}
}

func TestNotGranted(t *testing.T) {
	t.Parallel()
	a := pdktest.Client{}.CallTool(t, "list_notes", nil)
	if !a.IsError() || !strings.Contains(a.Text(), "--kv") {
		t.Errorf("got %s, want a failure that names the grant", a.Raw)
	}
}
