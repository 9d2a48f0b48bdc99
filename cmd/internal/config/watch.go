package config

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must be left alone before it is read: an editor
// writes in several steps.
const settle = 100 * time.Millisecond

// Watch sends a value when the file at path may have changed, until ctx is done,
// and then closes the channel. It watches the folder, because editors replace a
// file rather than write to it, and compares the content, because a folder has
// other files. A hang-up signal, where there is such a thing, counts as a change
// whatever the content.
func Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch configuration: %w", err)
	}
	// A link is replaced in its folder, its target in another.
	folders := []string{filepath.Dir(path)}
	if target, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(target) != folders[0] {
		folders = append(folders, filepath.Dir(target))
	}
	for _, f := range folders {
		if err := w.Add(f); err != nil {
			_ = w.Close() // the first error counts
			return nil, fmt.Errorf("watch configuration: %s: %w", f, err)
		}
	}
	last, _ := os.ReadFile(path) // unreadable counts as empty
	changed := make(chan struct{})
	hangup, stop := hangups()
	go func() {
		defer close(changed)
		defer stop()
		defer func() { _ = w.Close() }() // nothing depends on it any more
		watch(ctx, w.Events, w.Errors, hangup, changed, path, last)
	}()
	return changed, nil
}

func watch(ctx context.Context, events <-chan fsnotify.Event, errs <-chan error, hangup <-chan os.Signal, changed chan<- struct{}, path string, last []byte) {
	var timer <-chan time.Time
	force := false
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				return
			}
			timer = time.After(settle)
		case _, ok := <-errs:
			if !ok {
				return
			}
			// Events were lost; the content tells.
			timer = time.After(settle)
		case <-hangup:
			force = true
			timer = time.After(0)
		case <-timer:
			now, err := os.ReadFile(path)
			if !force && (err != nil || bytes.Equal(now, last)) {
				continue // being replaced, or another file's event
			}
			last, force = now, false
			select {
			case changed <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}
}
