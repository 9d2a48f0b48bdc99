package cli

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

// lazyState opens the folder of state when it is first needed, so that a command
// that keeps nothing leaves nothing behind. A failure is tried again.
type lazyState struct {
	flags *stateFlags
	s     Streams

	mu     sync.Mutex
	opened *state
}

var (
	_ store.Store      = (*lazyState)(nil)
	_ secrets.Provider = (*lazyState)(nil)
)

func (l *lazyState) open() (*state, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		return l.opened, nil
	}
	opened, err := l.flags.open(l.s)
	if err == nil {
		l.opened = opened
	}
	return opened, err
}

// Get implements [store.Store].
func (l *lazyState) Get(ctx context.Context, keys ...string) ([]store.Entry, error) {
	st, err := l.open()
	if err != nil {
		return nil, err
	}
	return st.Store.Get(ctx, keys...)
}

// List implements [store.Store].
func (l *lazyState) List(ctx context.Context, prefix, after string, limit int) ([]store.Entry, error) {
	st, err := l.open()
	if err != nil {
		return nil, err
	}
	return st.Store.List(ctx, prefix, after, limit)
}

// Apply implements [store.Store].
func (l *lazyState) Apply(ctx context.Context, changes ...store.Change) ([]uint64, error) {
	st, err := l.open()
	if err != nil {
		return nil, err
	}
	return st.Store.Apply(ctx, changes...)
}

// Check implements [secrets.Provider].
func (l *lazyState) Check(ctx context.Context, name string) error {
	st, err := l.open()
	if err != nil {
		return err
	}
	return st.Vault.Check(ctx, name)
}

// Value implements [secrets.Provider].
func (l *lazyState) Value(ctx context.Context, name string) (string, error) {
	st, err := l.open()
	if err != nil {
		return "", err
	}
	return st.Vault.Value(ctx, name)
}

// providers are where the values of secrets come from, by the name that a grant
// has for them.
func providers(state *lazyState, log *slog.Logger) map[string]secrets.Provider {
	return map[string]secrets.Provider{
		"store":   state,
		"env":     secrets.Env(os.LookupEnv),
		"file":    secrets.File(log),
		"command": secrets.Command(),
	}
}
