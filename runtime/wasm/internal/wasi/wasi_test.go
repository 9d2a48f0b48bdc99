package wasi

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/experimental/wazerotest"
	"github.com/tetratelabs/wazero/sys"
)

// world is a system with 64 KiB of memory whose streams are pipes.
type world struct {
	*System
	mem     *wazerotest.Memory
	in, out *Pipe
}

func newWorld() *world {
	w := &world{mem: wazerotest.NewMemory(1 << 16), in: NewPipe(100), out: NewPipe(10)}
	w.System = New(Config{
		Args: []string{"a", "bc"}, Env: []string{"K=v"},
		Stdin: w.in.Source(), Stdout: w.out.Sink(), Stderr: Empty(),
	})
	return w
}

// call calls a function; exit is what it ended the guest with.
func (w *world) call(ctx context.Context, name string, params ...uint64) (errno Errno, exit *sys.ExitError) {
	defer func() {
		if r := recover(); r != nil {
			exit = r.(*sys.ExitError)
		}
	}()
	stack := append(slices.Clone(params), 0)
	return w.run(ctx, functions[name], w.mem, stack), nil
}

func TestErrnos(t *testing.T) {
	tests := []struct {
		name   string
		fn     string
		params []uint64
		want   Errno
	}{
		{"read of no descriptor", "fd_read", []uint64{9, 0, 0, 0}, EBADF},
		{"read of the output", "fd_read", []uint64{1, 100, 1, 0}, EBADF},
		{"write to the input", "fd_write", []uint64{0, 100, 1, 0}, EBADF},
		{"too many vectors", "fd_read", []uint64{0, 0, 1025, 0}, EINVAL},
		{"vectors out of bounds", "fd_read", []uint64{0, 0xfffffff8, 2, 0}, EFAULT},
		{"seek in a pipe", "fd_seek", []uint64{0, 0, 0, 0}, ESPIPE},
		{"seek from nowhere", "fd_seek", []uint64{0, 0, 3, 0}, EINVAL},
		{"no directories", "fd_prestat_get", []uint64{3, 0}, EBADF},
		{"path from a pipe", "path_open", []uint64{0, 0, 0, 1, 0, 0, 0, 0, 0}, ENOTDIR},
		{"path from nothing", "path_unlink_file", []uint64{7, 0, 1}, EBADF},
		{"socket", "sock_shutdown", []uint64{0, 0}, ENOTSOCK},
		{"unknown flags", "fd_fdstat_set_flags", []uint64{0, 32}, EINVAL},
		{"more rights", "fd_fdstat_set_rights", []uint64{0, 1 << 63, 0}, ENOTCAPABLE},
		{"processor time", "clock_time_get", []uint64{2, 0, 0}, EINVAL},
		{"time out of bounds", "clock_time_get", []uint64{0, 0, 0xfffc}, EFAULT},
		{"random out of bounds", "random_get", []uint64{1, 0xffffffff}, EFAULT},
		{"poll of nothing", "poll_oneoff", []uint64{0, 0, 0, 0}, EINVAL},
		{"poll of too much", "poll_oneoff", []uint64{0, 0, 1 << 31, 0}, EINVAL},
		{"signal", "proc_raise", []uint64{1}, ENOTSUP},
		{"arguments out of bounds", "args_get", []uint64{0xfffffffc, 0}, EFAULT},
		{"renumber of nothing", "fd_renumber", []uint64{0, 5}, EBADF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if errno, exit := w.call(t.Context(), tt.fn, tt.params...); errno != tt.want || exit != nil {
				t.Errorf("errno %d, exit %v, want %d", errno, exit, tt.want)
			}
		})
	}
}

// buffers writes a list of one buffer at 0 and returns its memory.
func (w *world) buffers(n uint32) []byte {
	w.mem.WriteUint32Le(0, 100)
	w.mem.WriteUint32Le(4, n)
	b, _ := w.mem.Read(100, n)
	return b
}

func TestStreams(t *testing.T) {
	w := newWorld()
	if errno, _ := w.call(t.Context(), "fd_fdstat_set_flags", 0, flagNonblock); errno != Success {
		t.Fatal(errno)
	}
	b := w.buffers(5)
	if errno, _ := w.call(t.Context(), "fd_read", 0, 0, 1, 50); errno != EAGAIN {
		t.Errorf("read of nothing: %d", errno)
	}
	if _, err := w.in.Write([]byte("hello world")); err != nil {
		t.Fatal(err)
	}
	if errno, _ := w.call(t.Context(), "fd_read", 0, 0, 1, 50); errno != Success || string(b) != "hello" {
		t.Errorf("read: %d, %q", errno, b)
	}
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint32{5, 1, 0} {
		errno, _ := w.call(t.Context(), "fd_read", 0, 0, 1, 50)
		if n, _ := w.mem.ReadUint32Le(50); errno != Success || n != want {
			t.Errorf("read: %d, %d bytes, want %d", errno, n, want)
		}
	}
	if errno, _ := w.call(t.Context(), "fd_close", 0); errno != Success {
		t.Error(errno)
	}
	if errno, _ := w.call(t.Context(), "fd_read", 0, 0, 1, 50); errno != EBADF {
		t.Errorf("read after close: %d", errno)
	}
}

// TestWaitsEnd: whatever a guest waits for, the end of the context ends it.
func TestWaitsEnd(t *testing.T) {
	forever := func(w *world) []uint64 {
		w.mem.Write(1000, make([]byte, subscriptionSize))
		w.mem.WriteUint32Le(1016, clockMonotonic)
		w.mem.WriteUint64Le(1024, 1<<63)
		return []uint64{1000, 2000, 1, 3000}
	}
	tests := map[string]struct {
		fn     string
		params func(*world) []uint64
	}{
		"read":  {"fd_read", func(w *world) []uint64 { w.buffers(5); return []uint64{0, 0, 1, 50} }},
		"write": {"fd_write", func(w *world) []uint64 { w.buffers(500); return []uint64{1, 0, 1, 50} }},
		"sleep": {"poll_oneoff", forever},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, exit := w.call(ctx, tt.fn, tt.params(w)...); exit == nil {
				t.Error("it came back")
			}
		})
	}
}

// TestPollWakes: a poll ends when its input arrives.
func TestPollWakes(t *testing.T) {
	w := newWorld()
	w.mem.Write(1000, make([]byte, subscriptionSize))
	w.mem.WriteUint64Le(1000, 77)
	w.mem.WriteByte(1008, eventRead)
	idle := w.Idle()
	go func() {
		<-idle
		_, _ = w.in.Write([]byte("abc"))
	}()
	if errno, exit := w.call(t.Context(), "poll_oneoff", 1000, 2000, 1, 3000); errno != Success || exit != nil {
		t.Fatal(errno, exit)
	}
	e, _ := w.mem.Read(2000, eventSize)
	if user, n := le.Uint64(e), le.Uint64(e[16:]); user != 77 || n != 3 || e[10] != eventRead {
		t.Errorf("event %v", e)
	}
}

// FuzzFunctions makes a few calls of any function with anything: none may panic
// in another way than to end the guest, outlast its context, or reach what is
// beside the mounts. Links of the host are there to be followed.
func FuzzFunctions(f *testing.F) {
	names := slices.Sorted(maps.Keys(functions))
	for i := range names {
		f.Add([]byte{byte(i), 3, 1, 1, 9, 0, 0, 0, 0, 0}, "../canary\x00up/canary\x00absolute\x00file")
		f.Add([]byte{byte(i), 3, 0, 1, 9, 3, 1, 11, 9, 0}, "up/canary\x00relative")
	}
	f.Fuzz(func(t *testing.T, calls []byte, memory string) {
		m := newMounted(t)
		m.hostLinks()
		m.mem.WriteString(256, memory[:min(len(memory), 1000)])
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		for call := range slices.Chunk(calls[:min(len(calls), 100)], 10) {
			name := names[int(call[0])%len(names)]
			stack := make([]uint64, len(functions[name].params))
			for i := range stack {
				if i+1 < len(call) {
					stack[i] = parameter(call[i+1])
				}
			}
			m.call(ctx, name, stack...)
		}
		m.checkCanary()
		if b, _ := m.mem.Read(0, 1<<16); bytes.Contains(b, []byte(canary)) {
			t.Error("the canary was read")
		}
	})
}

// parameter makes a number of a byte: small ones are themselves, so that they are
// descriptors, lengths and flags; the others are addresses, where the paths are
// among other places, and what is likely to overflow.
func parameter(b byte) uint64 {
	switch {
	case b < 32:
		return uint64(b)
	case b < 240:
		return 256 + uint64(b-32)
	}
	return []uint64{1 << 16, 1<<16 - 1, 1<<32 - 1, 1 << 31, 1 << 63, 1<<63 - 1, 1<<64 - 1, 4096, rw, rightsOfAnything, 1 << 40, 64, 1000, 0, 1024, 1 << 20}[b-240]
}
