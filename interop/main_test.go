// Package interop runs clients that nobody here wrote against bin/mcpwasm, over
// stdio and Streamable HTTP and in every revision that they speak: the official Go
// SDK's, the TypeScript SDK's in three releases, and the MCP Inspector's command
// line. "make interop" builds what they need and runs them.
package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come at once: a safety net.
const patience = time.Minute

// launchFile names the file that a launcher writes to: the test binary started
// in front of a server, so that it is known how the server ended, whoever
// started it.
const launchFile = "INTEROP_LAUNCH"

// Where things are, absolute; set by TestMain.
var (
	root    string // the repository
	mcpwasm string // bin/mcpwasm
	node    string // Node 22
	clients string // the folder above the JavaScript clients' node_modules
	guests  string // the guests of this module, built
)

func TestMain(m *testing.M) {
	if file := os.Getenv(launchFile); file != "" {
		os.Exit(launch(file, os.Args[1:]))
	}
	cleanup, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
	code := m.Run()
	cleanup()
	os.Exit(code)
}

// launch runs a command with this process's input and output, hands SIGTERM on,
// and appends one line to the file: "exit CODE", and " after SIGTERM" if there
// was one.
func launch(file string, command []string) int {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "interop: launch:", err)
		return 1
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(ended)
	}()
	how := ""
	select {
	case <-ended:
	case s := <-terms:
		how = " after SIGTERM"
		_ = cmd.Process.Signal(s)
		<-ended
	}
	if err := appendLine(file, fmt.Sprintf("exit %d%s\n", cmd.ProcessState.ExitCode(), how)); err != nil {
		fmt.Fprintln(os.Stderr, "interop: launch:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// prepare finds what "make interop" built, installs the JavaScript clients and
// builds this module's guests.
func prepare() (cleanup func(), err error) {
	if root, err = filepath.Abs(".."); err != nil {
		return nil, err
	}
	mcpwasm = filepath.Join(root, "bin", "mcpwasm")
	for _, file := range []string{mcpwasm, sample("everything"), sample("stdio-gosdk"), sample("stdio-mcpgo"), sample("fetch"), sample("notes")} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("%w: run \"make build plugins\" first, or \"make interop\"", err)
		}
	}
	install := exec.Command(filepath.Join(root, "scripts", "clients"))
	install.Stderr = os.Stderr
	out, err := install.Output()
	if err != nil {
		return nil, fmt.Errorf("install the JavaScript clients: %w", err)
	}
	folders := strings.Fields(string(out))
	if len(folders) != 2 {
		return nil, fmt.Errorf("scripts/clients printed %q, not two folders", out)
	}
	node, clients = filepath.Join(folders[0], "node"), folders[1]
	if guests, err = os.MkdirTemp("", "interop-guests-"); err != nil {
		return nil, err
	}
	for name, flags := range map[string][]string{"wait": {"-buildmode=c-shared"}, "waitstdio": nil} {
		build := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", guest(name)}, flags...), "./guests/"+name)...)
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the guest %s: %w\n%s", name, err, out)
		}
	}
	return func() { _ = os.RemoveAll(guests) }, nil
}

func sample(name string) string { return filepath.Join(root, "bin", "plugins", name+".wasm") }
func guest(name string) string  { return filepath.Join(guests, name+".wasm") }

// deadline returns a context that ends with the test, or when patience does.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func mustJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
