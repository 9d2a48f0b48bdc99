package pdk

import (
	"bytes"
	"encoding/json"
)

// encode returns v as JSON without the escapes that json.Marshal adds for HTML:
// a model reads "<" better than "\u003c".
func encode(v any) ([]byte, error) {
	if m, ok := v.(json.Marshaler); ok {
		return m.MarshalJSON() // spares the encoder's check of what it returns
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// mustEncode is for values whose types always encode.
func mustEncode(v any) json.RawMessage {
	b, err := encode(v)
	if err != nil {
		panic("pdk: " + err.Error())
	}
	return b
}
