package gate

import (
	"slices"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/cel"
)

// How long a session is remembered that nobody ends: one that knows nothing but how
// many calls there were, and one with labels or answers. The second is long, because
// forgetting labels allows what they forbade.
const (
	IdleEmpty = 30 * time.Minute
	IdleFull  = 24 * time.Hour
)

// maxSessions bounds what is remembered. One more session cannot begin: making
// room for it would be forgetting labels.
const maxSessions = 100_000

// sweepEvery is how often sessions that are idle are looked for.
const sweepEvery = time.Minute

// sessions are those that are remembered, by the key that the front gives.
type sessions struct {
	mu    sync.Mutex
	byKey map[string]*session
	swept time.Time
}

// session is what is remembered of one.
type session struct {
	// Guarded by the table's mutex.
	busy int
	used time.Time

	mu      sync.Mutex
	calls   int64
	labels  []string        // ascending; replaced, never changed
	answers map[string]bool // keys of what is allowed until the session ends
}

// acquire returns a session, which is not forgotten until release.
func (t *sessions) acquire(key string) (s *session, release func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.swept) > sweepEvery {
		t.sweepLocked(now)
	}
	s, ok := t.byKey[key]
	if !ok {
		if len(t.byKey) >= maxSessions {
			return nil, nil, errNoSession
		}
		if t.byKey == nil {
			t.byKey = map[string]*session{}
		}
		s = &session{}
		t.byKey[key] = s
	}
	s.busy++
	return s, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		s.busy--
		s.used = time.Now()
	}, nil
}

func (t *sessions) sweepLocked(now time.Time) {
	t.swept = now
	for key, s := range t.byKey {
		idle := now.Sub(s.used)
		if s.busy == 0 && (idle > IdleFull || idle > IdleEmpty && s.empty()) {
			delete(t.byKey, key)
		}
	}
}

// Sessions returns how many sessions are remembered.
func (g *Gate) Sessions() int {
	g.sessions.mu.Lock()
	defer g.sessions.mu.Unlock()
	return len(g.sessions.byKey)
}

// CloseSession forgets a session. Calls that are running in it go on with what it
// knew.
func (g *Gate) CloseSession(key string) {
	g.sessions.mu.Lock()
	defer g.sessions.mu.Unlock()
	delete(g.sessions.byKey, key)
}

func (s *session) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.labels) == 0 && len(s.answers) == 0
}

// enter counts a request and returns what came before it. One that does not reach
// a guest must leave.
func (s *session) enter() cel.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return cel.Session{Calls: s.calls - 1, Labels: s.labels}
}

func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
}

func (s *session) currentLabels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.labels
}

// add adds labels.
func (s *session) add(labels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labels = union(s.labels, labels)
}

// addIf adds labels if the session's are still those that a decision has seen.
func (s *session) addIf(seen, labels []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.labels, seen) {
		return false
	}
	s.labels = union(s.labels, labels)
	return true
}

func (s *session) allowed(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers[key]
}

// maxAnswers bounds the answers of one session; more hold only once.
const maxAnswers = 10_000

func (s *session) allow(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) >= maxAnswers {
		return
	}
	if s.answers == nil {
		s.answers = map[string]bool{}
	}
	s.answers[key] = true
}
