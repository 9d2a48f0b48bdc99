package pdk

import "encoding/json"

// Content is one block of a tool's result or a prompt's message. Make one with
// [Text], [Image], [Audio], [Embed] or [Link]; set Annotations or Meta on it
// afterwards if need be.
type Content struct {
	// Type is "text", "image", "audio", "resource" or "resource_link"; it says
	// which of the following fields count.
	Type     string
	Text     string            // of text
	Data     []byte            // of image and audio, not yet in base64
	MIMEType string            // of image and audio
	Resource *ResourceContents // of resource
	Link     *Resource         // of resource_link

	Annotations *Annotations
	Meta        map[string]any
}

// Annotations say for whom a content block or resource is and how much it
// matters (MCP schema, "Annotations").
type Annotations struct {
	Audience     []string `json:"audience,omitempty"` // "user", "assistant"
	Priority     *float64 `json:"priority,omitempty"` // 0 to 1
	LastModified string   `json:"lastModified,omitempty"`
}

// Icon is an image that a client may show (MCP schema, "Icon").
type Icon struct {
	Src      string   `json:"src"` // https: or data: URI
	MIMEType string   `json:"mimeType,omitempty"`
	Sizes    []string `json:"sizes,omitempty"` // "48x48" or "any"
	Theme    string   `json:"theme,omitempty"` // "light" or "dark"
}

// Text returns a block of text.
func Text(s string) Content { return Content{Type: "text", Text: s} }

// Image returns an image of the given MIME type, such as "image/png".
func Image(data []byte, mimeType string) Content {
	return Content{Type: "image", Data: data, MIMEType: mimeType}
}

// Audio returns sound of the given MIME type, such as "audio/wav".
func Audio(data []byte, mimeType string) Content {
	return Content{Type: "audio", Data: data, MIMEType: mimeType}
}

// Embed returns a block that contains a resource.
func Embed(c ResourceContents) Content { return Content{Type: "resource", Resource: &c} }

// Link returns a block that names a resource for the client to read.
func Link(r Resource) Content { return Content{Type: "resource_link", Link: &r} }

// MarshalJSON returns the block in MCP's shape (schema, "ContentBlock").
func (c Content) MarshalJSON() ([]byte, error) {
	v, err := c.wire()
	if err != nil {
		return nil, err
	}
	return encode(v)
}

// wire returns a value that encodes as the block without further methods, which
// is several times faster than a MarshalJSON in a MarshalJSON.
func (c Content) wire() (any, error) {
	type tail struct {
		Annotations *Annotations   `json:"annotations,omitempty"`
		Meta        map[string]any `json:"_meta,omitempty"`
	}
	t := tail{c.Annotations, c.Meta}
	switch c.Type {
	case "text":
		return struct {
			Type string `json:"type"`
			Text string `json:"text"`
			tail
		}{c.Type, c.Text, t}, nil
	case "image", "audio":
		return struct {
			Type     string `json:"type"`
			Data     []byte `json:"data"`
			MIMEType string `json:"mimeType"`
			tail
		}{c.Type, notNil(c.Data), c.MIMEType, t}, nil
	case "resource":
		if c.Resource == nil {
			return nil, Errorf(CodeInternalError, "content of type resource has no Resource: make it with pdk.Embed")
		}
		return struct {
			Type     string `json:"type"`
			Resource any    `json:"resource"`
			tail
		}{c.Type, c.Resource.wire(), t}, nil
	case "resource_link":
		if c.Link == nil {
			return nil, Errorf(CodeInternalError, "content of type resource_link has no Link: make it with pdk.Link")
		}
		r := *c.Link
		if c.Annotations != nil {
			r.Annotations = c.Annotations
		}
		if c.Meta != nil {
			r.Meta = c.Meta
		}
		return struct {
			Type string `json:"type"`
			Resource
		}{c.Type, r}, nil
	}
	return nil, Errorf(CodeInternalError, "content of unknown type %q: make it with pdk.Text, Image, Audio, Embed or Link", c.Type)
}

// ResourceContents is what a resource holds: text, or bytes when Blob is not
// nil.
type ResourceContents struct {
	// URI and MIMEType may be left empty in the answer of a resource's handler:
	// those of the request and the definition are filled in.
	URI      string
	MIMEType string
	Text     string
	Blob     []byte // not yet in base64
	Meta     map[string]any
}

// MarshalJSON returns the contents in MCP's shape (schema,
// "TextResourceContents" and "BlobResourceContents").
func (c ResourceContents) MarshalJSON() ([]byte, error) { return encode(c.wire()) }

func (c ResourceContents) wire() any {
	v := struct {
		URI      string         `json:"uri"`
		MIMEType string         `json:"mimeType,omitempty"`
		Text     *string        `json:"text,omitempty"`
		Blob     *[]byte        `json:"blob,omitempty"`
		Meta     map[string]any `json:"_meta,omitempty"`
	}{URI: c.URI, MIMEType: c.MIMEType, Meta: c.Meta}
	if c.Blob != nil {
		v.Blob = &c.Blob
	} else {
		v.Text = &c.Text
	}
	return v
}

// wireContents returns what wire returns for each block.
func wireContents(blocks []Content) ([]any, error) {
	out := make([]any, len(blocks))
	for i, c := range blocks {
		v, err := c.wire()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// notNil makes nil bytes encode as "" and not as null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

var (
	_ json.Marshaler = Content{}
	_ json.Marshaler = ResourceContents{}
)
