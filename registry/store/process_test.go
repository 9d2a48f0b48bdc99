package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
	"github.com/mcpwasm/mcpwasm/registry/store/storetest"
)

// roleVariable makes the test binary another process with a part of its own.
const roleVariable = "MCPWASM_STORE_TEST_ROLE"

// roles are what another process can do; args[0] is the file.
var roles = map[string]func(args []string) error{
	"read":   roleRead,
	"count":  roleCount,
	"write":  roleWrite,
	"hold":   roleHold,
	"damage": roleDamage,
	"open":   func(args []string) error { _, err := store.Open(args[0]); return err },
}

func TestMain(m *testing.M) {
	role := roles[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// another returns a process with a role; it ends with the test.
func another(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// roleCount increments a counter so many times.
func roleCount(args []string) error {
	f, err := store.Open(args[0])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for range rounds {
		if err := storetest.Increment(context.Background(), f, "n"); err != nil {
			return err
		}
	}
	return nil
}

// TestProcesses has several processes make one file and count in it.
func TestProcesses(t *testing.T) {
	t.Parallel()
	const processes, rounds = 4, 30
	path := filepath.Join(t.TempDir(), "state", "state.db")
	var wg sync.WaitGroup
	for range processes {
		cmd := another(t, "count", path, strconv.Itoa(rounds))
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	e, err := open(t, path).Get(t.Context(), "n")
	if err != nil || string(e[0].Value) != strconv.Itoa(processes*rounds) {
		t.Errorf("counter = %s, %v", e[0].Value, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// roleRead reads without a pause.
func roleRead(args []string) error {
	f, err := store.Open(args[0])
	if err != nil {
		return err
	}
	fmt.Println("reading")
	for {
		if _, err := f.Get(context.Background(), "a"); err != nil {
			return err
		}
	}
}

// TestReaders has more processes that read without a pause than the machine has
// processors: a writer gets its turn. With a lock that readers share this takes
// minutes; the time-out is far beyond what it takes.
func TestReaders(t *testing.T) {
	f := newFile(t)
	for range 4 * goruntime.NumCPU() {
		cmd := another(t, "read", f.Path())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		})
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 100 {
		if err := storetest.Increment(ctx, f, "n"); err != nil {
			t.Fatal(err)
		}
	}
}

// roleWrite makes keys with values that follow from them, over and over, and says
// on stdout which it was told are durable.
func roleWrite(args []string) error {
	f, err := store.Open(args[0])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	versions := map[string]uint64{}
	for i := 0; ; i++ {
		key := fmt.Sprintf("%d/%d", seed, i%40)
		value := crashValue(key, i, size)
		v, err := f.Apply(context.Background(),
			store.Change{Key: key, If: versions[key], Value: value},
			store.Change{Key: "twin/" + key, If: versions["twin/"+key], Value: value})
		if err != nil {
			return err
		}
		versions[key], versions["twin/"+key] = v[0], v[1]
		fmt.Printf("%s %d %d\n", key, i, v[0])
	}
}

// crashValue is large now and then, so that the file grows and pages are freed.
func crashValue(key string, i, size int) []byte {
	line := fmt.Sprintf("%s %d\n", key, i)
	return []byte(strings.Repeat(line, 1+size*(i%7)))
}

// TestKill kills a writer in the middle of its work, over and over: nothing that
// was acknowledged is lost, what was not is there as a whole or not at all, and
// the file opens. The first rounds are as short as making the file.
func TestKill(t *testing.T) {
	t.Parallel()
	const rounds = 40
	r := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(t.TempDir(), "state", "state.db")
	want := map[string]acknowledged{}
	written := 0
	for round := range rounds {
		last := killRound(t, path, round, r.IntN(40))
		written += len(last)
		for key, a := range last {
			want[key] = a
		}
		checkKilled(t, open(t, path), want)
	}
	if written < rounds {
		t.Errorf("only %d keys were written in %d rounds", written, rounds)
	}
}

type acknowledged struct {
	i       int
	version uint64
}

// killRound runs a writer until it has acknowledged n changes, or for less than
// it needs to begin, and returns the last of each key.
func killRound(t *testing.T, path string, round, n int) map[string]acknowledged {
	t.Helper()
	cmd := another(t, "write", path, strconv.Itoa(round), "300")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Hour, func() {})
	if round%4 == 0 {
		timer = time.AfterFunc(time.Duration(round*200+n*100)*time.Microsecond, func() { _ = cmd.Process.Kill() })
	}
	defer timer.Stop()
	last := map[string]acknowledged{}
	s := bufio.NewScanner(out)
	for i := 0; s.Scan(); i++ {
		if i == n {
			// Where it is by now is up to the scheduler.
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var key string
		var a acknowledged
		if _, err := fmt.Sscanf(s.Text(), "%s %d %d", &key, &a.i, &a.version); err != nil {
			continue // cut off
		}
		last[key] = a
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("it was not killed: %v", err)
	}
	return last
}

// checkKilled compares a file with what was acknowledged. One change more may be
// there, made but not told, and its twin with it.
func checkKilled(t *testing.T, s store.Store, want map[string]acknowledged) {
	t.Helper()
	for key, a := range want {
		e, err := s.Get(t.Context(), key, "twin/"+key)
		if err != nil {
			t.Fatal(err)
		}
		i := a.i
		if e[0].Version > a.version {
			i += 40
		}
		value := string(crashValue(key, i, 300))
		if e[0].Version < a.version || string(e[0].Value) != value || string(e[1].Value) != value {
			t.Fatalf("%s: version %d of %d bytes (twin %d), want %d of %d", key, e[0].Version, len(e[0].Value), len(e[1].Value), a.version, len(value))
		}
	}
}

// roleHold keeps the file for itself until its stdin ends, as any bbolt tool may.
func roleHold(args []string) error {
	return hold(args[0], func() error {
		fmt.Println("held")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	})
}

func TestBusy(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	cmd := another(t, "hold", f.Path())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = f.Get(ctx, "a")
	if !errors.Is(err, store.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), f.Path()) {
		t.Errorf("get: %v", err)
	}
	// One that waits gets it in the end.
	done := make(chan error, 1)
	go func() {
		_, err := f.Apply(t.Context(), store.Change{Key: "a"})
		done <- err
	}()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("apply: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
