package main

import (
	"context"
	"fmt"
	"os"
	"time"
	"unsafe"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// addEnvironment adds attacks on what the host's process knows.
func addEnvironment(s *pdk.Server) {
	attack(s, "environment", func(context.Context, none) (string, error) {
		cwd, err := os.Getwd()
		host, _ := os.Hostname()
		return fmt.Sprintf("env %q args %q cwd %q %v host %q uid %d pid %d", os.Environ(), os.Args, cwd, err, host, os.Getuid(), os.Getpid()), nil
	})
	attack(s, "clock", func(context.Context, none) (string, error) { return clock(), nil })
	attack(s, "scan", func(_ context.Context, in struct {
		Masked []byte `json:"masked" jsonschema:"what to look for, each byte inverted"`
	}) (string, error) {
		return fmt.Sprintf("found %d in %d bytes", scan(in.Masked), memorySize()), nil
	})
}

// clock returns the least step that it saw the clocks make, in nanoseconds.
func clock() string {
	least := time.Hour
	last := time.Now()
	for steps := 0; steps < 20; {
		now := time.Now()
		if d := now.Sub(last); d > 0 {
			least, steps = min(least, d), steps+1
		}
		if d := now.Round(0).Sub(last.Round(0)); d > 0 {
			least = min(least, d)
		}
		last = now
	}
	return fmt.Sprintf("step %d", least.Nanoseconds())
}

// scan counts how often a text stands in all of this guest's memory. The text is
// given with its bits inverted, so as not to be found where it was given.
func scan(masked []byte) int {
	found := 0
	size := memorySize()
	// Go uses nothing below, and takes it for a nil pointer.
	for at := uintptr(4096); at+uintptr(len(masked)) <= size; at++ {
		i := 0
		for i < len(masked) && load(at+uintptr(i)) == ^masked[i] {
			i++
		}
		if i == len(masked) && i > 0 {
			found++
		}
	}
	return found
}

// load reads a byte of the memory, wherever Go thinks that nothing is.
//
//go:nosplit
func load(at uintptr) byte { return *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) }
