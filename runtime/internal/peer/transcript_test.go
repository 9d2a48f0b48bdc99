package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// TestTranscripts plays testdata/*.txt: each is a conversation with a scripted
// server, in the order in which it happens. Time is synthetic. The words:
//
//	shared | legacy                how to connect
//	first CAPS                     client capabilities of the first call
//	limit NAME VALUE               a limit
//	> JSON                         the server reads this line
//	>nothing                       the server has nothing to read
//	< TEXT                         the server writes this line
//	<close                         the server closes its output
//	connected VERSION              Connect returned
//	refused TEXT                   Connect failed; the error has this text
//	call NAME METHOD PARAMS        a Handle begins
//	deadline NAME DURATION METHOD PARAMS    the same with a deadline
//	cancel NAME                    its context is cancelled
//	notified NAME JSON             its next notification
//	answer NAME JSON               its answer
//	error NAME TEXT                its error has this text
//	waiting NAME                   it has not returned
//	subscribe NAME URI, unsubscribe NAME URI; ok NAME
//	signal JSON, noise TEXT, fault TEXT
//	wait DURATION                  time passes
//	ended TEXT                     the peer's end
//
// STATE1, STATE2, … stand for the requestStates in the order in which they were
// seen.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t)
				defer s.stop()
				for i, line := range strings.Split(string(b), "\n") {
					if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
						continue
					}
					s.where = fmt.Sprintf("%s:%d: %s", file, i+1, line)
					s.step(line)
				}
				s.where = file + ": at the end"
				s.step(">nothing")
			})
		})
	}
}

type outcome struct {
	answer plugins.Answer
	err    error
}

type running struct {
	cancel  context.CancelFunc
	notes   chan plugins.Notification
	outcome chan outcome
}

type script struct {
	t     *testing.T
	where string
	cfg   Config
	peer  *Peer

	connected chan error
	toHost    *io.PipeWriter
	fromHost  *bufio.Reader
	hostEnd   *io.PipeReader
	calls     map[string]*running
	signals   chan plugins.Notification

	mu     sync.Mutex
	noise  []string
	faults []string
	states []string
}

func newScript(t *testing.T) *script {
	s := &script{t: t, calls: map[string]*running{}, signals: make(chan plugins.Notification, 100)}
	s.cfg = Config{
		Server: "test",
		Signal: func(n plugins.Notification) { s.signals <- n },
		Noise:  func(l string) { s.mu.Lock(); s.noise = append(s.noise, l); s.mu.Unlock() },
		Fault:  func(e *runtime.GuestError) { s.mu.Lock(); s.faults = append(s.faults, e.Error()); s.mu.Unlock() },
	}
	return s
}

func (s *script) start() {
	if s.connected != nil {
		return
	}
	r, toHost := io.Pipe()
	fromHost, w := io.Pipe()
	s.toHost, s.fromHost, s.hostEnd = toHost, bufio.NewReader(fromHost), fromHost
	s.connected = make(chan error, 1)
	go func() {
		p, err := Connect(context.Background(), s.cfg, r, w)
		s.peer = p
		s.connected <- err
	}()
}

func (s *script) stop() {
	for _, c := range s.calls {
		c.cancel()
	}
	if s.toHost != nil {
		s.toHost.Close()
		s.hostEnd.Close()
	}
	if s.peer != nil {
		s.peer.Close()
	}
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\n\t%s", s.where, fmt.Sprintf(format, args...))
}

func (s *script) step(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "shared":
		s.cfg.Shared = true
		return
	case "legacy":
		s.cfg.Legacy = true
		return
	case "nosignal":
		s.cfg.Signal = nil
		return
	case "first":
		s.cfg.First.Message = plugins.Message{Method: "tools/list", Params: json.RawMessage(`{"_meta":{"io.modelcontextprotocol/clientCapabilities":` + rest + `}}`)}
		return
	case "limit":
		s.limit(rest)
		return
	}
	s.start()
	switch word {
	case ">":
		s.wantLine(rest)
	case ">nothing":
		s.wantNoLine()
	case "<":
		synctest.Wait()
		fmt.Fprintf(s.toHost, "%s\n", expand(rest))
		synctest.Wait()
	case "<close":
		s.toHost.Close()
	case "wait":
		time.Sleep(s.duration(rest))
		synctest.Wait()
	case "connected", "refused":
		s.wantConnected(word == "connected", rest)
	case "signal":
		synctest.Wait()
		select {
		case n := <-s.signals:
			s.wantJSON(n, rest)
		default:
			s.fatalf("no signal")
		}
	case "noise":
		s.wantText(&s.noise, rest)
	case "fault":
		s.wantText(&s.faults, rest)
	case "ended":
		<-s.peer.Done()
		if err := s.peer.Err(); !strings.Contains(err.Error(), rest) {
			s.fatalf("ended by %v", err)
		}
	default:
		s.callStep(word, rest)
	}
}

// expand lets transcripts write long lines: REPEAT(n) is n times "x".
func expand(s string) string {
	before, rest, ok := strings.Cut(s, "REPEAT(")
	if !ok {
		return s
	}
	n, after, _ := strings.Cut(rest, ")")
	times, _ := strconv.Atoi(n)
	return before + strings.Repeat("x", times) + after
}

func (s *script) callStep(word, rest string) {
	name, rest, _ := strings.Cut(rest, " ")
	switch word {
	case "call":
		s.call(name, 0, rest)
		return
	case "deadline":
		d, rest, _ := strings.Cut(rest, " ")
		s.call(name, s.duration(d), rest)
		return
	case "subscribe", "unsubscribe":
		s.subscribe(name, rest, word == "subscribe")
		return
	}
	c := s.calls[name]
	if c == nil {
		s.fatalf("no call %q", name)
	}
	switch word {
	case "cancel":
		c.cancel()
	case "notified":
		synctest.Wait()
		select {
		case n := <-c.notes:
			s.wantJSON(n, rest)
		default:
			s.fatalf("not notified")
		}
	case "waiting":
		synctest.Wait()
		select {
		case o := <-c.outcome:
			s.fatalf("it returned %s", show(o))
		default:
		}
	case "answer":
		o := s.outcome(c)
		if o.err != nil {
			s.fatalf("error %v", o.err)
		}
		s.wantJSON(o.answer, rest)
	case "error":
		if o := s.outcome(c); o.err == nil || !strings.Contains(o.err.Error(), rest) {
			s.fatalf("it returned %s", show(o))
		}
	case "ok":
		if o := s.outcome(c); o.err != nil {
			s.fatalf("error %v", o.err)
		}
	default:
		s.fatalf("unknown word %q", word)
	}
}

func show(o outcome) string {
	b, _ := json.Marshal(o.answer)
	return fmt.Sprintf("%s, %v", b, o.err)
}

func (s *script) outcome(c *running) outcome {
	o := <-c.outcome
	if len(c.notes) > 0 {
		s.fatalf("notifications that the transcript does not have: %d", len(c.notes))
	}
	return o
}

func (s *script) call(name string, d time.Duration, rest string) {
	method, params, _ := strings.Cut(rest, " ")
	for i, st := range s.states {
		params = strings.ReplaceAll(params, fmt.Sprintf("STATE%d", i+1), st)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if d > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), d)
	}
	c := &running{cancel, make(chan plugins.Notification, 100), make(chan outcome, 1)}
	s.calls[name] = c
	m := plugins.Message{Method: method, Params: json.RawMessage(params)}
	go func() {
		returned := false
		a, err := s.peer.Handle(ctx, runtime.Call{Message: m, Notify: func(n plugins.Notification) {
			if returned {
				s.t.Errorf("notified after Handle has returned: %s", n.Params)
			}
			c.notes <- n
		}})
		returned = true
		c.outcome <- outcome{a, err}
	}()
	synctest.Wait()
}

func (s *script) subscribe(name, uri string, add bool) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &running{cancel, nil, make(chan outcome, 1)}
	s.calls[name] = c
	go func() {
		f := s.peer.Unsubscribe
		if add {
			f = s.peer.Subscribe
		}
		c.outcome <- outcome{err: f(ctx, uri)}
	}()
	synctest.Wait()
}

func (s *script) limit(rest string) {
	name, value, _ := strings.Cut(rest, " ")
	f := reflect.ValueOf(&s.cfg.Limits).Elem().FieldByName(name)
	if f.Type() == reflect.TypeFor[time.Duration]() {
		f.SetInt(int64(s.duration(value)))
		return
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		s.fatalf("%v", err)
	}
	f.SetInt(n)
}

func (s *script) duration(v string) time.Duration {
	d, err := time.ParseDuration(v)
	if err != nil {
		s.fatalf("%v", err)
	}
	return d
}

func (s *script) wantConnected(ok bool, text string) {
	err := <-s.connected
	switch {
	case !ok && (err == nil || !strings.Contains(err.Error(), text)):
		s.fatalf("Connect: %v", err)
	case ok && err != nil:
		s.fatalf("Connect: %v", err)
	case ok && s.peer.Version() != text:
		s.fatalf("revision %s", s.peer.Version())
	}
}

func (s *script) wantLine(want string) {
	line, err := s.fromHost.ReadString('\n')
	if err != nil {
		s.fatalf("read: %v", err)
	}
	s.wantJSON(json.RawMessage(line), want)
}

func (s *script) wantNoLine() {
	if s.hostEnd == nil {
		return
	}
	got := make(chan string, 1)
	go func() {
		line, err := s.fromHost.ReadString('\n')
		if err == nil {
			got <- line
		}
	}()
	synctest.Wait()
	select {
	case line := <-got:
		s.fatalf("it reads %s", line)
	default:
		s.hostEnd.Close()
	}
}

func (s *script) wantText(list *[]string, want string) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(*list) == 0 || !strings.Contains((*list)[0], want) {
		s.fatalf("have %q", *list)
	}
	*list = (*list)[1:]
}

// wantJSON compares JSON; "ANY" in the expectation matches everything, and
// STATEn takes in the nth requestState.
func (s *script) wantJSON(got any, want string) {
	s.t.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		s.fatalf("%v", err)
	}
	var g, w any
	if err := json.Unmarshal(b, &g); err != nil {
		s.fatalf("%v in %s", err, b)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		s.fatalf("transcript: %v", err)
	}
	if !s.match(g, w) {
		s.fatalf("have %s", b)
	}
}

func (s *script) match(got, want any) bool {
	switch w := want.(type) {
	case string:
		if w == "ANY" {
			return true
		}
		if n, ok := strings.CutPrefix(w, "STATE"); ok {
			state, isString := got.(string)
			if n == strconv.Itoa(len(s.states)+1) && isString && len(state) >= 20 {
				s.states = append(s.states, state)
				return true
			}
			return false
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, v := range w {
			if gv, ok := g[k]; !ok || !s.match(gv, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !s.match(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}
