package cache

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// roleVariable makes the test binary another process with a part of its own.
const roleVariable = "MCPWASM_CACHE_TEST_ROLE"

// roles are what another process can do; args[0] is the cache's folder.
var roles = map[string]func(args []string) error{"get": roleGet, "slow": roleSlow}

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
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// remote is what every process takes for the registry: a few pieces of content of
// different sizes that follow from their numbers.
func remote() (*upstream, [][]byte) {
	var contents [][]byte
	for i := range 6 {
		contents = append(contents, random(uint64(100+i), 1+i*i*100_000))
	}
	return newUpstream(contents...), contents
}

// get reads content and compares it.
func get(c *Cache, u oci.Source, content []byte, whole bool) error {
	d, src := describe(content), c.Source(repository, u)
	if whole {
		_, err := oci.ReadAll(context.Background(), src, d, d.Size)
		return err
	}
	r, err := src.Fetch(context.Background(), d)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(b, content) {
		err = errors.New("it is other content")
	}
	return errors.Join(err, r.Close())
}

func openPatiently(dir string, o Options) (*Cache, error) {
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := Open(dir, o)
	if err == nil {
		c.patience = time.Hour // so that how busy the machine is makes no difference
	}
	return c, err
}

// roleGet reads all content in an order of its own, and says how often it had to
// fetch.
func roleGet(args []string) error {
	c, err := openPatiently(args[0], Options{})
	if err != nil {
		return err
	}
	u, contents := remote()
	rand.Shuffle(len(contents), func(i, j int) { contents[i], contents[j] = contents[j], contents[i] })
	for i, content := range contents {
		if err := get(c, u, content, i%2 == 0); err != nil {
			return err
		}
	}
	fmt.Println(u.count())
	return nil
}

// TestProcesses has eight processes fetch the same content at once: each piece is
// fetched by one of them, and all get it.
func TestProcesses(t *testing.T) {
	t.Parallel()
	c, _ := newCache(t, Options{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	fetched := 0
	for range 8 {
		cmd := another(t, "get", c.Dir())
		wg.Go(func() {
			out, err := cmd.CombinedOutput()
			n, convErr := strconv.Atoi(strings.TrimSpace(string(out)))
			if err != nil || convErr != nil {
				t.Errorf("%v: %s", err, out)
			}
			mu.Lock()
			defer mu.Unlock()
			fetched += n
		})
	}
	wg.Wait()
	_, contents := remote()
	if fetched != len(contents) {
		t.Errorf("%d fetches of %d pieces of content", fetched, len(contents))
	}
	for _, content := range contents {
		want(t, c.Source(repository, nil), content)
	}
	if left := files(t, c, ingestDir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if v := sound(t, c); v.Files != len(contents) {
		t.Errorf("%d files", v.Files)
	}
}

// roleSlow fetches content over and over, tells of every piece that it reads, and
// drops what it has.
func roleSlow(args []string) error {
	c, err := openPatiently(args[0], Options{})
	if err != nil {
		return err
	}
	for {
		u, contents := remote()
		u.wrap = func(r io.ReadSeekCloser) io.ReadCloser { return told{r} }
		for i := range contents {
			n := rand.IntN(len(contents))
			if err := get(c, u, contents[n], i%2 == 0); err != nil {
				return err
			}
			if u.resumed > 0 {
				fmt.Println("resumed")
				u.resumed = 0
			}
			fmt.Println("kept")
		}
		if _, err := c.Prune(context.Background(), PruneOptions{MaxBytes: -1, KeepPartial: time.Hour}); err != nil {
			return err
		}
	}
}

// told says of every Read, of few bytes, that it happens.
type told struct{ io.ReadSeekCloser }

func (r told) Read(b []byte) (int, error) {
	fmt.Println("read")
	return r.ReadSeekCloser.Read(b[:min(len(b), 50_000)])
}

// TestKilled kills processes at any point of their fetches. What is left is sound, and
// is taken up.
func TestKilled(t *testing.T) {
	t.Parallel()
	const rounds, processes = 25, 3
	c, _ := newCache(t, Options{})
	resumed, kept := 0, 0
	for range rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range processes {
			cmd, lines := another(t, "slow", c.Dir()), rand.IntN(60)
			out, err := cmd.StdoutPipe()
			must(t, err)
			var problems bytes.Buffer
			cmd.Stderr = &problems
			must(t, cmd.Start())
			wg.Go(func() {
				s := bufio.NewScanner(out)
				for range lines {
					if !s.Scan() {
						t.Error("it ended by itself")
						break
					}
					mu.Lock()
					switch s.Text() {
					case "resumed":
						resumed++
					case "kept":
						kept++
					}
					mu.Unlock()
				}
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, out) // what it had written before
				_ = cmd.Wait()                  // it was killed
				if problems.Len() > 0 {
					t.Errorf("%s", &problems)
				}
			})
		}
		wg.Wait()
		sound(t, c)
	}
	if resumed == 0 || kept == 0 {
		t.Errorf("%d fetches were taken up, %d ended well: the test shows nothing", resumed, kept)
	}
	// None of them holds anything any more.
	u, contents := remote()
	for _, content := range contents {
		want(t, c.Source(repository, u), content)
	}
	p, err := c.Prune(t.Context(), PruneOptions{})
	must(t, err)
	if left := files(t, c, ingestDir); len(left) != 0 {
		t.Errorf("left behind after pruning %+v: %v", p, left)
	}
	if filepath.Base(c.Dir()) != "packages" || sound(t, c).Files != len(contents) {
		t.Errorf("files in %s: %v", c.Dir(), files(t, c, blobsDir))
	}
}
