package wire

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
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
