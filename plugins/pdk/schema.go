package pdk

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// schema is the part of JSON Schema 2020-12 that the PDK writes and checks.
// Keywords beyond it in an author's own schema are passed on to clients, and
// left to the handler to check.
type schema struct {
	Type        types             `json:"type,omitempty"`
	Description string            `json:"description,omitempty"`
	Properties  *properties       `json:"properties,omitempty"`
	Required    []string          `json:"required,omitempty"`
	Additional  *additional       `json:"additionalProperties,omitempty"`
	Items       *schema           `json:"items,omitempty"`
	Enum        []json.RawMessage `json:"enum,omitempty"`
	Format      string            `json:"format,omitempty"`
	Encoding    string            `json:"contentEncoding,omitempty"`
	Minimum     json.Number       `json:"minimum,omitempty"`
	Maximum     json.Number       `json:"maximum,omitempty"`
	MinLength   *int              `json:"minLength,omitempty"`
	MaxLength   *int              `json:"maxLength,omitempty"`
	MinItems    *int              `json:"minItems,omitempty"`
	MaxItems    *int              `json:"maxItems,omitempty"`
	Default     json.RawMessage   `json:"default,omitempty"`
	Header      string            `json:"x-mcp-header,omitempty"`

	allowed []any // Enum, decoded on first use
	// target is the schema of the type that arguments are decoded into, where
	// an author's own schema stands for it.
	target *schema
}

// JSON returns the schema as JSON, always in the same bytes.
func (s *schema) JSON() json.RawMessage { return mustEncode(s) }

// types is one type's name or several.
type types []string

// MarshalJSON implements json.Marshaler.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return encode(t[0])
	}
	return encode([]string(t))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *types) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*t = make(types, 1)
		return json.Unmarshal(b, &(*t)[0])
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// additional is additionalProperties: a schema, or false.
type additional struct {
	deny   bool
	schema *schema
}

// MarshalJSON implements json.Marshaler.
func (a additional) MarshalJSON() ([]byte, error) {
	if a.deny {
		return []byte("false"), nil
	}
	if a.schema == nil {
		return []byte("true"), nil
	}
	return encode(a.schema)
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *additional) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "false":
		a.deny = true
		return nil
	case "true":
		return nil
	}
	a.schema = &schema{}
	return json.Unmarshal(b, a.schema)
}

// properties keeps the members of an object in the order of the struct's fields.
type properties struct {
	names  []string
	byName map[string]*schema
}

func (p *properties) add(name string, s *schema) {
	if p.byName == nil {
		p.byName = map[string]*schema{}
	}
	if _, ok := p.byName[name]; !ok {
		p.names = append(p.names, name)
	}
	p.byName[name] = s
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range p.names {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := encode(name)
		if err != nil {
			return nil, err
		}
		v, err := encode(p.byName[name])
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *properties) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("properties: want an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		var v propertySchema
		if err := d.Decode(&v); err != nil {
			return err
		}
		p.add(t.(string), &v.schema) // a decoder returns names as strings
	}
	return nil
}

// propertySchema is a schema that may also be true or false, as any subschema of
// JSON Schema may; both check nothing here.
type propertySchema struct{ schema }

// UnmarshalJSON implements json.Unmarshaler.
func (p *propertySchema) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '{' {
		return nil
	}
	return json.Unmarshal(b, &p.schema)
}

// parseSchema reads an author's own schema, which must be an object.
func parseSchema(raw json.RawMessage) (*schema, error) {
	s := &schema{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, err
	}
	return s, nil
}
