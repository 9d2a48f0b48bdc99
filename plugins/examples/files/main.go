// Files works on the folders that its operator mounts, and sees no others: they
// are the directories that WASI opens for a guest before it starts.
//
//	mcpwasm call --mount ~/notes:/notes:ro files.wasm search_files '{"text":"milk"}'
//
// The tools that read say so, and get the folders for reading only, whatever was
// granted.
package main

import (
	"context"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

func init() { pdk.Serve(newServer()) }

func main() {}

func newServer() *pdk.Server {
	s := pdk.New("files", "1.0.0")
	s.Title = "Files"
	s.Instructions = "Reads and writes files below the folders that list_roots names. Paths are absolute, with slashes, or relative to the first of these folders."
	s.Ask(pdk.Capabilities{Files: []pdk.FilesAsk{{Path: "/data", Access: "rw", Reason: "The folder to work in."}}})

	no, yes := false, true
	creates := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &no, Idempotent: &yes, OpenWorld: &no}
	overwrites := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &yes, Idempotent: &yes, OpenWorld: &no}
	changes := &pdk.ToolAnnotations{ReadOnly: &no, Destructive: &yes, Idempotent: &no, OpenWorld: &no}

	addTool(s, "list_roots", "List the folders", "Names the folders that this server was given. Everything that it can reach is below them.", pdk.ReadOnly(), listRoots)
	addTool(s, "list_directory", "List a directory", "Lists the entries of a directory with their types and sizes, sorted by name.", pdk.ReadOnly(), listDirectory)
	addTool(s, "file_info", "Describe a file", "Returns type, size and time of change of a file or directory.", pdk.ReadOnly(), info)
	addTool(s, "search_files", "Search files", "Finds files by a pattern for their paths, by a text in them, or by both. Binary files are not searched for text.", pdk.ReadOnly(), search)
	addTool(s, "write_file", "Write a file", "Writes a text file, in place of what is there, and the directories above it. It is replaced as a whole or not at all.", overwrites, write)
	addTool(s, "edit_file", "Edit a file", "Replaces pieces of a text file. A piece that is not there exactly once is an error, and nothing is changed then.", changes, edit)
	addTool(s, "make_directory", "Make a directory", "Makes a directory and those above it. One that is there already is fine.", creates, makeDirectory)
	addTool(s, "move_file", "Move a file", "Moves or renames a file or directory. Something that is at the new path already is an error.", changes, move)
	addTool(s, "delete_file", "Delete a file", "Deletes a file or a directory; one that is not empty only with all that it holds, if asked to.", changes, remove)
	pdk.AddTool(s, pdk.Tool{Name: "read_file", Title: "Read a file", Annotations: pdk.ReadOnly(),
		Description: "Reads a text file: all of it, the first lines (head), the last lines (tail), or lines from a place on (offset and head). Images are returned as images."}, read)

	s.AddResourceTemplate(pdk.ResourceTemplate{URITemplate: "file:///{+path}", Name: "file", Title: "A file",
		Description: "A file below one of the folders, by its path."}, readResource)
	return s
}

func addTool[In, Out any](s *pdk.Server, name, title, description string, hints *pdk.ToolAnnotations, h func(context.Context, In) (Out, error)) {
	pdk.AddTypedTool(s, pdk.Tool{Name: name, Title: title, Description: description, Annotations: hints}, h)
}
