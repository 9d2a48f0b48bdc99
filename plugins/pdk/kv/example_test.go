package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/kv"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func Example() {
	// A handler of a guest has such a context.
	ctx := effect.WithOpener(context.Background(), (&pdktest.Effects{KV: &pdktest.KV{}}).Open)

	if _, err := kv.Set(ctx, "city", []byte("Lima"), kv.Options{}); err != nil {
		fmt.Println(err)
	}
	value, _, err := kv.Get(ctx, "city")
	fmt.Printf("%s %v\n", value, err)
	_, _, err = kv.Get(ctx, "town")
	fmt.Println(errors.Is(err, effect.ErrNotFound))
	// Output:
	// Lima <nil>
	// true
}

func ExampleUpdate() {
	ctx := effect.WithOpener(context.Background(), (&pdktest.Effects{KV: &pdktest.KV{}}).Open)
	count := func(value []byte) ([]byte, error) {
		n, _ := strconv.Atoi(string(value)) // 0 for nothing
		return []byte(strconv.Itoa(n + 1)), nil
	}
	for range 3 {
		if err := kv.Update(ctx, "visits", kv.Options{}, count); err != nil {
			fmt.Println(err)
		}
	}
	value, _, _ := kv.Get(ctx, "visits")
	fmt.Printf("%s\n", value)
	// Output: 3
}
