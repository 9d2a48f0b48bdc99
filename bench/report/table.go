package main

import (
	"bytes"
	"fmt"
	"os/exec"
	goruntime "runtime"
	"strings"
	"time"
)

// machine says where and when the figures were taken.
type machine struct {
	command, cpu, system, commit, date string
	cores                              int
}

func thisMachine(command, cpu string) machine {
	m := machine{command: command, cpu: cpu, cores: goruntime.NumCPU(), date: time.Now().UTC().Format(time.DateOnly),
		system: fmt.Sprintf("%s/%s, %s", goruntime.GOOS, goruntime.GOARCH, goruntime.Version())}
	// Outside of a checkout the figures are of no particular commit.
	if out, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output(); err == nil {
		m.commit = strings.TrimSpace(string(out))
	}
	return m
}

var transportNames = []struct{ key, title string }{
	{"go", "In process: `Host.Call`, against mcp-go's `HandleMessage`"},
	{"stdio", "stdio: `Host.ServeStdio` on pipes, against mcp-go's stdio server"},
	{"http", "Streamable HTTP on loopback: `Host.Handler`, against mcp-go's server"},
}

// render writes the tables of all rounds.
func render(all []round, m machine) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Taken on %s with `%s`", m.date, m.command)
	if m.commit != "" {
		fmt.Fprintf(&b, " at commit %s", m.commit)
	}
	fmt.Fprintf(&b, ": %s, %d cores, %s; %d rounds.\n", m.cpu, m.cores, m.system, len(all))
	b.WriteString("\n### Calls, as multiples of the native call\n")
	for _, via := range transportNames {
		fmt.Fprintf(&b, "\n%s:\n\n", via.title)
		ratioTable(&b, all, via.key)
	}
	b.WriteString("\n### Cold start, as multiples of the native process\n\n")
	if err := coldRatios(&b, all); err != nil {
		return nil, err
	}
	b.WriteString("\n### The same in absolute figures, each from its quietest round\n")
	for _, via := range transportNames {
		fmt.Fprintf(&b, "\n%s:\n\n", via.title)
		absoluteTable(&b, all, via.key)
	}
	b.WriteString("\nCold start, in milliseconds:\n\n")
	coldAbsolute(&b, all)
	return b.Bytes(), nil
}

// calls returns the benchmarks of a transport for one tool, native first.
func calls(all []round, via, tool string) []string {
	var names []string
	for _, n := range all[0].order {
		if strings.HasPrefix(n, "Call/") && parameter(n, "via") == via && parameter(n, "tool") == tool {
			names = append(names, n)
		}
	}
	return names
}

// subject is a server and its lifetime, as the first two cells of a row.
func subject(name string) string {
	life := parameter(name, "lifetime")
	if life == "" {
		life = "–"
	}
	return parameter(name, "server") + " | " + life
}

func ratioTable(b *bytes.Buffer, all []round, via string) {
	b.WriteString("| server | lifetime | echo p50 (range) | echo p99 | digest p50 (range) | digest p99 | allocations, echo |\n")
	b.WriteString("|---|---|---:|---:|---:|---:|---:|\n")
	names := calls(all, via, "echo")
	for _, echo := range names {
		if parameter(echo, "server") == "native" {
			continue
		}
		fmt.Fprintf(b, "| %s |", subject(echo))
		for _, tool := range []string{"echo", "digest"} {
			name := with(echo, "tool", tool)
			base := "Call/via=" + via + "/tool=" + tool + "/server=native"
			p50, ok := ratios(all, name, base, "p50-µs")
			p99, ok2 := ratios(all, name, base, "p99-µs")
			if !ok || !ok2 {
				b.WriteString(" not measured | not measured |")
				continue
			}
			fmt.Fprintf(b, " **%s** (%s–%s) | %s%s |", short(p50.median), short(p50.least), short(p50.most), short(p99.median), fewMark(all, name))
		}
		allocs, _ := ratios(all, echo, "Call/via="+via+"/tool=echo/server=native", "allocs/op")
		fmt.Fprintf(b, " %s |\n", short(allocs.median))
	}
}

// fewMark marks a 99th percentile that is no more than the slowest call.
func fewMark(all []round, name string) string {
	if fewest(all, name) < 100 {
		return "\\*"
	}
	return ""
}

func absoluteTable(b *bytes.Buffer, all []round, via string) {
	b.WriteString("| server | lifetime | tool | p50 µs | p99 µs | allocations | KB allocated | calls measured |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|\n")
	for _, tool := range []string{"echo", "digest"} {
		for _, name := range calls(all, via, tool) {
			f, ok := quietest(all, name, "p50-µs")
			if !ok {
				continue
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %.0f | %s | %d |\n", subject(name), tool, short(f.values["p50-µs"]), short(f.values["p99-µs"]),
				f.values["allocs/op"], short(f.values["B/op"]/1000), f.iterations)
		}
	}
}

const nativeStart = "ColdStart/server=native"

func starts(all []round) []string {
	var names []string
	for _, n := range all[0].order {
		if strings.HasPrefix(n, "ColdStart/") {
			names = append(names, n)
		}
	}
	return names
}

func coldRatios(b *bytes.Buffer, all []round) error {
	b.WriteString("| server | cache | first `tools/list` (range) | first `tools/call` after it (range) |\n|---|---|---:|---:|\n")
	for _, name := range starts(all) {
		if name == nativeStart {
			continue
		}
		list, ok := ratios(all, name, nativeStart, "list-p50-ms")
		call, ok2 := ratios(all, name, nativeStart, "call-p50-ms")
		if !ok || !ok2 {
			return fmt.Errorf("%s was not measured in every round", name)
		}
		fmt.Fprintf(b, "| %s | %s | **%s** (%s–%s) | **%s** (%s–%s) |\n", parameter(name, "server"), parameter(name, "cache"),
			short(list.median), short(list.least), short(list.most), short(call.median), short(call.least), short(call.most))
	}
	return nil
}

func coldAbsolute(b *bytes.Buffer, all []round) {
	b.WriteString("| server | cache | `tools/list` p50 | slowest | `tools/call` p50 | slowest | starts in a round |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, name := range starts(all) {
		f, ok := quietest(all, name, "call-p50-ms")
		if !ok {
			continue
		}
		cache := parameter(name, "cache")
		if cache == "" {
			cache = "–"
		}
		fmt.Fprintf(b, "| %s | %s |", parameter(name, "server"), cache)
		for _, unit := range []string{"list-p50-ms", "list-max-ms", "call-p50-ms", "call-max-ms"} {
			fmt.Fprintf(b, " %s |", short(f.values[unit]))
		}
		fmt.Fprintf(b, " %d |\n", f.iterations)
	}
}

// short writes a figure with two significant digits, or as an integer.
func short(v float64) string {
	switch {
	case v < 1:
		return fmt.Sprintf("%.2f", v)
	case v < 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
