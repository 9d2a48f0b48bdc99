package scrub

import "io"

// chunk is how much is read at once, in bytes.
const chunk = 32 << 10

// NewReader returns r with values replaced. current is asked for the matcher after
// every read, so that a value that is used while a text comes in is found in the
// rest of it. A text is held back for as long as it may be the beginning of a
// value, and no longer. Where r ends with another error than io.EOF, what is held
// back is dropped: whoever decides where a text breaks off could have it break off
// within a value.
func NewReader(r io.Reader, current func() *Matcher) io.Reader {
	return &reader{src: r, current: current}
}

type reader struct {
	src     io.Reader
	current func() *Matcher
	scanner scanner
	in, out []byte
	rest    []byte // of out, to be read
	err     error  // of src
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 && r.err == nil {
		n, err := r.fill(p)
		r.err = err
		if n > 0 {
			return n, nil
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if len(r.rest) > 0 || n > 0 {
		return n, nil
	}
	return 0, r.err
}

// fill reads once. While there is nothing to look for it reads into p and returns
// how much; otherwise what is settled is in rest.
func (r *reader) fill(p []byte) (int, error) {
	in := p
	if r.current() != nil {
		if r.in == nil {
			r.in = make([]byte, chunk)
		}
		in = r.in
	}
	n, err := r.src.Read(in)
	m := r.current()
	if m == nil {
		return n, err
	}
	if m != r.scanner.m {
		held := r.scanner.buf
		r.scanner = scanner{m: m}
		r.scanner.scan(held)
	}
	r.scanner.scan(in[:n])
	r.out = r.scanner.settle(r.out[:0], err == io.EOF) // no error that wraps it: that is a text cut off
	r.rest = r.out
	return 0, err
}
