package arguments

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// Schema returns the names that a tool's input schema declares (JSON Schema 2020-12
// and the drafts that have the same keywords). Alternatives, conditions and references
// within the schema count as one level with all their names: which of them holds is
// the server's business. What is no schema declares nothing.
func Schema(schema json.RawMessage) *Names {
	c := &compiler{places: map[string]*node{}, named: map[string]string{}}
	d := json.NewDecoder(bytes.NewReader(schema))
	d.UseNumber() // one that no float can hold is none of our business
	if d.Decode(&c.root) != nil {
		return nil
	}
	c.find("#", c.root)
	return c.build(c.read("#", c.root), map[*node]*Names{})
}

// node is a level while a schema is read. Levels that turn out to be the same are made
// one, as sets are in union-find: a schema may refer to itself.
type node struct {
	same  *node // this one instead, if not nil
	props map[string]*node
	rest  *node
	items *node
}

// get returns the node that stands for n.
func (n *node) get() *node {
	for n.same != nil {
		if n.same.same != nil {
			n.same = n.same.same
		}
		n = n.same
	}
	return n
}

// unite makes two levels one, and so those below that have the same place. Either may
// be nil; the one that stands for both is returned.
func unite(a, b *node) *node {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	for queue := [][2]*node{{a, b}}; len(queue) > 0; {
		pair := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		to, from := pair[0].get(), pair[1].get()
		if to == from {
			continue
		}
		// take has one of two levels with the same place, and the other one later.
		take := func(has, gets *node) *node {
			if has != nil && gets != nil {
				queue = append(queue, [2]*node{has, gets})
			}
			return cmp.Or(has, gets)
		}
		for name, below := range from.props {
			to.props[name] = take(to.props[name], below)
		}
		to.rest, to.items = take(to.rest, from.rest), take(to.items, from.items)
		*from = node{same: to}
	}
	return a.get()
}

// compiler reads one schema.
type compiler struct {
	root   any
	places map[string]*node  // by JSON pointer, in the form "#/a/b"
	named  map[string]string // from "#anchor" or an $id to a pointer
}

// find notes the names that references may use.
func (c *compiler) find(place string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, keyword := range []string{"$anchor", "$dynamicAnchor"} {
			if name, ok := v[keyword].(string); ok {
				c.named["#"+name] = place
			}
		}
		if id, ok := v["$id"].(string); ok {
			c.named[id] = place
		}
		for name, below := range v {
			c.find(join(place, name), below)
		}
	case []any:
		for i, below := range v {
			c.find(join(place, strconv.Itoa(i)), below)
		}
	}
}

// Keywords by what they hold and whom that is about.
var (
	aboutSame  = []string{"allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas", "dependencies"}
	aboutRest  = []string{"additionalProperties", "unevaluatedProperties", "patternProperties"}
	aboutItems = []string{"items", "prefixItems", "additionalItems", "unevaluatedItems", "contains"}
	references = []string{"$ref", "$dynamicRef"}
)

// read returns the level that the schema at a place is about.
func (c *compiler) read(place string, v any) *node {
	if n, ok := c.places[place]; ok {
		return n.get()
	}
	schema, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	n := &node{props: map[string]*node{}}
	c.places[place] = n
	if props, ok := schema["properties"].(map[string]any); ok {
		for name, below := range props {
			child := c.read(join(join(place, "properties"), name), below)
			n = n.get()
			n.props[name] = unite(n.props[name], child)
		}
	}
	for _, keyword := range references {
		if ref, ok := schema[keyword].(string); ok {
			unite(n, c.refer(ref))
		}
	}
	c.each(place, schema, aboutSame, func(same *node) { unite(n, same) })
	c.each(place, schema, aboutRest, func(below *node) { n = n.get(); n.rest = unite(n.rest, below) })
	c.each(place, schema, aboutItems, func(below *node) { n = n.get(); n.items = unite(n.items, below) })
	return n.get()
}

// each reads the schemas that keywords hold: one, a list, or some by name.
func (c *compiler) each(place string, schema map[string]any, keywords []string, add func(*node)) {
	for _, keyword := range keywords {
		at := join(place, keyword)
		switch v := schema[keyword].(type) {
		case []any:
			for i, below := range v {
				add(c.read(join(at, strconv.Itoa(i)), below))
			}
		case map[string]any:
			if keyword != "dependentSchemas" && keyword != "dependencies" && keyword != "patternProperties" {
				add(c.read(at, v))
				continue
			}
			for name, below := range v {
				add(c.read(join(at, name), below))
			}
		}
	}
}

// refer returns the level that a reference is about, or nil where it leads out of the
// schema.
func (c *compiler) refer(ref string) *node {
	if named, ok := c.named[ref]; ok {
		ref = named
	}
	fragment, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	place, v := "#", c.root
	for token := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if fragment == "" {
			break // the whole schema
		}
		token = unescape.Replace(token)
		if v, ok = member(v, token); !ok {
			return nil
		}
		place = join(place, token)
	}
	return c.read(place, v)
}

// member returns a member of an object or an element of an array.
func member(v any, token string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		below, ok := v[token]
		return below, ok
	case []any:
		if i, err := strconv.Atoi(token); err == nil && 0 <= i && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// What stands in JSON pointers for the two characters that have a meaning there
// (RFC 6901, section 3).
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// join returns the JSON pointer of a member or element.
func join(place, token string) string { return place + "/" + escape.Replace(token) }

// build makes levels fit for use.
func (c *compiler) build(n *node, built map[*node]*Names) *Names {
	if n == nil {
		return nil
	}
	n = n.get()
	if done, ok := built[n]; ok {
		return done
	}
	out := &Names{declared: make(map[string]*Names, len(n.props))}
	built[n] = out
	for name, below := range n.props {
		out.declared[name] = c.build(below, built)
	}
	out.rest, out.items = c.build(n.rest, built), c.build(n.items, built)
	out.index()
	return out
}
