package main

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// round is one run of all benchmarks.
type round struct {
	cpu     string
	order   []string // the benchmarks' names as they came
	results map[string]figures
}

// figures are what one benchmark reports, by unit.
type figures struct {
	iterations int
	values     map[string]float64
}

// procs is what the testing package adds to names for GOMAXPROCS.
var procs = regexp.MustCompile(`-\d+$`)

// parse reads the output of go test.
func parse(r io.Reader) (round, error) {
	out := round{results: map[string]figures{}}
	reader := benchfmt.NewReader(r, "go test")
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return out, rec
		case *benchfmt.Result:
			name := procs.ReplaceAllString(string(rec.Name.Full()), "")
			f := figures{rec.Iters, map[string]float64{}}
			for _, v := range rec.Values {
				f.values[v.Unit] = v.Value
			}
			if n, ok := f.values["calls"]; ok {
				f.iterations = int(n)
			}
			out.cpu = rec.GetConfig("cpu")
			out.order = append(out.order, name)
			out.results[name] = f
		}
	}
	if err := reader.Err(); err != nil {
		return out, err
	}
	if len(out.order) == 0 {
		return out, errors.New("there are no benchmarks in the output")
	}
	return out, nil
}

// ratio is a benchmark's figure as a multiple of another's.
type ratio struct {
	least, median, most float64
}

// ratios compares two benchmarks in each round, and only within it: what else
// the machine did meanwhile was the same for both, or nearly.
func ratios(all []round, name, base, unit string) (ratio, bool) {
	var list []float64
	for _, r := range all {
		n, ok1 := r.results[name].values[unit]
		d, ok2 := r.results[base].values[unit]
		if !ok1 || !ok2 || d == 0 {
			return ratio{}, false
		}
		list = append(list, n/d)
	}
	slices.Sort(list)
	return ratio{list[0], median(list), list[len(list)-1]}, len(list) > 0
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// quietest returns a benchmark's figures in the round in which the given unit
// was least.
func quietest(all []round, name, unit string) (best figures, ok bool) {
	for _, r := range all {
		f, found := r.results[name]
		if !found {
			continue
		}
		if !ok || f.values[unit] < best.values[unit] {
			best, ok = f, true
		}
	}
	return best, ok
}

// fewest returns the least number of calls that a benchmark made in a round.
func fewest(all []round, name string) int {
	n := all[0].results[name].iterations
	for _, r := range all {
		n = min(n, r.results[name].iterations)
	}
	return n
}

// parameter returns the value of key=value in a benchmark's name, or "".
func parameter(name, key string) string {
	for part := range strings.SplitSeq(name, "/") {
		if v, ok := strings.CutPrefix(part, key+"="); ok {
			return v
		}
	}
	return ""
}

// with returns a benchmark's name with another value for a key.
func with(name, key, value string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, key+"=") {
			parts[i] = key + "=" + value
		}
	}
	return strings.Join(parts, "/")
}
