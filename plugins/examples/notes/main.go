// Notes keeps notes in the store of its host, where they outlive the guest: every
// call meets a server that remembers nothing itself.
//
//	mcpwasm call --kv notes.wasm add_note '{"title":"Milk","text":"Two litres.","tags":["shopping"]}'
//	mcpwasm call --kv notes.wasm list_notes '{}'
//
// Two people who edit one note at the same time do not lose each other's words:
// an edit says which version it was made from.
package main

import (
	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

func init() { pdk.Serve(newServer()) }

func main() {}

func newServer() *pdk.Server {
	s := pdk.New("notes", "1.0.0")
	s.Title = "Notes"
	s.Instructions = "Keeps notes. Find the id of a note with list_notes or search_notes. " +
		"To change a note, read it with get_note and give its version to edit_note, so that nobody's changes are lost."
	s.Changes = pdk.Changes{Updates: true}
	s.Ask(pdk.Capabilities{KV: &pdk.KVAsk{Reason: "Keeps the notes."}})

	no, yes := false, true
	reads := pdk.ReadOnly()
	adds := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &no, Idempotent: &no, OpenWorld: &no}
	overwrites := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &yes, Idempotent: &yes, OpenWorld: &no}
	pdk.AddTypedTool(s, pdk.Tool{Name: "add_note", Title: "Add a note", Annotations: adds,
		Description: "Writes a new note and returns it with its id."}, add)
	pdk.AddTypedTool(s, pdk.Tool{Name: "get_note", Title: "Read a note", Annotations: reads,
		Description: "Returns a note by its id, with the version that edit_note wants."}, get)
	pdk.AddTypedTool(s, pdk.Tool{Name: "edit_note", Title: "Edit a note", Annotations: overwrites,
		Description: "Replaces the title, the text or the tags of a note, and leaves alone what is not given. Fails if the note has changed since the version that is named."}, edit)
	pdk.AddTypedTool(s, pdk.Tool{Name: "remove_note", Title: "Remove a note", Annotations: overwrites,
		Description: "Removes a note for good."}, remove)
	pdk.AddTypedTool(s, pdk.Tool{Name: "list_notes", Title: "List notes", Annotations: reads,
		Description: "Lists the notes without their texts, the oldest first, and a page at a time."}, list)
	pdk.AddTypedTool(s, pdk.Tool{Name: "search_notes", Title: "Search notes", Annotations: reads,
		Description: "Finds the notes whose title or text contains all words of a query, whatever their case."}, search)

	s.AddResourceTemplate(pdk.ResourceTemplate{URITemplate: "notes://{id}", Name: "note", Title: "A note",
		Description: "A note as Markdown, by its id.", MIMEType: "text/markdown"}, readNote)
	s.AddPrompt(pdk.Prompt{Name: "review_notes", Title: "Review notes",
		Description: "Asks for a summary of the notes, of all or of those with a tag, and what is left to do.",
		Arguments:   []pdk.PromptArgument{{Name: "tag", Description: "only notes with this tag"}}}, review)
	return s
}
