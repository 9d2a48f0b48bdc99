package main

import (
	"strings"
	"testing"
)

func output(native, guest string) string {
	return `goos: linux
cpu: Some CPU
BenchmarkCall/via=go/tool=echo/server=native-2 	 1000	 10 ns/op	` + native + ` p50-µs	 20 p99-µs	 100 B/op	 10 allocs/op
BenchmarkCall/via=go/tool=echo/server=reactor-pdk/lifetime=call-2 	 50	 10 ns/op	` + guest + ` p50-µs	 90 p99-µs	 100 B/op	 25 allocs/op
BenchmarkColdStart/server=native-2 	 3	 10 ns/op	 4 call-max-ms	 4 call-p50-ms	 2 list-max-ms	 2 list-p50-ms
BenchmarkColdStart/server=hello/cache=warm-2 	 3	 10 ns/op	 40 call-max-ms	 40 call-p50-ms	 10 list-max-ms	 10 list-p50-ms
PASS
`
}

func parsed(t *testing.T, texts ...string) (all []round) {
	t.Helper()
	for _, text := range texts {
		r, err := parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestRender(t *testing.T) {
	// The second round was noisy: both took twice as long, and the ratio says so.
	all := parsed(t, output("10", "50"), output("20", "120"), output("10", "40"))
	out, err := render(all, machine{command: "make it", cpu: all[0].cpu, cores: 2, system: "x", date: "2026-01-01", commit: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"with `make it` at commit abc: Some CPU, 2 cores, x; 3 rounds.",
		"| reactor-pdk | call | **5.0** (4.0–6.0) | 4.5\\* | not measured | not measured | 2.5 |",
		"| reactor-pdk | call | echo | 40 | 90 | 25 | 0.10 | 50 |",
		"| hello | warm | **5.0** (5.0–5.0) | **10** (10–10) |",
		"| native | – | 2.0 | 2.0 | 4.0 | 4.0 | 3 |",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "PASS\n", "no benchmarks"},
		{"cut off", "BenchmarkCall-2 10\n", "missing measurements"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse(strings.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSplice(t *testing.T) {
	tests := []struct{ name, page, want, err string }{
		{"replaced", "a\n" + beginMarker + "\nold\n" + endMarker + "\nz\n", "a\n" + beginMarker + "\n\nnew\n" + endMarker + "\nz\n", ""},
		{"no end", beginMarker, "", "in this order"},
		{"wrong order", endMarker + beginMarker, "", "in this order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := splice([]byte(tt.page), []byte("new"))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
