package yamlfile

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v4"
)

// json turns a node into JSON. Numbers keep their digits.
func (d *Decoder) json(b []byte, n *yaml.Node, path string) []byte {
	if d.unreadable(n, path) {
		return b
	}
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		d.members(n, path, func(key string, value *yaml.Node, at string) {
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = append(quote(b, key), ':')
			b = d.json(b, value, at)
		})
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, c := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = d.json(b, c, fmt.Sprintf("%s[%d]", path, i))
		}
		return append(b, ']')
	}
	return d.jsonScalar(b, n, path)
}

func (d *Decoder) jsonScalar(b []byte, n *yaml.Node, path string) []byte {
	const plain = yaml.Style(0)
	switch tag := n.ShortTag(); {
	case n.Style == plain && jsontext.Value(n.Value).Kind() == '0' && jsontext.Value(n.Value).IsValid():
		return append(b, n.Value...)
	case tag == "!!null":
		return append(b, "null"...)
	case tag == "!!bool":
		return append(b, strings.ToLower(n.Value)...)
	case tag == "!!int" || tag == "!!float":
		d.Problem(Position{n.Line, n.Column}, path, "%q is a number in YAML and none in JSON: write it in digits, or a text in quotes", n.Value)
	default:
		return quote(b, n.Value)
	}
	return append(b, "null"...)
}

// quote appends a text as JSON; YAML's are valid UTF-8.
func quote(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}
