// Command raw writes the hostile guests that no compiler would: each a small
// module with one attack, for make sandbox.
//
//	go run ./raw DIR
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "raw:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the folder to write to")
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	for name, wasm := range modules() {
		if err := os.WriteFile(filepath.Join(args[0], name+".wasm"), wasm, 0o644); err != nil {
			return err
		}
	}
	return nil
}
