package host_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// TestReloadLosesNoCall replaces the servers, with other settings each time,
// while many callers call them. Every call is answered; none is lost between two
// sets of servers.
func TestReloadLosesNoCall(t *testing.T) {
	servers := func(round int) []host.Server {
		env := []string{fmt.Sprintf("ROUND=%d", round)}
		return []host.Server{
			{Name: "kept", Source: guest(t, "reactor")},
			{Name: "reactor", Source: guest(t, "reactor"), Env: env},
			{Name: "stdio", Source: guest(t, "stdio"), Env: env},
		}
	}
	h := open(t, host.Config{Prefix: true, Servers: servers(0)})
	stop := make(chan struct{})
	var calls atomic.Int64
	var wg sync.WaitGroup
	for _, tool := range []string{"kept__ok", "reactor__ok", "stdio__ok"} {
		for range 3 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					result, err := h.CallTool(t.Context(), tool, nil)
					if err != nil || !strings.Contains(string(result), `"text":"ok"`) {
						t.Errorf("%s: %s, %v", tool, result, err)
						return
					}
					calls.Add(1)
				}
			})
		}
	}
	for round := 1; round <= 5; round++ {
		before := calls.Load()
		if err := h.Reload(t.Context(), servers(round)); err != nil {
			t.Error(err)
		}
		for deadline := time.Now().Add(patience); calls.Load() < before+20 && !t.Failed(); {
			if time.Now().After(deadline) {
				t.Fatal("the calls stand still")
			}
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
}

// TestReloadWaitsForACall replaces a server while it works on a call that takes
// until its deadline: the call ends as it would have, and the new server serves
// meanwhile.
func TestReloadWaitsForACall(t *testing.T) {
	old := host.Server{Name: "one", Source: guest(t, "stdio"), Limits: runtime.Limits{Deadline: 3 * time.Second}}
	h := open(t, host.Config{Servers: []host.Server{old}})
	checkCall(t, h, "ok", nil)
	failed := make(chan error, 1)
	go func() {
		_, err := h.CallTool(t.Context(), "silent", nil)
		failed <- err
	}()
	if err := h.Reload(t.Context(), []host.Server{{Name: "one", Source: guest(t, "reactor")}}); err != nil {
		t.Fatal(err)
	}
	checkCall(t, h, "noise", nil)
	if err := <-failed; err == nil {
		t.Error("a call to a tool that does not answer works")
	}
}

// TestBadReload gives a host what it refuses: the servers go on as they were.
func TestBadReload(t *testing.T) {
	good := []host.Server{{Name: "one", Source: guest(t, "reactor")}}
	h := open(t, host.Config{Prefix: true, Servers: good})
	for name, list := range map[string][]host.Server{
		"a bad name":        {{Name: "One", Source: good[0].Source}},
		"a name used twice": {good[0], good[0]},
	} {
		t.Run(name, func(t *testing.T) {
			if err := h.Reload(t.Context(), list); err == nil {
				t.Error("no error")
			}
			checkCall(t, h, "one__ok", nil)
		})
	}
	t.Run("a broken server beside it", func(t *testing.T) {
		if err := h.Reload(t.Context(), append(good, host.Server{Name: "two", Wasm: []byte("\x00asm\x0d\x00\x01\x00")})); err != nil {
			t.Fatal(err)
		}
		checkCall(t, h, "one__ok", nil)
		_, err := h.CallTool(t.Context(), "two__ok", nil)
		checkError(t, err, []string{`server "two"`, "the host's log says why"})
		if err := h.Status()[1].Err; err == nil || !strings.Contains(err.Error(), "component") {
			t.Errorf("status %v", err)
		}
	})
	t.Run("and repaired", func(t *testing.T) {
		if err := h.Reload(t.Context(), append(good, host.Server{Name: "two", Source: guest(t, "stdio")})); err != nil {
			t.Fatal(err)
		}
		checkCall(t, h, "one__ok", nil)
		checkCall(t, h, "two__ok", nil)
	})
}
