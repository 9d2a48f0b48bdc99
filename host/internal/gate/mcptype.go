package gate

import (
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// mcpType is what the members of one of MCP's objects say of those beside them.
type mcpType struct {
	under string // the name of the member that the object belongs to
	kind  string // "image", say
	mime  string
	uri   bool // it has one
}

// hasBinary reports whether a member is base64: data of an image or of sound, and
// blob of a resource's contents.
func (t *mcpType) hasBinary(name string) bool {
	switch t.under {
	case "content":
		return name == "data" && (t.kind == "image" || t.kind == "audio")
	case "contents", "resource":
		return name == "blob" && t.uri
	}
	return false
}

// isTextual reports whether what is binary says that it is text all the same.
func (t *mcpType) isTextual() bool {
	mime, _, _ := strings.Cut(strings.ToLower(t.mime), ";")
	main, sub, _ := strings.Cut(strings.TrimSpace(mime), "/")
	return main == "text" || sub == "json" || strings.HasSuffix(sub, "+json")
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
	i := len(s.found)
	s.found = append(s.found, mcpType{under: under})
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
			err = s.note(i, name)
		default:
			err = s.value(name)
		}
		if err != nil {
			return err
		}
	}
	_, err := s.in.ReadToken()
	return err
}

// note reads a string that says something of an object.
func (s *survey) note(i int, name string) error {
	t, err := s.in.ReadToken()
	switch name {
	case "type":
		s.found[i].kind = t.String()
	case "mimeType":
		s.found[i].mime = t.String()
	case "uri":
		s.found[i].uri = true
	}
	return err
}
