package store_test

import (
	"context"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

func hold(path string, fn func() error) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer db.Close()
	return fn()
}

// roleDamage uses a file that may be damaged: it must answer or fail, and live.
func roleDamage(args []string) error {
	f, err := store.Open(args[0])
	if err != nil {
		fmt.Println("open:", err)
		return nil
	}
	ctx := context.Background()
	_, err = f.List(ctx, "", "", store.MaxBatch)
	fmt.Println("list:", err)
	e, err := f.Get(ctx, "k/0100")
	fmt.Println("get:", err)
	if err == nil {
		_, err = f.Apply(ctx, store.Change{Key: "k/0100", If: e[0].Version, Value: make([]byte, 10_000)})
		fmt.Println("apply:", err)
	}
	return nil
}

func roleFill(args []string) error { fmt.Fprintln(os.Stderr, args); return nil }
