package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/kv"
)

// prefix is what the keys of notes begin with.
const prefix = "note/"

// Note is a note as it is stored, and as tools return it; the id and the version
// are the store's.
type Note struct {
	ID      string    `json:"id" jsonschema:"what the note is found by"`
	Version string    `json:"version" jsonschema:"another one after every change"`
	Title   string    `json:"title"`
	Text    string    `json:"text,omitempty"`
	Tags    []string  `json:"tags,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// hasTag reports whether a note has a tag; every note has "".
func (n *Note) hasTag(tag string) bool {
	if tag == "" {
		return true
	}
	for _, t := range n.Tags {
		if strings.EqualFold(t, tag) {
			return true
		}
	}
	return false
}

// markdown returns the note for reading.
func (n *Note) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", n.Title)
	if len(n.Tags) > 0 {
		fmt.Fprintf(&b, "Tags: %s\n\n", strings.Join(n.Tags, ", "))
	}
	fmt.Fprintf(&b, "%s\n", n.Text)
	return b.String()
}

// create stores a new note. Its id is the time in milliseconds, which puts ids in
// the order of time; where one is taken, it is the next that is free.
func create(ctx context.Context, n *Note) error {
	n.Created = time.Now().UTC().Truncate(time.Millisecond)
	n.Updated = n.Created
	for at := n.Created.UnixMilli(); ; at++ {
		n.ID = strconv.FormatInt(at, 36)
		err := store(ctx, n, kv.Absent)
		if !errors.Is(err, pdk.ErrConflict) {
			return err
		}
	}
}

// store writes a note over the given version of it.
func store(ctx context.Context, n *Note, version string) error {
	kept := *n
	kept.ID, kept.Version = "", ""
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	n.Version, err = kv.CompareAndSwap(ctx, prefix+n.ID, version, b, kv.Options{})
	return err
}

// load reads a note.
func load(ctx context.Context, id string) (*Note, error) {
	b, info, err := kv.Get(ctx, prefix+id)
	if errors.Is(err, pdk.ErrNotFound) {
		return nil, &pdk.EffectError{Kind: pdk.ErrNotFound, Message: fmt.Sprintf("there is no note %q", id)}
	}
	if err != nil {
		return nil, err
	}
	n := &Note{}
	if err := json.Unmarshal(b, n); err != nil {
		return nil, fmt.Errorf("note %q: %w", id, err)
	}
	n.ID, n.Version = id, info.Version
	return n, nil
}

// atOnce is how many notes are read side by side.
const atOnce = 16

// each calls visit with every note behind the id after, in their order, until it
// returns false. A note that was removed meanwhile is left out.
func each(ctx context.Context, after string, visit func(*Note) bool) error {
	r := kv.Range{Prefix: prefix, Limit: atOnce}
	if after != "" {
		r.After = prefix + after
	}
	for more := true; more; {
		var keys []kv.Info
		var err error
		if keys, more, err = kv.List(ctx, r); err != nil {
			return err
		}
		notes, err := loadAll(ctx, keys)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if n != nil && !visit(n) {
				return nil
			}
		}
		if more {
			r.After = keys[len(keys)-1].Key
		}
	}
	return nil
}

// loadAll reads notes side by side; one that is not there any more is nil.
func loadAll(ctx context.Context, keys []kv.Info) ([]*Note, error) {
	notes, errs := make([]*Note, len(keys)), make([]error, len(keys))
	var group sync.WaitGroup
	for i, k := range keys {
		group.Go(func() {
			n, err := load(ctx, strings.TrimPrefix(k.Key, prefix))
			if !errors.Is(err, pdk.ErrNotFound) {
				notes[i], errs[i] = n, err
			}
		})
	}
	group.Wait()
	return notes, errors.Join(errs...)
}
