// Text works on text and JSON: what models often get wrong when they do it by
// themselves. It needs no authority.
package main

import (
	"context"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

func init() {
	pdk.Serve(newServer())
}

func main() {}

func newServer() *pdk.Server {
	s := pdk.New("text", "1.0.0")
	s.Title = "Text and JSON"
	s.Instructions = "Exact work on text and JSON: counting, comparing, matching, hashing, encoding, querying and changing."
	addTool(s, "count", "Counts bytes, characters, words and lines of a text.", count)
	addTool(s, "diff", "Compares two texts line by line, as a unified diff.", diff)
	addTool(s, "match", "Finds all matches of a regular expression (RE2 syntax), with their groups.", match)
	addTool(s, "replace", "Replaces all matches of a regular expression (RE2 syntax); $1 and ${name} stand for groups.", replace)
	addTool(s, "encode", "Writes a text in base64, base64url, hexadecimal or percent encoding, or reads it back.", encode)
	addTool(s, "hash", "Hashes a text.", hash)
	addTool(s, "json_format", "Checks a JSON text and writes it again, indented or without white space. Order and numbers stay as they are.", formatJSON)
	addTool(s, "json_query", "Returns the value at a JSON Pointer (RFC 6901), as it is written.", queryJSON)
	addTool(s, "json_merge", "Changes a JSON text by a merge patch (RFC 7396). Members come out sorted by name.", mergeJSON)
	return s
}

func addTool[In, Out any](s *pdk.Server, name, description string, h func(context.Context, In) (Out, error)) {
	pdk.AddTypedTool(s, pdk.Tool{Name: name, Description: description, Annotations: pdk.ReadOnly()}, h)
}
