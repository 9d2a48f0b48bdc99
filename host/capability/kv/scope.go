package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

// scope is the data of one server and principal. Four kinds of entries of the
// store are about it, hash being that of the two names:
//
//	kv/usage/HASH                 how much there is; also the lock of the rest
//	kv/index/HASH/KEY             size and expiry; its version is the guest's
//	kv/value/HASH/KEY             the value
//	kv/expiry/HASH/EXPIRES/KEY    what has to be given back to the quota, by time
//
// Every change rewrites the usage with the version that was read, so that all
// that was read with it still holds: the usage is exact. Values stand apart so
// that a list does not read them. Of these only values expire in the store: an
// index has to be there until its share was given back.
type scope struct {
	server, principal string
	hash              string // as long for every two names, so that none is a prefix
}

func newScope(server, principal string) scope {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(server))) // where the first name ends
	h.Write(n[:])
	h.Write([]byte(server))
	h.Write([]byte(principal))
	return scope{server, principal, hex.EncodeToString(h.Sum(nil))}
}

func (s scope) usageKey() string           { return "kv/usage/" + s.hash }
func (s scope) indexKey(key string) string { return "kv/index/" + s.hash + "/" + key }
func (s scope) valueKey(key string) string { return "kv/value/" + s.hash + "/" + key }
func (s scope) expiryPrefix() string       { return "kv/expiry/" + s.hash + "/" }

func (s scope) expiryKey(ms int64, key string) string {
	return fmt.Sprintf("%s%016x/%s", s.expiryPrefix(), ms, key)
}

// splitExpiry takes an expiryKey apart.
func (s scope) splitExpiry(name string) (ms int64, key string, err error) {
	hexMs, key, ok := strings.Cut(strings.TrimPrefix(name, s.expiryPrefix()), "/")
	if _, err := fmt.Sscanf(hexMs, "%016x", &ms); err != nil || !ok {
		return 0, "", fmt.Errorf("expiry %q cannot be read", name)
	}
	return ms, key, nil
}

// usage is how much a scope has. The names are for people who look into the
// store.
type usage struct {
	Scope     string `json:"scope"`
	Principal string `json:"principal"`
	Bytes     int64  `json:"bytes"` // of keys and values
	Keys      int    `json:"keys"`
}

func (s scope) decodeUsage(e store.Entry) (usage, error) {
	u := usage{Scope: s.server, Principal: s.principal}
	if e.Version == 0 {
		return u, nil
	}
	if err := json.Unmarshal(e.Value, &u); err != nil {
		return u, fmt.Errorf("usage of %q: %w", s.server, err)
	}
	return u, nil
}

// add counts an entry, n times.
func (u *usage) add(key string, size int64, n int) {
	u.Keys += n
	u.Bytes += int64(n) * (int64(len(key)) + size)
}

// quota bounds a usage.
type quota struct {
	bytes int64
	keys  int
}

// over says what a step from one usage to another exceeds. One that gives
// something back never does: a quota may have been lowered.
func (q quota) over(before, after usage) error {
	switch {
	case after.Bytes > q.bytes && after.Bytes > before.Bytes:
		return fmt.Errorf("%d bytes of keys and values would be more than the quota of %d", after.Bytes, q.bytes)
	case after.Keys > q.keys && after.Keys > before.Keys:
		return fmt.Errorf("%d keys would be more than %d", after.Keys, q.keys)
	}
	return nil
}

// index is what is known of a value: the zero value where there is none.
type index struct {
	version uint64
	size    int64
	expires int64 // milliseconds, 0 for never
}

func decodeIndex(e store.Entry) (index, error) {
	if e.Version == 0 {
		return index{}, nil
	}
	if len(e.Value) != 16 {
		return index{}, errors.New("an index cannot be read")
	}
	return index{
		version: e.Version,
		size:    int64(binary.BigEndian.Uint64(e.Value)),
		expires: int64(binary.BigEndian.Uint64(e.Value[8:])),
	}, nil
}

func (x index) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(x.size))
	return binary.BigEndian.AppendUint64(b, uint64(x.expires))
}

func (x index) alive(now time.Time) bool {
	return x.version != 0 && (x.expires == 0 || x.expires > now.UnixMilli())
}

// left returns the milliseconds until x expires, nil for never.
func (x index) left(now time.Time) *int64 {
	if x.expires == 0 {
		return nil
	}
	left := x.expires - now.UnixMilli()
	return &left
}
