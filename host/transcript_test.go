package host_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
)

var update = flag.Bool("update", false, "write what the host says into testdata/transcripts")

// TestTranscripts plays what clients of every revision say to a host, and
// compares what they hear. testdata/transcripts/README.md describes the files.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, file: file, vars: map[string]string{}, counts: map[string]int{}}
			p.play(string(data))
			if *update && !t.Failed() {
				if err := os.WriteFile(file, []byte(strings.Join(p.out, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// player plays one transcript.
type player struct {
	t       *testing.T
	file    string
	line    int
	out     []string // the transcript as it went, for -update
	config  host.Config
	http    bool
	wire    transport         // nil until the first message
	vars    map[string]string // what was set or captured, as it stands inside a JSON string
	own     []string          // the names of what was captured, in order
	counts  map[string]int    // captured variables by their kind
	request json.RawMessage   // the id of the last request
}

// transport carries messages between a player and a host.
type transport interface {
	// send does what stands behind ">".
	send(channel, text string) error
	// receive returns the next line for "<".
	receive(channel string) (string, error)
	// leave does what stands behind "x".
	leave(channel string) error
	// close ends the conversation and returns what nobody has waited for.
	close() ([]string, error)
}

// step is a line about a message: its channel (empty on stdio), its kind
// (">" sent, "<" received next, "?" received in any order within its block, "x"
// hung up) and its text.
var step = regexp.MustCompile(`^([A-Z]?)([><?x])(?: (.*))?$`)

func (p *player) play(text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for p.line = 0; p.line < len(lines); p.line++ {
		line := lines[p.line]
		m := step.FindStringSubmatch(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			p.out = append(p.out, line)
		case m == nil:
			p.out = append(p.out, line)
			p.configure(line)
		case m[2] == "?":
			n := 1
			for p.line+n < len(lines) && strings.HasPrefix(lines[p.line+n], m[1]+"?") {
				n++
			}
			p.anyOrder(m[1], lines[p.line:p.line+n])
			p.line += n - 1
		default:
			p.step(line, m[1], m[2], m[3])
		}
	}
	p.finish()
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", p.file, p.line+1, fmt.Sprintf(format, args...))
}

// configure takes a line before the first message.
func (p *player) configure(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "guest":
		words := strings.Fields(rest)
		p.config.Servers = append(p.config.Servers, host.Server{Name: words[0], Source: guest(p.t, words[0]), Args: words[1:]})
	case "prefix":
		p.config.Prefix = true
	case "policy":
		p.config.Policy = policyFile(p.t, rest)
	case "store":
		p.config.Store = newStore(p.t)
	case "mount":
		s := &p.config.Servers[len(p.config.Servers)-1]
		s.Grants.Mounts = []plugins.MountGrant{{Source: p.t.TempDir(), Path: rest, Access: plugins.ReadWrite}}
	case "pages":
		n, err := strconv.Atoi(rest)
		if err != nil {
			p.fail("%v", err)
		}
		p.config.PageSize = n
	case "http":
		p.http = true
	case "set":
		name, value, _ := strings.Cut(rest, "=")
		p.vars[name] = value
	default:
		p.fail("unknown line %q", line)
	}
	if p.wire != nil {
		p.fail("%q must stand before the first message", line)
	}
}

// start opens the host when the first message is due. Servers with a whole SDK
// inside are run by the ordinary build of mcpwasm: with the race detector every
// host would take half a minute to read them.
func (p *player) start() {
	if p.wire != nil {
		return
	}
	if s := p.config.Servers[0]; guestSources[s.Name].binary {
		p.wire = newCommandClient(p.t, s)
		return
	}
	h := open(p.t, p.config)
	if p.http {
		p.wire = newHTTPClient(p.t, h)
	} else {
		p.wire = newStdioClient(p.t, h)
	}
}

func (p *player) step(line, channel, kind, text string) {
	p.start()
	switch kind {
	case ">":
		p.out = append(p.out, line)
		p.send(channel, text)
	case "x":
		p.out = append(p.out, line)
		if err := p.wire.leave(channel); err != nil {
			p.fail("%v", err)
		}
	case "<":
		if text == "*" {
			p.receiveAll(channel)
			return
		}
		got := p.receive(channel)
		if *update {
			p.record(channel+"<", got)
			return
		}
		if err := p.match(text, got); err != nil {
			p.fail("%v\ngot  %s\nwant %s", err, got, text)
		}
	}
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// expand puts in the variables of what the client sends.
func (p *player) expand(text string) string {
	for range 2 { // a variable may name others
		text = variable.ReplaceAllStringFunc(text, func(s string) string {
			v, ok := p.vars[variable.FindStringSubmatch(s)[1]]
			if !ok {
				p.fail("%s has no value yet", s)
			}
			return v
		})
	}
	return text
}

func (p *player) send(channel, text string) {
	text = p.expand(text)
	if i := strings.IndexByte(text, '{'); i >= 0 {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal([]byte(text[i:]), &m) == nil && m.Method != "" {
			p.request = m.ID
		}
	}
	if err := p.wire.send(channel, text); err != nil {
		p.fail("%v", err)
	}
}

func (p *player) receive(channel string) string {
	got, err := p.wire.receive(channel)
	if err != nil {
		p.fail("%v", err)
	}
	return got
}

// receiveAll records everything up to the answer to the last request, or to the
// end of an HTTP response.
func (p *player) receiveAll(channel string) {
	if !*update {
		p.fail("run with -update to fill in what comes here")
	}
	for i := 0; ; i++ {
		got := p.receive(channel)
		p.record(channel+"<", got)
		var m struct {
			ID     json.RawMessage
			Method string
		}
		switch {
		case got == "end":
			return
		case p.http && i == 0 && !strings.Contains(got, " text/event-stream"):
			if strings.Contains(got, " ") { // a body follows
				p.record(channel+"<", p.receive(channel))
			}
			return
		case !p.http && json.Unmarshal([]byte(got), &m) == nil && m.Method == "" && bytes.Equal(m.ID, p.request):
			return
		}
	}
}

// anyOrder receives as many messages as there are lines, in any order.
func (p *player) anyOrder(channel string, lines []string) {
	p.start()
	got := make([]string, len(lines))
	for i := range lines {
		got[i] = p.receive(channel)
	}
	if *update {
		slices.Sort(got)
		for _, g := range got {
			p.record(channel+"?", g)
		}
		return
	}
	for _, line := range lines {
		_, want, _ := strings.Cut(line, " ")
		i := slices.IndexFunc(got, func(g string) bool { return p.match(want, g) == nil })
		if i < 0 {
			p.fail("none of these is %s:\n%s", want, strings.Join(got, "\n"))
		}
		got = slices.Delete(got, i, i+1)
	}
}

// finish ends the conversation: whatever comes beyond the transcript is wrong.
func (p *player) finish() {
	rest, err := p.wire.close()
	if err != nil {
		p.fail("%v", err)
	}
	if len(rest) > 0 {
		p.fail("more came:\n%s", strings.Join(rest, "\n"))
	}
}

// varying finds what differs from run to run, with the kind of variable that it
// is captured in.
var varying = []struct {
	kind string
	at   *regexp.Regexp
}{
	{"state", regexp.MustCompile(`"requestState":"([^"$]+)"`)},
	{"ask", regexp.MustCompile(`"(mcpwasm-[A-Z0-9]+)"`)},
	{"session", regexp.MustCompile(` Mcp-Session-Id=([^$ ]\S+)`)},
	{"event", regexp.MustCompile(`^(?:retry=\d+ )?id=([A-Z0-9]{2,}\.\d+)`)},
}

// record adds a received line to the transcript, with variables for what was
// captured before and what varies.
func (p *player) record(mark, got string) {
	for _, name := range p.own {
		got = strings.ReplaceAll(got, p.vars[name], "${"+name+"}")
	}
	for _, v := range varying {
		for _, m := range v.at.FindAllStringSubmatch(got, -1) {
			if strings.Contains(m[1], "${") {
				continue
			}
			p.counts[v.kind]++
			name := v.kind + strconv.Itoa(p.counts[v.kind])
			p.vars[name] = m[1]
			p.own = append(p.own, name)
			got = strings.ReplaceAll(got, m[1], "${"+name+"}")
		}
	}
	p.out = append(p.out, mark+" "+got)
}

// match compares a received line with the one that is wanted and captures
// variables. Words stand before a message: HTTP's status and headers, or an
// event's id.
func (p *player) match(want, got string) error {
	wantWords, wantJSON := splitJSON(want)
	gotWords, gotJSON := splitJSON(got)
	if len(wantWords) != len(gotWords) {
		return fmt.Errorf("%d words instead of %d", len(gotWords), len(wantWords))
	}
	caught := map[string]string{}
	for i, w := range wantWords {
		if err := p.matchString(w, gotWords[i], caught); err != nil {
			return err
		}
	}
	if (wantJSON == "") != (gotJSON == "") {
		return errors.New("one has a message and the other has none")
	}
	if wantJSON != "" {
		if err := p.matchJSON("", decode(wantJSON), decode(gotJSON), caught); err != nil {
			return err
		}
	}
	maps.Copy(p.vars, caught)
	return nil
}

func splitJSON(line string) ([]string, string) {
	i := strings.IndexAny(strings.ReplaceAll(line, "${", "$$"), "{[")
	if i < 0 {
		return strings.Fields(line), ""
	}
	return strings.Fields(line[:i]), line[i:]
}

// decode keeps numbers as they are written.
func decode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Sprintf("%q: %v", text, err)
	}
	return v
}

func (p *player) matchJSON(at string, want, got any, caught map[string]string) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: not an object", at)
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if _, ok := g[k]; !ok {
				return fmt.Errorf("%s.%s: missing", at, k)
			}
			if err := p.matchJSON(at+"."+k, w[k], g[k], caught); err != nil {
				return err
			}
		}
		for _, k := range slices.Sorted(maps.Keys(g)) {
			if _, ok := w[k]; !ok {
				return fmt.Errorf("%s.%s: not wanted", at, k)
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: not an array of %d", at, len(w))
		}
		for i := range w {
			if err := p.matchJSON(fmt.Sprintf("%s[%d]", at, i), w[i], g[i], caught); err != nil {
				return err
			}
		}
		return nil
	case string:
		g, ok := got.(string)
		if !ok {
			return fmt.Errorf("%s: not a string", at)
		}
		if err := p.matchString(w, g, caught); err != nil {
			return fmt.Errorf("%s: %w", cmp.Or(at, "the message"), err)
		}
		return nil
	}
	if want != got {
		return fmt.Errorf("%s: %v instead of %v", at, got, want)
	}
	return nil
}

// matchString compares a string that may end with one variable.
func (p *player) matchString(want, got string, caught map[string]string) error {
	m := variable.FindStringSubmatchIndex(want)
	if m == nil {
		if want != got {
			return fmt.Errorf("%q instead of %q", got, want)
		}
		return nil
	}
	name, before := want[m[2]:m[3]], want[:m[0]]
	value, ok := strings.CutPrefix(got, before)
	if !ok || value == "" {
		return fmt.Errorf("%q instead of %q", got, want)
	}
	known, ok := p.vars[name]
	if !ok {
		known, ok = caught[name]
	}
	if ok && known != value {
		return fmt.Errorf("%q instead of %q, the value of %s", value, known, name)
	}
	caught[name] = value
	return nil
}
