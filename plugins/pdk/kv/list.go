package kv

import (
	"context"
	"iter"
)

// Range says which keys [List] returns.
type Range struct {
	// Prefix that they begin with, "" for all.
	Prefix string
	// After, if it is not "", leaves out keys up to and including this one.
	After string
	// Limit is how many at most, 1 to 1000; 0 is 100.
	Limit int
}

// List returns keys in ascending order of their bytes, without their values.
// more says that there are others behind the last one.
func List(ctx context.Context, r Range) (keys []Info, more bool, err error) {
	params := struct {
		Prefix string `json:"prefix,omitempty"`
		After  string `json:"after,omitempty"`
		Limit  int    `json:"limit,omitempty"`
	}{r.Prefix, r.After, r.Limit}
	var page struct {
		Keys []wireInfo `json:"keys"`
		More bool       `json:"more"`
	}
	if _, err := do(ctx, "kv/list", params, nil, &page); err != nil {
		return nil, false, err
	}
	keys = make([]Info, len(page.Keys))
	for i, k := range page.Keys {
		keys[i] = k.info()
	}
	return keys, page.More && len(keys) > 0, nil
}

// All walks over all keys with a prefix, in ascending order of their bytes. Keys
// that come and go meanwhile may be among them or not. An error is the last pair.
func All(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		r := Range{Prefix: prefix, Limit: 1000}
		for more := true; more; {
			var keys []Info
			var err error
			if keys, more, err = List(ctx, r); err != nil {
				yield(Info{}, err)
				return
			}
			for _, k := range keys {
				if !yield(k, nil) {
					return
				}
				r.After = k.Key
			}
		}
	}
}
