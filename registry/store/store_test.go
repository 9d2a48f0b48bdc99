package store_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/store"
	"github.com/mcpwasm/mcpwasm/registry/store/storetest"
)

func open(t *testing.T, path string) *store.File {
	t.Helper()
	f, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newFile(t *testing.T) *store.File {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "state", "state.db"))
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t,
		func(t *testing.T) store.Store { return newFile(t) },
		func(t *testing.T, s store.Store) store.Store { return open(t, s.(*store.File).Path()) })
}

func TestOps(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		data := make([]byte, 3*100)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		storetest.Ops(t, newFile(t), data)
	}
}

func FuzzOps(f *testing.F) {
	f.Add([]byte("\x22\x00\x01\x02\x00\x01\x1a\x00\x08\x00\x00\x01\x01\x00\x00"))
	f.Add([]byte("\x2a\x09\x11\x1a\x09\x11\x2a\x09\x11\x01\x01\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 300 {
			return
		}
		storetest.Ops(t, newFile(t), data)
	})
}
