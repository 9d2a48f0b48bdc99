// Package kv keeps data for a guest in the store of its host: keys and values
// that outlive messages and processes. A server sees its own keys only and, where
// the host knows who calls, the caller's own.
//
//	version, err := kv.Set(ctx, "greeting", []byte("hello"), kv.Options{})
//	value, info, err := kv.Get(ctx, "greeting")
//
// Keys are UTF-8 of 1 to 1024 bytes; a value has at most [MaxValueBytes]. What
// was set is durable when Set returns. Every write gives the key a new version;
// with [CompareAndSwap], or [Update] on top of it, several callers change a value
// without losing each other's changes.
//
// Errors are those of package effect: a key that is not there is
// [effect.ErrNotFound], another version than was said [effect.ErrConflict], a
// missing grant, or a tool with readOnlyHint that writes, [effect.ErrDenied].
package kv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/effect"
)

// MaxValueBytes bounds a value.
const MaxValueBytes = 1 << 20

// Absent is the version of a key that is not there.
const Absent = ""

// Info is what the store knows about a key.
type Info struct {
	Key string
	// Version is another one after every write; it can only be compared.
	Version string
	// Size of the value in bytes.
	Size int64
	// TTL is the time that is left, 0 for a value that does not expire.
	TTL time.Duration
}

// Options of a write. The zero value keeps the value for good.
type Options struct {
	// TTL is how long the value is kept, in whole milliseconds; 0 is for ever.
	TTL time.Duration
}

// wireInfo is an Info as the host writes it.
type wireInfo struct {
	Key       string `json:"key"`
	Version   string `json:"version"`
	Size      int64  `json:"size"`
	ExpiresMs int64  `json:"expiresMs"`
}

func (w wireInfo) info() Info {
	return Info{w.Key, w.Version, w.Size, time.Duration(w.ExpiresMs) * time.Millisecond}
}

// Get returns a value. Its error is [effect.ErrNotFound] where there is none.
func Get(ctx context.Context, key string) ([]byte, Info, error) {
	var w wireInfo
	value, err := do(ctx, "kv/get", map[string]string{"key": key}, nil, &w)
	if err != nil {
		return nil, Info{}, err
	}
	w.Key = key
	return value, w.info(), nil
}

// Set writes a value, whatever was there before, and returns its version.
func Set(ctx context.Context, key string, value []byte, o Options) (version string, err error) {
	return set(ctx, key, nil, value, o)
}

// CompareAndSwap writes a value if the key still has the given version; [Absent]
// is that it must not be there. Its error is [effect.ErrConflict] where it has
// another.
func CompareAndSwap(ctx context.Context, key, version string, value []byte, o Options) (newVersion string, err error) {
	return set(ctx, key, &version, value, o)
}

func set(ctx context.Context, key string, version *string, value []byte, o Options) (string, error) {
	if o.TTL != 0 && o.TTL < time.Millisecond {
		return "", &effect.Error{Kind: effect.ErrInvalid, Message: fmt.Sprintf("set %q: a TTL of %v is less than a millisecond", key, o.TTL)}
	}
	params := struct {
		Key       string  `json:"key"`
		IfVersion *string `json:"ifVersion,omitempty"`
		TTLMs     int64   `json:"ttlMs,omitempty"`
	}{key, version, o.TTL.Milliseconds()}
	var w wireInfo
	if _, err := do(ctx, "kv/set", params, bytes.NewReader(value), &w); err != nil {
		return "", err
	}
	return w.Version, nil
}

// Delete removes a key and reports whether it was there.
func Delete(ctx context.Context, key string) (existed bool, err error) {
	return remove(ctx, key, nil)
}

// CompareAndDelete removes a key if it still has the given version. Its error is
// [effect.ErrConflict] where it has another.
func CompareAndDelete(ctx context.Context, key, version string) error {
	_, err := remove(ctx, key, &version)
	return err
}

func remove(ctx context.Context, key string, version *string) (bool, error) {
	params := struct {
		Key       string  `json:"key"`
		IfVersion *string `json:"ifVersion,omitempty"`
	}{key, version}
	var r struct {
		Deleted bool `json:"deleted"`
	}
	_, err := do(ctx, "kv/delete", params, nil, &r)
	return r.Deleted, err
}

// do performs an effect, reads its result into to and returns what follows.
func do(ctx context.Context, method string, params any, body io.Reader, to any) ([]byte, error) {
	result, reply, err := effect.Do(ctx, method, params, body)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Close() }()
	if err := json.Unmarshal(result, to); err != nil {
		return nil, &effect.Error{Kind: effect.ErrFailed, Message: fmt.Sprintf("the host's reply to %s: %v", method, err)}
	}
	return io.ReadAll(reply)
}
