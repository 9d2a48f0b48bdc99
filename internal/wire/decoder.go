package wire

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// decoder reads tokens of a byte slice. A message is looked at several times,
// one level at a time, and a decoder costs more than most levels do, so they
// are used again.
type decoder struct {
	jsontext.Decoder
	in    bytes.Buffer
	names foldSet
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// lenient is for what [Check] has passed: looking for duplicates once is
// enough.
var lenient = jsontext.AllowDuplicateNames(true)

// newDecoder returns a decoder over b, whose values are parts of b. The caller
// must free it.
func newDecoder(b []byte, options ...jsontext.Options) *decoder {
	d := decoders.Get().(*decoder)
	d.in = *bytes.NewBuffer(b)
	d.Reset(&d.in, options...)
	return d
}

// free gives a decoder back, without a trace of what it has read.
func (d *decoder) free() {
	d.names.reset()
	d.in = bytes.Buffer{}
	d.Reset(&d.in)
	decoders.Put(d)
}

// readName reads a member's name, a string. Where it can be it is a part of what
// is read.
func (d *decoder) readName() ([]byte, error) {
	quoted, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') < 0 {
		return name, nil
	}
	return jsontext.AppendUnquote(nil, quoted)
}

// common are the names that nearly every message has; they are not copied out
// of each.
var common = func() map[string]string {
	names := map[string]string{}
	for _, n := range []string{
		"jsonrpc", "id", "method", "params", "result", "error", "_meta", "name", "arguments", "uri", "cursor",
		"text", "type", "content", "structuredContent", "resultType", "version", "code", "message", "data",
		plugins.MetaProtocolVersion, plugins.MetaClientInfo, plugins.MetaClientCapabilities, plugins.MetaServerInfo,
		plugins.MetaLogLevel, plugins.MetaProgressToken,
	} {
		names[n] = n
	}
	return names
}()

func toName(b []byte) string {
	if n, ok := common[string(b)]; ok {
		return n
	}
	return string(b)
}
