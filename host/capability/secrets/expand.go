package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// May reports whether some secret may be sent to a target at all.
func (s *Set) May(t effect.Target) bool {
	for _, sec := range s.byName {
		if sec.allows(t, "") == nil {
			return true
		}
	}
	return false
}

// Holds reports whether text has a handle of this set, plainly or within a Basic
// credential.
func (s *Set) Holds(text string) bool {
	if _, sec := s.find(text); sec != nil {
		return true
	}
	inner, ok := basicCredential(text)
	if !ok {
		return false
	}
	_, sec := s.find(inner)
	return sec != nil
}

// Expand returns text with the handles in it replaced by the values of their
// secrets, and whether there were any. u.Place is [PlaceHeader], [PlaceQuery] or
// [PlaceBody]. In a header that is a Basic credential (RFC 7617) handles are replaced
// behind the base64, without u.Escape. An error is a *plugins.EffectError; a secret
// that may not be sent to the target, or not in that place, is a denial, and so is one
// that the policy refuses: it is asked about each secret once, after the grants and
// before the value is read.
func (s *Set) Expand(ctx context.Context, u effect.Use, text string) (string, bool, error) {
	if len(s.byName) == 0 {
		return text, false, nil
	}
	if inner, ok := basicCredential(text); ok && u.Place == PlaceHeader {
		plain := u
		plain.Escape = nil
		out, used, err := s.expand(ctx, plain, inner)
		if err != nil {
			return "", false, err
		}
		if used {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(out)), true, nil
		}
	}
	return s.expand(ctx, u, text)
}

func (s *Set) expand(ctx context.Context, u effect.Use, text string) (string, bool, error) {
	at, sec := s.find(text)
	if sec == nil {
		return text, false, nil
	}
	f := filling{set: s, use: u}
	var out strings.Builder
	for ; sec != nil; at, sec = s.find(text) {
		value, err := f.valueOf(ctx, sec)
		if err != nil {
			return "", false, err
		}
		out.WriteString(text[:at])
		out.WriteString(value)
		text = text[at+handleLen:]
	}
	out.WriteString(text)
	return out.String(), true, nil
}

// filling is one text, or one stream, that values are put into.
type filling struct {
	set       *Set
	use       effect.Use
	permitted []*secret // that the policy has allowed
}

// valueOf returns a secret's value, escaped, if it may be put in.
func (f *filling) valueOf(ctx context.Context, sec *secret) (string, error) {
	if denial := sec.allows(f.use.Target, f.use.Place); denial != nil {
		return "", denial
	}
	if err := f.permit(ctx, sec); err != nil {
		return "", err
	}
	value, err := f.set.read(ctx, sec)
	if err != nil || f.use.Escape == nil {
		return value, err
	}
	return f.set.escaped(sec, value, f.use.Escape)
}

// permit asks the policy about a secret, for all that the request can be taken for.
func (f *filling) permit(ctx context.Context, sec *secret) error {
	if slices.Contains(f.permitted, sec) {
		return nil
	}
	if len(f.use.As) == 0 {
		return effect.Errorf(plugins.EffectDenied, "nobody says what the secret %q is sent with", sec.name)
	}
	for _, h := range f.use.As {
		e := &cel.Effect{Kind: cel.EffectSecret, Secret: &cel.Secret{Name: sec.name}, HTTP: h}
		if err := f.use.Call.Permit(ctx, e, f.set.labels[sec.name]); err != nil {
			return err
		}
	}
	f.permitted = append(f.permitted, sec)
	return nil
}

// escaped returns what escape makes of a value. The scrubber knows it before it is
// sent: an upstream that has it in base64 has none of the value's own forms.
func (s *Set) escaped(sec *secret, value string, escape func(string) string) (string, error) {
	out := escape(value)
	switch {
	case out == value:
		return out, nil
	case len(out) < MinValueBytes:
		return "", effect.Errorf(plugins.EffectFailed, "the secret %q cannot be escaped: too little is left of it to be told from other text", sec.name)
	}
	s.learn(sec.name, out)
	return out, nil
}

// usualEscapes are those that values are sent with: within strings of JSON, and in
// forms and queries.
var usualEscapes = []func(string) string{escapeJSON, url.QueryEscape}

func escapeJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return text // a string always encodes
	}
	return string(quoted[1 : len(quoted)-1])
}

// basicCredential returns what stands behind the base64 of a Basic credential,
// padded or not, in either alphabet.
func basicCredential(text string) (string, bool) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	digits := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(rest), "="))
	b, err := base64.RawStdEncoding.DecodeString(digits)
	return string(b), err == nil
}

// chunk is how much of a body is read at once, in bytes.
const chunk = 32 << 10

// ExpandReader is [Set.Expand] for a body that is read piece by piece. Its errors
// come out of Read, after what stands before the handle.
func (s *Set) ExpandReader(ctx context.Context, u effect.Use, r io.Reader) io.Reader {
	if len(s.byName) == 0 {
		return r
	}
	u.Place = PlaceBody
	return &expander{ctx: ctx, filling: filling{set: s, use: u}, src: r}
}

type expander struct {
	filling
	ctx context.Context // of the request that the body belongs to
	src io.Reader

	in   []byte
	text []byte       // what came and may end within a handle
	out  bytes.Buffer // to be read
	err  error        // behind out
}

// Read implements io.Reader.
func (e *expander) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for e.out.Len() == 0 && e.err == nil {
		e.fill()
	}
	if e.out.Len() > 0 {
		return e.out.Read(p)
	}
	return 0, e.err
}

// fill reads once and expands what is complete.
func (e *expander) fill() {
	if e.in == nil {
		e.in = make([]byte, chunk)
	}
	n, err := e.src.Read(e.in)
	e.text = append(e.text, e.in[:n]...)
	done := len(e.text)
	if err == nil {
		done -= unfinished(e.text)
	}
	e.err = err
	e.expand(string(e.text[:done]))
	e.text = e.text[:copy(e.text, e.text[done:])]
}

// expand moves text to out. Unlike [Set.Expand] it keeps what stands before a
// handle that cannot be replaced.
func (e *expander) expand(text string) {
	for {
		at, sec := e.set.find(text)
		e.out.WriteString(text[:at])
		if sec == nil {
			return
		}
		value, err := e.valueOf(e.ctx, sec)
		if err != nil {
			e.err = err
			return
		}
		e.out.WriteString(value)
		text = text[at+handleLen:]
	}
}
