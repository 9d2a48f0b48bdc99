package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

var kept [][]byte

// addComputing adds attacks on time, memory and descriptors.
func addComputing(s *pdk.Server) {
	forever := func(name string, step func(i int)) {
		attack(s, name, func(context.Context, none) (string, error) {
			for i := 0; ; i++ {
				step(i)
			}
		})
	}
	forever("loop", func(int) {})
	forever("sleep", func(int) { time.Sleep(time.Hour) })
	forever("hog", func(int) { kept = append(kept, make([]byte, 1<<20)) })
	forever("stdout-flood", func(int) { fmt.Println(strings.Repeat("o", 4000)) })
	forever("stderr-flood", func(int) { fmt.Fprintln(os.Stderr, strings.Repeat("e", 4000)) })
	forever("stderr-endless-line", func(int) { fmt.Fprint(os.Stderr, strings.Repeat("e", 4000)) })
	forever("goroutines", func(int) { go func() { select {} }() })
	attack(s, "recursion", func(context.Context, none) (string, error) { return fmt.Sprint(deep(0)), nil })
	attack(s, "answer-huge", func(context.Context, none) (string, error) { return strings.Repeat("x", 20<<20), nil })
	attack(s, "open-files", openFiles)
	attack(s, "effects", manyEffects)
}

func deep(n int) int {
	if n < 0 {
		return 0
	}
	return deep(n+1) + n
}

// openFiles opens a file 100,000 times and says how often that worked.
func openFiles(_ context.Context, in struct {
	Path string `json:"path"`
}) (string, error) {
	var open []*os.File
	var last error
	for range 100_000 {
		f, err := os.Open(in.Path)
		if err != nil {
			last = err
			break
		}
		open = append(open, f)
	}
	return fmt.Sprintf("opened %d, then %v", len(open), last), nil
}
