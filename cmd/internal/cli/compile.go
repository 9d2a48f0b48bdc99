package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/runtime/wasm"
)

const (
	// compileMemory is what the process that compiles a module may have in all.
	// A module of 14 MB needs about 200 MB.
	compileMemory = 1 << 30
	// exitCompileMemory is how that process says that it was not enough. It is
	// no exit code of a command.
	exitCompileMemory = 64
	compileCommand    = "compile-module"
)

// newCompile is the command that this program starts itself with to compile a
// module where it can be stopped: the module on standard input, into the cache
// directory that is named.
func newCompile(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: compileCommand + " DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			module, err := io.ReadAll(s.In)
			if err != nil {
				return fmt.Errorf("read module: %w", err)
			}
			debug.SetMemoryLimit(compileMemory / 4 * 3)
			go watchMemory(compileMemory)
			return wasm.Compile(cmd.Context(), args[0], module)
		},
	}
}

// watchMemory ends this process once it has more memory than it may, or nobody
// waits for it any more.
func watchMemory(most uint64) {
	parent := os.Getppid()
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for ; ; time.Sleep(5 * time.Millisecond) {
		metrics.Read(sample)
		if sample[0].Value.Uint64()-sample[1].Value.Uint64() > most || os.Getppid() != parent {
			os.Exit(exitCompileMemory)
		}
	}
}

// compileApart runs newCompile in a process of its own.
func compileApart(ctx context.Context, dir string, module []byte) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to compile with: %w", err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, self, compileCommand, dir)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(module), &stderr
	cmd.Env = []string{} // it needs none
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if exit.ExitCode() == exitCompileMemory {
			return wasm.ErrCompileMemory
		}
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if line = strings.TrimPrefix(line, "mcpwasm: error: "); line == "" {
			line = "the process that compiles it ended: " + exit.String()
		}
		return errors.New(line)
	}
	if err != nil {
		return fmt.Errorf("compile in a process of its own: %w", err)
	}
	return nil
}
