package scrub

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func benchmarkText() string {
	var b strings.Builder
	for i := 0; b.Len() < 100<<10; i++ {
		fmt.Fprintf(&b, `{"id":%d,"title":"Fix the \"quoted\" parser\n","url":"https://api.example.com/x?q=a%%20b&n=%d","sha":"%040x"}`, i, i*7, i*i*7919)
	}
	return b.String()
}

func benchmarkMatcher(n int) *Matcher {
	var values []Value
	for i := range n {
		values = append(values, Value{fmt.Sprintf("ghp_%02d%032x", i, 0x9e3779b97f4a7c15*uint64(i+1)), mark})
	}
	return New(values)
}

func BenchmarkText(b *testing.B) {
	text := benchmarkText()
	for _, n := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("secrets=%d", n), func(b *testing.B) {
			m := benchmarkMatcher(n)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				m.Text(text)
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	text := benchmarkText()
	for _, n := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("secrets=%d", n), func(b *testing.B) {
			m := benchmarkMatcher(n)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r := NewReader(strings.NewReader(text), func() *Matcher { return m })
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		benchmarkMatcher(10)
	}
}
