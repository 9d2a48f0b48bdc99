package gate

import (
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// mcpType says what is base64 in one of MCP's objects. It is small: a guest can send
// a million of them.
type mcpType struct {
	data, blob bool // the members that are
	textual    bool // what they hold says that it is text all the same
}

// hasBinary reports whether a member is base64.
func (t *mcpType) hasBinary(name string) bool {
	return name == "data" && t.data || name == "blob" && t.blob
}

// members are those that say something of the ones beside them.
type members struct {
	kind, mime string
	hasURI     bool
}

// typeOf returns the type of an object that belongs to the member under: data of an
// image or of sound is binary, and blob of a resource's contents.
func (m members) typeOf(under string) (t mcpType) {
	switch under {
	case "content":
		t.data = m.kind == "image" || m.kind == "audio"
	case "contents", "resource":
		t.blob = m.hasURI
	}
	mime, _, _ := strings.Cut(strings.ToLower(m.mime), ";")
	main, sub, _ := strings.Cut(strings.TrimSpace(mime), "/")
	t.textual = main == "text" || sub == "json" || strings.HasSuffix(sub, "+json")
	return t
}

// mcpTypes returns those of all objects in JSON outside of what is the guest's own,
// in the order in which they begin: a type may come after what it is about.
func mcpTypes(v json.RawMessage) ([]mcpType, error) {
	s := survey{in: newDecoder(v)}
	err := s.value("")
	return s.found, err
}

type survey struct {
	in    *jsontext.Decoder
	found []mcpType
}

// value goes through the value of a member, or of a list that is one.
func (s *survey) value(name string) error {
	switch s.in.PeekKind() {
	case '{':
		return s.object(name)
	case '[':
		if _, err := s.in.ReadToken(); err != nil {
			return err
		}
		for s.in.PeekKind() != ']' {
			if err := s.value(name); err != nil {
				return err
			}
		}
		_, err := s.in.ReadToken()
		return err
	}
	return s.in.SkipValue()
}

func (s *survey) object(under string) error {
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	var m members
	i := len(s.found)
	s.found = append(s.found, mcpType{})
	for s.in.PeekKind() != '}' {
		t, err := s.in.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		switch kind := s.in.PeekKind(); {
		case isFree(name, kind):
			err = s.in.SkipValue()
		case kind == '"' && (name == "type" || name == "mimeType" || name == "uri"):
			err = s.note(&m, name)
		default:
			err = s.value(name)
		}
		if err != nil {
			return err
		}
	}
	s.found[i] = m.typeOf(under)
	_, err := s.in.ReadToken()
	return err
}

// note reads a string that says something of an object.
func (s *survey) note(m *members, name string) error {
	t, err := s.in.ReadToken()
	switch name {
	case "type":
		m.kind = t.String()
	case "mimeType":
		m.mime = t.String()
	case "uri":
		m.hasURI = true
	}
	return err
}
