package kv

import (
	"context"
	"errors"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// updateTries bounds how often Update begins anew.
const updateTries = 20

// Update changes a value as if nobody else did: change gets what is there, nil
// for nothing, and returns what shall be. Where somebody else was faster it is
// called again, so it must have no other effect. An error of change ends Update
// and is returned; nothing was written then. [effect.ErrConflict] says that
// somebody else was faster twenty times in a row.
func Update(ctx context.Context, key string, o Options, change func(value []byte) ([]byte, error)) error {
	var err error
	for range updateTries {
		if err = updateOnce(ctx, key, o, change); !errors.Is(err, effect.ErrConflict) {
			return err
		}
	}
	return err
}

func updateOnce(ctx context.Context, key string, o Options, change func(value []byte) ([]byte, error)) error {
	value, info, err := Get(ctx, key)
	if err != nil && !errors.Is(err, effect.ErrNotFound) {
		return err
	}
	if value, err = change(value); err != nil {
		return err
	}
	_, err = CompareAndSwap(ctx, key, info.Version, value, o)
	return err
}
