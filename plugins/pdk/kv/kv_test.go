package kv_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/kv"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

// stored returns a context with a store of its own.
func stored(t *testing.T, s *pdktest.KV) context.Context {
	return effect.WithOpener(t.Context(), (&pdktest.Effects{KV: s}).Open)
}

func TestSetGetDelete(t *testing.T) {
	t.Parallel()
	ctx := stored(t, &pdktest.KV{})
	if _, _, err := kv.Get(ctx, "a"); !errors.Is(err, effect.ErrNotFound) {
		t.Errorf("get before set: %v", err)
	}
	version, err := kv.Set(ctx, "a", []byte("x\ny"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	value, info, err := kv.Get(ctx, "a")
	if want := (kv.Info{Key: "a", Version: version, Size: 3}); err != nil || string(value) != "x\ny" || info != want {
		t.Errorf("got %q, %+v, %v, want %+v", value, info, err, want)
	}
	for _, want := range []bool{true, false} {
		if existed, err := kv.Delete(ctx, "a"); existed != want || err != nil {
			t.Errorf("delete: %v, %v, want %v", existed, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(ctx context.Context) error
		want error
	}{
		{"empty key", func(ctx context.Context) error { _, err := kv.Set(ctx, "", nil, kv.Options{}); return err }, effect.ErrInvalid},
		{"large value", func(ctx context.Context) error {
			_, err := kv.Set(ctx, "k", make([]byte, kv.MaxValueBytes+1), kv.Options{})
			return err
		}, effect.ErrLimit},
		{"largest value", func(ctx context.Context) error {
			_, err := kv.Set(ctx, "k", make([]byte, kv.MaxValueBytes), kv.Options{})
			return err
		}, nil},
		{"short TTL", func(ctx context.Context) error {
			_, err := kv.Set(ctx, "k", nil, kv.Options{TTL: time.Microsecond})
			return err
		}, effect.ErrInvalid},
		{"swap what is not there", func(ctx context.Context) error {
			_, err := kv.CompareAndSwap(ctx, "none", "1", nil, kv.Options{})
			return err
		}, effect.ErrConflict},
		{"delete another version", func(ctx context.Context) error { return kv.CompareAndDelete(ctx, "none", "1") }, effect.ErrConflict},
		{"limit", func(ctx context.Context) error { _, _, err := kv.List(ctx, kv.Range{Limit: 1001}); return err }, effect.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(stored(t, &pdktest.KV{})); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("read-only", func(t *testing.T) {
		if _, err := kv.Set(stored(t, &pdktest.KV{ReadOnly: true}), "k", nil, kv.Options{}); !errors.Is(err, effect.ErrDenied) {
			t.Errorf("got %v, want a denial", err)
		}
	})
	t.Run("not granted", func(t *testing.T) {
		_, _, err := kv.Get(effect.WithOpener(t.Context(), (&pdktest.Effects{}).Open), "k")
		if !errors.Is(err, effect.ErrDenied) || !strings.Contains(err.Error(), "--kv") {
			t.Errorf("got %v, want a denial that names --kv", err)
		}
	})
}

func TestCompareAndSwap(t *testing.T) {
	t.Parallel()
	ctx := stored(t, &pdktest.KV{})
	first, err := kv.CompareAndSwap(ctx, "k", kv.Absent, []byte("1"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.CompareAndSwap(ctx, "k", kv.Absent, []byte("2"), kv.Options{}); !errors.Is(err, effect.ErrConflict) {
		t.Errorf("create again: %v", err)
	}
	second, err := kv.CompareAndSwap(ctx, "k", first, []byte("2"), kv.Options{})
	if err != nil || second == first {
		t.Errorf("swap: version %q after %q, %v", second, first, err)
	}
	if err := kv.CompareAndDelete(ctx, "k", first); !errors.Is(err, effect.ErrConflict) {
		t.Errorf("delete an old version: %v", err)
	}
	if err := kv.CompareAndDelete(ctx, "k", second); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := stored(t, &pdktest.KV{})
		if _, err := kv.Set(ctx, "k", []byte("v"), kv.Options{TTL: time.Minute}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if _, info, err := kv.Get(ctx, "k"); err != nil || info.TTL != 40*time.Second {
			t.Errorf("after 20 s: TTL %v, %v, want 40 s", info.TTL, err)
		}
		time.Sleep(40 * time.Second)
		if _, _, err := kv.Get(ctx, "k"); !errors.Is(err, effect.ErrNotFound) {
			t.Errorf("after 60 s: %v, want not found", err)
		}
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	ctx := stored(t, &pdktest.KV{})
	var group sync.WaitGroup
	const writers = 8
	for i := range writers {
		group.Go(func() {
			err := kv.Update(ctx, "k", kv.Options{}, func(value []byte) ([]byte, error) {
				return fmt.Appendf(value, "%d", i), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	value, _, err := kv.Get(ctx, "k")
	slices.Sort(value)
	if string(value) != "01234567" || err != nil {
		t.Errorf("got %q, %v, want every writer once", value, err)
	}
	stop := errors.New("stop")
	if err := kv.Update(ctx, "new", kv.Options{}, func([]byte) ([]byte, error) { return nil, stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of change", err)
	}
	if _, _, err := kv.Get(ctx, "new"); !errors.Is(err, effect.ErrNotFound) {
		t.Errorf("an update that failed has written: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	ctx := stored(t, &pdktest.KV{})
	var want []string
	for i := range 2345 {
		key := fmt.Sprintf("n/%04d", i)
		if _, err := kv.Set(ctx, key, nil, kv.Options{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	if _, err := kv.Set(ctx, "other", nil, kv.Options{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for info, err := range kv.All(ctx, "n/") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("all: %d keys, want %d in order", len(got), len(want))
	}
	keys, more, err := kv.List(ctx, kv.Range{After: "n/2343", Limit: 1})
	if err != nil || !more || len(keys) != 1 || keys[0].Key != "n/2344" {
		t.Errorf("list: %+v, %v, %v", keys, more, err)
	}
	for _, err := range kv.All(effect.WithOpener(t.Context(), (&pdktest.Effects{}).Open), "") {
		if !errors.Is(err, effect.ErrDenied) {
			t.Errorf("all without a grant: %v", err)
		}
	}
}
