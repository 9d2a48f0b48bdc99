package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxYAMLBytes bounds a document in YAML, whose parser takes far more memory for
// it than JSON's does.
const maxYAMLBytes = 4 << 20

func parseYAML(data []byte) (*node, error) {
	if err := checkText(data); err != nil {
		return nil, err
	}
	if len(data) > maxYAMLBytes {
		return nil, fmt.Errorf("%d bytes of YAML, more than the %d allowed: convert it to JSON, of which %d are", len(data), maxYAMLBytes, MaxBytes)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, syntax(err)
	}
	var root, second yaml.Node
	if err := loader.Load(&root); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntax(err)
	}
	if len(root.Content) == 0 {
		return nil, errors.New("the file is empty")
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, syntax(err)
		}
		return nil, fmt.Errorf("line %d: a second document: the file has one", second.Line)
	}
	nodes := 0
	return fromYAML(root.Content[0], 0, &nodes)
}

// syntax reports what the parser says in one line.
func syntax(err error) error {
	var e *yaml.LoadError
	if errors.As(err, &e) {
		return fmt.Errorf("line %d: not valid YAML: %s", e.Mark.Line, strings.Join(strings.Fields(e.Message), " "))
	}
	return fmt.Errorf("not valid YAML: %s", strings.Join(strings.Fields(err.Error()), " "))
}

func fromYAML(y *yaml.Node, depth int, nodes *int) (*node, error) {
	n := &node{line: y.Line}
	if err := bound(depth, nodes); err != nil {
		return nil, fmt.Errorf("line %d: %w", y.Line, err)
	}
	if y.Kind == yaml.AliasNode || y.Anchor != "" {
		return nil, fmt.Errorf("line %d: anchors and aliases are not supported: write the value out", y.Line)
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = kindObject
		return n, yamlMembers(n, y, depth, nodes)
	case yaml.SequenceNode:
		n.kind = kindList
		for _, item := range y.Content {
			v, err := fromYAML(item, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
		return n, nil
	}
	return n, n.scalar(y)
}

func yamlMembers(n *node, y *yaml.Node, depth int, nodes *int) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.ShortTag() == "!!merge" {
			return fmt.Errorf("line %d: want a plain key", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: the key %q stands twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		v, err := fromYAML(y.Content[i+1], depth+1, nodes)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{key.Value, v})
	}
	return nil
}

// scalar takes for a number or a boolean only what JSON has as well; the rest is
// text.
func (n *node) scalar(y *yaml.Node) error {
	n.text, n.plain = y.Value, y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	n.kind = kindText
	switch tag := y.ShortTag(); tag {
	case "!!null":
		n.kind = kindNull
	case "!!bool":
		if y.Value == "true" || y.Value == "false" {
			n.kind = kindBoolean
		}
	case "!!int", "!!float":
		if json.Valid([]byte(y.Value)) {
			n.kind = kindNumber
		}
	case "!!str", "!!timestamp":
	default:
		return fmt.Errorf("line %d: the tag %q is not supported", y.Line, tag)
	}
	return nil
}
