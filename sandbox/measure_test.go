package sandbox

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// The bars of every attack.
const (
	memoryLimit  = 64 << 10 // kB, of the attacker
	memoryMargin = 64 << 10 // kB, beyond it and what the host has idle
	deadline     = 500 * time.Millisecond
	lateness     = 100 * time.Millisecond
	neighbourBar = 2.0
	tries        = 2 // of the neighbour's time: what else the machine does is not ours
	// hang is how late an attack fails its test: the bars of time depend on what
	// else the machine does, and are only shown.
	hang = 5 * time.Second
)

// row is a line of the table.
type row struct {
	attack, outcome string
	took            time.Duration
	peak            int // kB over what the host had idle
	before, after   int // descriptors
	alone, beside   time.Duration
	missed          []string // bars
}

var table struct {
	sync.Mutex
	rows []row
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mcpwasm-sandbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cacheDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // it is in the folder for temporary files
	printTable()
	os.Exit(code)
}

func printTable() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "attack\tstopped by\ttime\tpeak MiB\tdescriptors\tneighbour p99 alone\tbeside\theld")
	for _, r := range table.rows {
		held := "yes"
		if len(r.missed) > 0 {
			held = "NO: " + strings.Join(r.missed, ", ")
		}
		neighbour := "-\t-"
		if r.alone > 0 {
			neighbour = fmt.Sprintf("%.1f ms\t%.1f ms", ms(r.alone), ms(r.beside))
		}
		fmt.Fprintf(w, "%s\t%s\t%d ms\t+%d\t%d, %d\t%s\t%s\n", r.attack, shorten(r.outcome), r.took.Milliseconds(), r.peak>>10, r.before, r.after, neighbour, held)
	}
	_ = w.Flush() // to standard output
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

var limitHit = regexp.MustCompile(`limit \w+=`)

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if i := limitHit.FindStringIndex(s); i != nil {
		s = s[i[0]:]
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:59]) + "…"
	}
	return s
}

// attack is one line of the table.
type attack struct {
	name            string
	tool, arguments string
	// want are parts of what the caller or, since the attack began, the operator
	// reads.
	want []string
	// never are parts that must not be in it.
	never []string
	// deadline is when it must have ended, by default that of the process.
	deadline time.Duration
	// fromStart attacks began with their process: bringing them up is the attack.
	fromStart bool
	// quick attacks are over too soon for a neighbour to notice.
	quick bool
	// extra memory that is accounted for elsewhere, in kB.
	extra int
	// kept is how many descriptors may stay open.
	kept int
}

// run attacks a process that has a neighbour, and checks every bar.
func (a attack) run(t *testing.T, p *process) {
	t.Helper()
	since := p.stderr.len()
	if a.fromStart {
		since = 0
	}
	if mustAnswer := p.call(t, "neighbour__greet", `{"name":"you"}`); mustAnswer.Error != nil {
		t.Fatalf("the neighbour: %s", mustAnswer.text())
	}
	r := row{attack: t.Name()[strings.Index(t.Name(), "/")+1:], before: p.descriptors()}
	idle := p.status("VmRSS")
	p.resetPeak()
	for try := range tries {
		if !a.quick {
			r.alone = neighbour(t, p, nil)
		}
		answer := a.once(t, p, &r)
		a.check(t, p, &r, answer, since)
		if a.quick || float64(r.beside) <= neighbourBar*float64(r.alone) || try == tries-1 {
			break
		}
	}
	r.peak = p.status("VmHWM") - idle
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if r.after = p.descriptors(); r.after <= r.before || time.Now().After(end) {
			break
		}
	}
	a.bars(t, &r)
	if alive := p.call(t, "neighbour__greet", `{"name":"you"}`); alive.Error != nil || !strings.Contains(alive.text(), "you") {
		t.Errorf("the host afterwards: %s", alive.text())
	}
	r.keep(t)
}

// keep puts the line into the table.
func (r row) keep(t *testing.T) {
	if t.Failed() && len(r.missed) == 0 {
		r.missed = append(r.missed, "outcome")
	}
	table.Lock()
	defer table.Unlock()
	table.rows = append(table.rows, r)
}

// once attacks, beside a neighbour unless that would not notice.
func (a attack) once(t *testing.T, p *process, r *row) response {
	var answer response
	attack := func() {
		start := time.Now()
		answer = p.call(t, a.tool, a.arguments)
		r.took = max(r.took, time.Since(start))
	}
	if a.quick {
		attack()
		return answer
	}
	r.beside = neighbour(t, p, attack)
	return answer
}

// check compares what the caller got, and what the host has logged since a place
// in its standard error, with what the attack is to come to. What the host logs may come
// after its answer.
func (a attack) check(t *testing.T, p *process, r *row, answer response, since int) {
	t.Helper()
	r.outcome = answer.text()
	for _, want := range a.want {
		if strings.Contains(answer.text(), want) {
			continue
		}
		line, ok := p.logged(want, since)
		if !ok {
			t.Errorf("%q lacks %q: %s", answer.text(), want, tail(p.stderr.since(since)))
			continue
		}
		r.outcome = line
	}
	all := answer.Line + answer.text() + p.stderr.String()
	for _, never := range a.never {
		if strings.Contains(all, never) {
			t.Errorf("%q has %q", all, never)
		}
	}
}

func (a attack) bars(t *testing.T, r *row) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	most := deadline
	if a.deadline > 0 {
		most = a.deadline
	}
	switch {
	case r.took > most+hang:
		t.Errorf("stopped after %v, want %v at the most", r.took, most+lateness)
		fallthrough
	case r.took > most+lateness:
		r.missed = append(r.missed, "time")
	}
	if r.peak > memoryLimit+memoryMargin+a.extra {
		r.missed = append(r.missed, "memory")
		t.Errorf("%d MiB more at the peak, want %d at the most", r.peak>>10, (memoryLimit+memoryMargin+a.extra)>>10)
	}
	if r.after > r.before+a.kept {
		r.missed = append(r.missed, "descriptors")
		t.Errorf("%d descriptors before, %d after", r.before, r.after)
	}
	if float64(r.beside) > neighbourBar*float64(r.alone) {
		r.missed = append(r.missed, "neighbour")
	}
}

const neighbourCalls = 60

// neighbour returns the 99th percentile of the neighbour's calls. With an attack
// they go on as long as that does, which is repeated until there were enough.
func neighbour(t *testing.T, p *process, attack func()) time.Duration {
	t.Helper()
	var took []time.Duration
	var over chan struct{}
	if attack != nil {
		over = make(chan struct{})
	}
	enough := make(chan struct{})
	if attack != nil {
		go func() {
			defer close(over)
			for {
				attack()
				select {
				case <-enough:
					return
				default:
				}
			}
		}()
	}
	for running := true; running; {
		start := time.Now()
		if a := p.call(t, "neighbour__greet", `{"name":"you"}`); a.Error != nil {
			t.Errorf("the neighbour: %s", a.text())
		}
		took = append(took, time.Since(start))
		if len(took) == neighbourCalls {
			close(enough)
		}
		if attack == nil {
			running = len(took) < neighbourCalls
			continue
		}
		select {
		case <-over:
			running = false
		default:
		}
	}
	slices.Sort(took)
	return took[max((len(took)*99+99)/100-1, 0)]
}
