package bench

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// percentileCalls is how many calls a 99th percentile is taken from at the least.
const percentileCalls = 100

// measure makes b.N calls after one that does not count, and reports their
// median and 99th percentile beside the mean. Where those are too few for a
// percentile it makes more, which count for nothing else; but for a single one,
// which is a trial.
func measure(b *testing.B, call func() error) {
	b.Helper()
	if err := call(); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, max(b.N, percentileCalls))
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N || b.N > 1 && n < percentileCalls; n++ {
		if n == b.N {
			b.StopTimer()
		}
		start := time.Now()
		if err := call(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(len(took)), "calls")
	b.ReportMetric(float64(percentile(took, 50).Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(percentile(took, 99).Nanoseconds())/1e3, "p99-µs")
}

// percentile returns the smallest of the sorted durations that p of a hundred
// do not exceed (nearest rank). Of fewer than a hundred, the 99th is the
// greatest.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank-1, 0)]
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	tests := []struct {
		name   string
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{"median of a hundred", hundred, 50, 50},
		{"99th of a hundred", hundred, 99, 99},
		{"99th of ten is the greatest", hundred[:10], 99, 10},
		{"median of one", hundred[:1], 50, 1},
		{"median of three", hundred[:3], 50, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := percentile(tt.sorted, tt.p); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// built returns the path of something that `make build plugins` leaves in bin.
func built(tb testing.TB, elem ...string) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "bin"}, elem...)...))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		tb.Fatalf("%v: run the benchmarks with make bench, which builds it", err)
	}
	return path
}

// cacheDir is a cache that all benchmarks of this process share, so that each
// module is compiled once.
var cacheDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "mcpwasm-bench-") })

func sharedCache(tb testing.TB) string {
	tb.Helper()
	dir, err := cacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := cacheDir(); err == nil {
		_ = os.RemoveAll(dir) // it is in the folder for temporary files
	}
	os.Exit(code)
}
