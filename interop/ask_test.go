package interop

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What people answer.
var (
	once      = person{`{"action":"accept","content":{"remember":"once"}}`}
	session   = person{`{"action":"accept","content":{"remember":"session"}}`}
	always    = person{`{"action":"accept","content":{"remember":"always"}}`}
	declining = person{`{"action":"decline"}`}
	nobody    = person{}
)

// notesArgs run the sample notes by the shipped policy, which asks before a tool that
// calls itself destructive.
func notesArgs(state string) []string {
	return []string{"run", "--kv", "--state-dir", state, sample("notes")}
}

// removeNote calls a destructive tool for a note that does not exist.
func removeNote(t *testing.T, c client) json.RawMessage {
	t.Helper()
	return call(t, c, "remove_note", map[string]any{"id": "none-such"})
}

const removed = `{"structuredContent":{"removed":false}}`

// asked checks how often the person was asked, and that the question says what for.
func asked(t *testing.T, c client, times int) {
	t.Helper()
	forms, _ := c.events().named("elicitation/create")
	if len(forms) != times {
		t.Errorf("asked %d times, want %d: %s", len(forms), times, forms)
	}
	for _, f := range forms {
		for _, part := range []string{"notes", "remove_note", "none-such"} {
			if !strings.Contains(string(f), part) {
				t.Errorf("the question %s does not name %q", f, part)
			}
		}
	}
}

// everyPerson runs a test with somebody at a client of each era.
func everyPerson(t *testing.T, p person, test func(t *testing.T, stateless bool, c client)) {
	t.Helper()
	everyEra(t, eras, func(t *testing.T, e era, start func(*testing.T, ...string) target) {
		g := start(t, notesArgs(t.TempDir())...)
		c := e.connect(t, g, p)
		test(t, g.url != "" && c.hello().Revision >= modern, c)
		leave(t, c)
	})
}

func TestAskOnce(t *testing.T) {
	everyPerson(t, once, func(t *testing.T, _ bool, c client) {
		for range 2 {
			check(t, "accepted", removeNote(t, c), removed)
		}
		asked(t, c, 2)
	})
}

func TestAskDeclined(t *testing.T) {
	everyPerson(t, declining, func(t *testing.T, _ bool, c client) {
		checkDenied(t, "declined", removeNote(t, c), "call", "", "declined")
		asked(t, c, 1)
	})
}

// A stateless client of HTTP has no session that could remember anything, so that it is
// not offered.
func TestAskForSession(t *testing.T) {
	everyPerson(t, session, func(t *testing.T, stateless bool, c client) {
		if stateless {
			checkNotOffered(t, c)
			return
		}
		for range 2 {
			check(t, "accepted", removeNote(t, c), removed)
		}
		asked(t, c, 1)
	})
}

// checkNotOffered answers a form with a choice that it does not have: the client itself
// refuses, or it holds for this once.
func checkNotOffered(t *testing.T, c client) {
	t.Helper()
	params := mustJSON(t, callParams("remove_note", map[string]any{"id": "none-such"}))
	if result, err := c.do(deadline(t), "tools/call", params); err == nil {
		check(t, "accepted", result, removed)
	}
	forms, _ := c.events().named("elicitation/create")
	if len(forms) == 0 || strings.Contains(string(forms[0]), `"session"`) {
		t.Errorf("forms %s, want one that does not offer a session", forms)
	}
}

// What is allowed for good holds in another process.
func TestAskForGood(t *testing.T) {
	for _, e := range eras {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			for _, times := range []int{1, 0} {
				c := e.connect(t, stdioTarget(t, notesArgs(state)...), always)
				for range 2 {
					check(t, "accepted", removeNote(t, c), removed)
				}
				asked(t, c, times)
				leave(t, c)
			}
		})
	}
}

func TestAskNobody(t *testing.T) {
	everyPerson(t, nobody, func(t *testing.T, _ bool, c client) {
		checkDenied(t, "a client that cannot ask", removeNote(t, c), "call", "", "this client cannot ask")
	})
}

// What a guest wants to do while it works is asked for as well; the call is then made
// again, and the effect happens once.
func TestAskForEffect(t *testing.T) {
	for _, tc := range []struct {
		name   string
		person person
		sent   []string
	}{
		{"accepted", once, []string{"POST /in hello"}},
		{"declined", declining, nil},
		{"nobody", nobody, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, e := range eras {
				t.Run(e.name, func(t *testing.T) {
					t.Parallel()
					s := newSite(t, map[string]http.HandlerFunc{})
					g := stdioTarget(t, "run", "--policy", policyFile(t, "ask-post", nil), "--allow-http", s.url, sample("fetch"))
					c := e.connect(t, g, tc.person)
					result := call(t, c, "post", map[string]any{"url": s.url + "/in", "text": "hello"})
					switch tc.person {
					case once:
						check(t, tc.name, result, `{"content":[{"type":"text"}]}`)
					case declining:
						checkDenied(t, tc.name, result, "effect", "ask-post", "declined")
					case nobody: // the guest hears it, and says so
						checkFailed(t, tc.name, result, "Denied by the policy (rule ask-post)", "this client cannot ask")
					}
					s.saw(t, tc.sent...)
					leave(t, c)
				})
			}
		})
	}
}
