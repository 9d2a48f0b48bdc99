package pdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// decodeChecked checks raw against s and decodes it into v. Its errors name the
// member and what was expected, so that a model can correct itself.
func decodeChecked(place string, s *schema, raw json.RawMessage, v any) error {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	tree, err := decodeNumbers(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if err := s.check(place, tree); err != nil {
		return err
	}
	if s.target != nil {
		if err := s.target.checkNames(place, tree); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %s", place, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// check reports the first way in which v, decoded with numbers kept as
// json.Number, does not match.
func (s *schema) check(place string, v any) error {
	if len(s.Type) > 0 && !slices.ContainsFunc(s.Type, func(t string) bool { return isType(t, v) }) {
		return fmt.Errorf("%s: want %s, have %s", place, article(s.Type), article(types{typeOf(v)}))
	}
	if len(s.Enum) > 0 && !s.allows(v) {
		return fmt.Errorf("%s: want one of %s", place, join(s.Enum))
	}
	switch v := v.(type) {
	case map[string]any:
		return s.checkObject(place, v)
	case []any:
		return s.checkArray(place, v)
	case string:
		return checkCount(place, "characters", utf8.RuneCountInString(v), s.MinLength, s.MaxLength)
	case json.Number:
		return s.checkNumber(place, v)
	}
	return nil
}

func (s *schema) checkObject(place string, v map[string]any) error {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s: missing required member %q", place, name)
		}
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names) // so that the error is always the same
	for _, name := range names {
		if p := s.property(name); p != nil {
			if err := p.check(place+"."+name, v[name]); err != nil {
				return err
			}
		} else if known := s.folded(name); known != "" {
			return fmt.Errorf("%s: unknown member %q; write it %q", place, name, known)
		} else if s.Additional != nil && s.Additional.deny {
			return fmt.Errorf("%s: unknown member %q; known: %s", place, name, s.known())
		}
	}
	return nil
}

// folded returns the property that name equals but for its case, or "".
// encoding/json would take one for the other, and who inspected the arguments
// before would not have seen it.
func (s *schema) folded(name string) string {
	if s.Properties == nil {
		return ""
	}
	for _, known := range s.Properties.names {
		if known != name && strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// checkNames refuses what folded finds, at all levels, and nothing else.
func (s *schema) checkNames(place string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			p := s.property(name)
			if p == nil {
				if known := s.folded(name); known != "" {
					return fmt.Errorf("%s: unknown member %q; write it %q", place, name, known)
				}
				continue
			}
			if err := p.checkNames(place+"."+name, member); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if s.Items == nil {
				break
			}
			if err := s.Items.checkNames(fmt.Sprintf("%s[%d]", place, i), e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *schema) property(name string) *schema {
	if s.Properties != nil {
		if p := s.Properties.byName[name]; p != nil {
			return p
		}
	}
	if s.Additional != nil {
		return s.Additional.schema
	}
	return nil
}

func (s *schema) known() string {
	if s.Properties == nil || len(s.Properties.names) == 0 {
		return "none"
	}
	return strings.Join(s.Properties.names, ", ")
}

func (s *schema) checkArray(place string, v []any) error {
	if err := checkCount(place, "elements", len(v), s.MinItems, s.MaxItems); err != nil {
		return err
	}
	if s.Items == nil {
		return nil
	}
	for i, e := range v {
		if err := s.Items.check(fmt.Sprintf("%s[%d]", place, i), e); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) checkNumber(place string, v json.Number) error {
	f, err := v.Float64()
	if err != nil {
		return fmt.Errorf("%s: %s is out of range", place, v)
	}
	if limit, err := s.Minimum.Float64(); err == nil && f < limit {
		return fmt.Errorf("%s: want at least %s, have %s", place, s.Minimum, v)
	}
	if limit, err := s.Maximum.Float64(); err == nil && f > limit {
		return fmt.Errorf("%s: want at most %s, have %s", place, s.Maximum, v)
	}
	return nil
}

func checkCount(place, what string, n int, least, most *int) error {
	if least != nil && n < *least {
		return fmt.Errorf("%s: want at least %d %s, have %d", place, *least, what, n)
	}
	if most != nil && n > *most {
		return fmt.Errorf("%s: want at most %d %s, have %d", place, *most, what, n)
	}
	return nil
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func isType(t string, v any) bool {
	if t != "integer" {
		return t == typeOf(v)
	}
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	if !strings.ContainsAny(string(n), ".eE") {
		return true
	}
	f, err := n.Float64()
	return err == nil && f == float64(int64(f))
}

// article returns "a string or null".
func article(t types) string {
	parts := make([]string, len(t))
	for i, name := range t {
		switch name {
		case "null":
			parts[i] = name
		case "integer", "array", "object":
			parts[i] = "an " + name
		default:
			parts[i] = "a " + name
		}
	}
	return strings.Join(parts, " or ")
}

// allows reports whether v is one of the values of Enum.
func (s *schema) allows(v any) bool {
	if s.allowed == nil {
		allowed := make([]any, len(s.Enum))
		for i, raw := range s.Enum {
			// Enum was decoded from JSON, so its values decode again.
			allowed[i], _ = decodeNumbers(raw)
		}
		s.allowed = allowed
	}
	return slices.ContainsFunc(s.allowed, func(e any) bool { return reflect.DeepEqual(e, v) })
}

// decodeNumbers decodes raw with its numbers as json.Number.
func decodeNumbers(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func join(values []json.RawMessage) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}
