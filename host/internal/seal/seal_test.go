package seal

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

func params(t *testing.T, s string) wire.Object {
	t.Helper()
	o, err := wire.ParseObject([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSealBinds(t *testing.T) {
	s, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	bound := Binding{"notes", "alice", "tools/call", Digest(params(t, `{"name":"add","arguments":{"n":1}}`))}
	sealed := s.Seal(bound, "round 1")
	if got, err := s.Open(bound, sealed); err != nil || got != "round 1" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	for _, tc := range []struct {
		name string
		b    Binding
	}{
		{"other server", Binding{"mail", "alice", "tools/call", bound.Digest}},
		{"other principal", Binding{"notes", "bob", "tools/call", bound.Digest}},
		{"shifted fields", Binding{"notesalice", "", "tools/call", bound.Digest}},
		{"other method", Binding{"notes", "alice", "prompts/get", bound.Digest}},
		{"other arguments", Binding{"notes", "alice", "tools/call", Digest(params(t, `{"name":"add","arguments":{"n":2}}`))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := s.Open(tc.b, sealed); !errors.Is(err, ErrState) {
				t.Errorf("err = %v, want ErrState", err)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		late := *s
		late.now = func() time.Time { return time.Now().Add(TTL + time.Second) }
		if _, err := late.Open(bound, sealed); !errors.Is(err, ErrState) {
			t.Errorf("err = %v, want ErrState", err)
		}
	})
	t.Run("every flipped byte", func(t *testing.T) {
		raw, _ := base64.RawURLEncoding.DecodeString(sealed)
		for i := range raw {
			raw[i] ^= 1
			if _, err := s.Open(bound, base64.RawURLEncoding.EncodeToString(raw)); err == nil {
				t.Errorf("byte %d flipped: opened", i)
			}
			raw[i] ^= 1
		}
	})
	t.Run("other key", func(t *testing.T) {
		other, _ := New(nil)
		if _, err := other.Open(bound, sealed); !errors.Is(err, ErrState) {
			t.Errorf("err = %v, want ErrState", err)
		}
	})
}

func TestDigest(t *testing.T) {
	base := Digest(params(t, `{"name":"add","arguments":{"a":1,"b":{"x":1,"y":2}}}`))
	for _, tc := range []struct {
		name, params string
		same         bool
	}{
		{"order of members", `{"arguments":{"b":{"y":2,"x":1},"a":1},"name":"add"}`, true},
		{"what differs between rounds", `{"name":"add","arguments":{"a":1,"b":{"x":1,"y":2}},"_meta":{"progressToken":2},"inputResponses":{},"requestState":"s"}`, true},
		{"another argument", `{"name":"add","arguments":{"a":2,"b":{"x":1,"y":2}}}`, false},
		{"another member", `{"name":"add","arguments":{"a":1,"b":{"x":1,"y":2}},"extra":1}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Digest(params(t, tc.params)) == base; got != tc.same {
				t.Errorf("same digest: %v, want %v", got, tc.same)
			}
		})
	}
	if Digest(params(t, `{"n":9007199254740993}`)) == Digest(params(t, `{"n":9007199254740992}`)) {
		t.Error("numbers beyond 2^53 that round to one double have one digest")
	}
}
