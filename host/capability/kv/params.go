package kv

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// params are those of all methods.
type params struct {
	key     string
	value   []byte  // of a set
	version *uint64 // ifVersion; 0: there must be none
	ttl     time.Duration
	prefix  string
	after   string
	limit   int
}

// parse reads parameters strictly: a member that is not allowed, null, or of
// another type is an error. What a condition or an expiry means must not depend
// on how a guest misspells it.
func parse(o wire.Object, allowed []string) (p params, err error) {
	for _, m := range o.Members() {
		if !slices.Contains(allowed, m.Name) {
			return p, fmt.Errorf("there is no parameter %q", m.Name)
		}
	}
	if slices.Contains(allowed, "key") {
		if p.key, err = key(o); err != nil {
			return p, err
		}
	}
	if p.version, err = version(o); err != nil {
		return p, err
	}
	ms, err := integer(o, "ttlMs", 1, MaxTTL.Milliseconds(), 0)
	if err != nil {
		return p, err
	}
	p.ttl = time.Duration(ms) * time.Millisecond
	if p.prefix, err = part(o, "prefix"); err != nil {
		return p, err
	}
	if p.after, err = part(o, "after"); err != nil {
		return p, err
	}
	limit, err := integer(o, "limit", 1, maxList, defaultList)
	p.limit = int(limit)
	return p, err
}

func key(o wire.Object) (string, error) {
	s, err := part(o, "key")
	if err == nil && s == "" {
		err = fmt.Errorf("key: want 1 to %d bytes", MaxKeyBytes)
	}
	return s, err
}

// part reads a key or the beginning of one; a missing one is "".
func part(o wire.Object, name string) (string, error) {
	s, _, err := o.GetString(name)
	switch {
	case err != nil:
		return "", err
	case len(s) > MaxKeyBytes:
		return "", fmt.Errorf("%s: %d bytes are more than %d", name, len(s), MaxKeyBytes)
	case !utf8.ValidString(s):
		return "", fmt.Errorf("%s: it is not UTF-8", name)
	}
	return s, nil
}

// version reads ifVersion. Only what [formatVersion] writes is one.
func version(o wire.Object) (*uint64, error) {
	s, ok, err := o.GetString("ifVersion")
	if err != nil || !ok {
		return nil, err
	}
	if s == "" {
		return new(uint64), nil
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil || v == 0 || formatVersion(v) != s {
		return nil, errors.New("ifVersion: it is not a version of this store")
	}
	return &v, nil
}

func formatVersion(v uint64) string { return strconv.FormatUint(v, 10) }

// integer reads a number without fraction and exponent.
func integer(o wire.Object, name string, low, high, missing int64) (int64, error) {
	v, ok := o.Get(name)
	if !ok {
		return missing, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < low || n > high || !json.Valid(v) {
		return 0, fmt.Errorf("%s: want a whole number from %d to %d", name, low, high)
	}
	return n, nil
}
