// Package effect has what the capabilities share: a guest's request to its host,
// for whom it is performed, and the reply.
package effect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Call says for whom an effect is performed.
type Call struct {
	// Server is the server's name, Method and Tool what its guest is working
	// on; both are empty while a stdio guest starts.
	Server, Method, Tool string
	// Principal is who called, "" where nobody knows.
	Principal string
	// ReadOnly narrows files and key-value data to reading.
	ReadOnly bool
	// Decide asks the policy about an effect that the grants allow, right before it
	// happens and with what will happen, complete; labels are the operator's for the
	// grant. An error denies: a *plugins.EffectError of the kind
	// [plugins.EffectDenied], of which Decide itself tells the operator. Nil denies every effect that is asked for. What goes on may
	// be asked about more than once: see [Again].
	Decide func(ctx context.Context, e *cel.Effect, labels []string) error

	allowed *atomic.Int64 // effects so far; nil before [Call.Begin]
}

// Labels are what the operator says of grants, "key:value" each, by what stands in
// front of them: an HTTP grant in the form of [plugins.ParseHTTPGrant], which covers
// the requests that such a grant would; the path of a mount in the guest; the name
// of a secret.
type Labels struct {
	HTTP, Mounts, Secrets map[string][]string
	KV                    []string
}

// Request is one request of a guest. Params is checked JSON (internal/wire): an
// object, no member twice.
type Request struct {
	Method string
	Params wire.Object
	// Body is what the guest sends after it; empty where it sends nothing.
	Body io.Reader
	// HasBody says that the guest sends a body.
	HasBody bool
}

// Handler performs the requests of one capability. An error is told to the guest
// as it is if it is a *plugins.EffectError and the reply has not begun; any other
// is a failure of the host, of which the guest learns no more than that.
type Handler interface {
	Perform(ctx context.Context, c Call, r Request, reply *Reply) error
}

// Reply is where the answer to a request goes: one head, then bytes.
type Reply struct {
	w     io.Writer
	begun bool
}

// NewReply returns a reply that is written to w.
func NewReply(w io.Writer) *Reply { return &Reply{w: w} }

// Head sends the result, which encodes as a JSON object. It is called once.
func (r *Reply) Head(result any) error {
	if r.begun {
		return errors.New("a reply has one head")
	}
	b, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode reply: %w", err)
	}
	return r.head(plugins.EffectReply{Result: b})
}

// Begun reports whether the head was sent.
func (r *Reply) Begun() bool { return r.begun }

// Fail sends an error in place of a result; once the head was sent it can only
// be seen from the body's end.
func (r *Reply) Fail(e *plugins.EffectError) error {
	if r.begun {
		return nil
	}
	return r.head(plugins.EffectReply{Error: e})
}

func (r *Reply) head(h plugins.EffectReply) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode reply: %w", err)
	}
	r.begun = true
	_, err = r.w.Write(append(b, '\n'))
	return err
}

// Write sends bytes of the body, after the head.
func (r *Reply) Write(b []byte) (int, error) {
	if !r.begun {
		return 0, errors.New("a reply begins with its head")
	}
	return r.w.Write(b)
}

// Errorf returns an error that the guest is told.
func Errorf(kind, format string, args ...any) *plugins.EffectError {
	return &plugins.EffectError{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Denied returns a denial that names the grant that is missing.
func Denied(grant, format string, args ...any) *plugins.EffectError {
	e := Errorf(plugins.EffectDenied, format, args...)
	e.Grant = grant
	return e
}

// Target is where a request goes. Host is as in [plugins.HTTPGrant]; Port is never
// 0. Loopback says that the host is an address of this machine or "localhost",
// which no other machine can read along with.
type Target struct {
	Scheme, Host string
	Port         int
	Loopback     bool
}

// Use is a request that secrets are put into.
type Use struct {
	// Call is for whom, and whose policy decides on each secret.
	Call Call
	// Target is where the request goes.
	Target Target
	// As is all that the request can be taken for, at least one; the policy decides on
	// each of them.
	As []*cel.HTTP
	// Place is where in the request: "header", "query" or "body".
	Place string
	// Escape, unless nil, is applied to each value.
	Escape func(string) string
}

// Decode reads parameters into v, a pointer to a struct. A member that v does not
// have, or has in other letters, is an error of the kind [plugins.EffectInvalid].
func Decode(params wire.Object, v any) error {
	// encoding/json alone takes PATH for path.
	if err := params.CheckNames(memberNames(v)...); err != nil {
		return Errorf(plugins.EffectInvalid, "params: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(params.JSON()))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Errorf(plugins.EffectInvalid, "params: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// memberNames are the names that a struct's fields have in JSON.
func memberNames(v any) []string {
	var names []string
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
