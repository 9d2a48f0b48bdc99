package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/mcpwasm/mcpwasm/internal/links"
)

// settle is how long a file must be left alone before it is read: an editor
// writes in several steps.
const settle = 100 * time.Millisecond

// away is how long a file must be missing before it counts as gone: whoever replaces it
// may take it away first.
const away = 10 * settle

// Watch sends a value when one of the files at paths may have changed, until ctx is
// done, and then closes the channel. It watches their folders, because editors
// replace a file rather than write to it, and compares the content, because a
// folder has other files. A file that is gone has changed when it is back. A
// hang-up signal, where there is such a thing, counts as a change whatever the
// content.
func Watch(ctx context.Context, paths ...string) (<-chan struct{}, error) {
	return watchFiles(ctx, paths, false)
}

// WatchFile is [Watch] for a file of which it is told as well, once, that it is gone.
func WatchFile(ctx context.Context, path string) (<-chan struct{}, error) {
	return watchFiles(ctx, []string{path}, true)
}

func watchFiles(ctx context.Context, paths []string, tellGone bool) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch configuration: %w", err)
	}
	if err := watchFolders(w, paths); err != nil {
		_ = w.Close() // the first error counts
		return nil, fmt.Errorf("watch configuration: %w", err)
	}
	last, _ := contents(paths, nil)
	changed := make(chan struct{})
	hangup, stop := hangups()
	go func() {
		defer close(changed)
		defer stop()
		defer func() { _ = w.Close() }() // nothing depends on it any more
		f := watched{paths: paths, last: last, tellGone: tellGone}
		f.watch(ctx, w, hangup, changed)
	}()
	return changed, nil
}

// watchFolders has a watcher watch the folders of all links by which the paths lead
// to their files, and of the files: a link is replaced in its folder, its target in
// another.
func watchFolders(w *fsnotify.Watcher, paths []string) error {
	var folders []string
	for _, path := range paths {
		trail, err := links.Trail(path)
		if err != nil {
			return err
		}
		for _, place := range trail {
			folders = append(folders, filepath.Dir(place))
		}
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	for _, f := range w.WatchList() {
		if !slices.Contains(folders, f) {
			_ = w.Remove(f) // it is gone, and no longer watched
		}
	}
	for _, f := range folders {
		// In a folder that is not there nothing can change.
		if err := w.Add(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// watched are files with what they had when it was told last.
type watched struct {
	paths    []string
	last     [][]byte
	tellGone bool
	missed   bool // one was gone when it was last looked
}

func (f *watched) watch(ctx context.Context, w *fsnotify.Watcher, hangup <-chan os.Signal, changed chan<- struct{}) {
	var timer <-chan time.Time
	force := false
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.Events:
			if !ok {
				return
			}
			timer = time.After(settle)
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
			// Events were lost; the content tells.
			timer = time.After(settle)
		case <-hangup:
			force = true
			timer = time.After(0)
		case <-timer:
			// The way may be another one now. Where it cannot be found there is nothing
			// to read either, and the folders before are still watched.
			_ = watchFolders(w, f.paths)
			now, whole := contents(f.paths, f.last)
			if !whole && !force && f.tellGone && !f.missed {
				f.missed, timer = true, time.After(away) // it may be back by then
				continue
			}
			whole, f.missed = whole || f.missed, false
			if !force && (!whole || slices.EqualFunc(now, f.last, bytes.Equal)) {
				continue // being replaced, or another file's event
			}
			f.last, force = now, false
			select {
			case changed <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// contents reads the files; one that is not there is nil. whole says that none is
// gone that was there before.
func contents(paths []string, before [][]byte) (now [][]byte, whole bool) {
	whole = true
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			data = nil // unreadable counts as not there
		}
		if data == nil && before != nil && before[i] != nil {
			whole = false
		}
		now = append(now, data)
	}
	return now, whole
}
