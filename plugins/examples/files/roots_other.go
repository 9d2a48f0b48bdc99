//go:build !wasip1

package main

// preopens returns nothing: outside WASI a program is given no directories.
func preopens() []string { return nil }
