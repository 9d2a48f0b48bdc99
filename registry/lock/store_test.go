package lock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// envWriter makes the test binary a writer of the lock file that the variable
// names, until it is killed.
const envWriter = "MCPWASM_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(envWriter); path != "" {
		writeForever(path)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever adds and removes an entry, and says so after each.
func writeForever(path string) {
	var t testing.T
	e, err := lock.Seal("flicker", weather(&t, nil))
	for err == nil {
		err = lock.Update(context.Background(), path, nil, lock.Edit{Name: "flicker", New: &e})
		if err == nil {
			err = lock.Update(context.Background(), path, nil, lock.Edit{Name: "flicker", Old: e.Integrity})
		}
		fmt.Println("written")
	}
	fmt.Println(err)
}

func sealed(t testing.TB, name string) lock.Entry {
	t.Helper()
	e, err := lock.Seal(name, weather(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func load(t *testing.T, path string) *lock.File {
	t.Helper()
	f, err := lock.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", lock.FileName)
	if f := load(t, path); len(f.Servers) != 0 {
		t.Fatal(f)
	}
	a, b := sealed(t, "a"), sealed(t, "b")
	if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "a", New: &a}, lock.Edit{Name: "b", New: &b}); err != nil {
		t.Fatal(err)
	}
	if f := load(t, path); len(f.Servers) != 2 || f.Servers["a"].Integrity != a.Integrity {
		t.Fatal(f)
	}
	for _, tt := range []struct {
		name string
		edit lock.Edit
		want error
	}{
		{"there already", lock.Edit{Name: "a", New: &a}, lock.ErrMeanwhile},
		{"not there", lock.Edit{Name: "c", Old: digestA, New: &a}, lock.ErrMeanwhile},
		{"another one", lock.Edit{Name: "a", Old: digestA, New: nil}, lock.ErrMeanwhile},
		{"of another name", lock.Edit{Name: "c", New: &a}, lock.ErrIntegrity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, err := lock.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			// The good edit before the bad one is not made either.
			err = lock.Update(t.Context(), path, nil, lock.Edit{Name: "b", Old: b.Integrity}, tt.edit)
			if !errors.Is(err, tt.want) {
				t.Error(err)
			}
			if after, _ := lock.Read(path); string(after) != string(before) {
				t.Errorf("the file is now\n%s", after)
			}
		})
	}
	if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "a", Old: a.Integrity}); err != nil {
		t.Fatal(err)
	}
	if f := load(t, path); len(f.Servers) != 1 {
		t.Error(f)
	}
}

func TestUpdateRefuses(t *testing.T) {
	dir := t.TempDir()
	a := sealed(t, "a")
	edit := lock.Edit{Name: "a", New: &a}
	if err := lock.Update(t.Context(), dir, nil, edit); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	path := filepath.Join(dir, lock.FileName)
	if err := os.WriteFile(path, []byte("<<<<<<< HEAD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := lock.Update(t.Context(), path, nil, edit); !errors.Is(err, lock.ErrConflict) {
		t.Error(err)
	}
	if data, _ := lock.Read(path); string(data) != "<<<<<<< HEAD\n" {
		t.Errorf("a damaged file was replaced by %q", data)
	}
	refused := errors.New("refused")
	err := lock.Update(t.Context(), filepath.Join(dir, "other"), func(data []byte) error {
		if data != nil {
			t.Error("data of no file")
		}
		return refused
	}, edit)
	if !errors.Is(err, refused) {
		t.Error(err)
	}
}

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	if _, err := lock.Rewrite(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	good := marshal(t, weather(t, nil))
	for name, tt := range map[string]struct {
		data    string
		changed bool
	}{
		"Windows": {strings.ReplaceAll(string(good), "\n", "\r\n"), true},
		"as is":   {string(good), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			changed, err := lock.Rewrite(t.Context(), path)
			if data, _ := lock.Read(path); err != nil || changed != tt.changed || string(data) != string(good) {
				t.Errorf("%t, %v: %q", changed, err, data)
			}
		})
	}
}

// TestConcurrentUpdates has many add entries to one file at once.
func TestConcurrentUpdates(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	const writers, each = 8, 5
	var wg sync.WaitGroup
	for w := range writers {
		for i := range each {
			name := fmt.Sprintf("s%d-%d", w, i)
			e := sealed(t, name)
			wg.Go(func() {
				if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: name, New: &e}); err != nil {
					t.Error(err)
				}
				if _, err := lock.Load(path); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if f := load(t, path); len(f.Servers) != writers*each {
		t.Errorf("%d entries, want %d", len(f.Servers), writers*each)
	}
}

// TestKilled kills processes that write, each somewhere else.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	kept := sealed(t, "kept")
	if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "kept", New: &kept}); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		kill(t, path, round)
		f := load(t, path)
		if f.Servers["kept"].Integrity != kept.Integrity {
			t.Fatalf("round %d: %v", round, f.Servers)
		}
		// Another process goes on.
		if flicker, ok := f.Servers["flicker"]; ok {
			if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "flicker", Old: flicker.Integrity}); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := kept
	again.Approved = again.Approved.AddDate(1, 0, 0)
	again, err := lock.Seal("kept", again)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Update(t.Context(), path, nil, lock.Edit{Name: "kept", Old: kept.Integrity, New: &again}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.tmp"))
	if err != nil || len(left) > 0 {
		t.Error("left behind:", left, err)
	}
}

// kill starts a writer and kills it after it has written for some rounds.
func kill(t *testing.T, path string, rounds int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envWriter+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 0; i <= rounds && lines.Scan(); i++ {
		if lines.Text() != "written" {
			t.Error(lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}
