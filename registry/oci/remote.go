package oci

import (
	"context"
	"log/slog"
)

// Config says how registries are reached.
type Config struct {
	// Registries are settings by the registry's name as references have it:
	// host or host:port. One that is not here is reached by HTTPS with the
	// system's roots.
	Registries map[string]Registry
	// DockerConfig is the file with credentials and credential helpers. Default:
	// $DOCKER_CONFIG/config.json, or ~/.docker/config.json. "-" is none.
	DockerConfig string
	// UserAgent is what registries are told. Default "mcpwasm".
	UserAgent string
	// Log takes what an operator should know, such as a mirror that is down.
	// Nil drops it.
	Log *slog.Logger
}

// Registry is how one registry is reached.
type Registry struct {
	// PlainHTTP speaks HTTP, unencrypted. SkipVerify accepts any certificate.
	PlainHTTP, SkipVerify bool
	// CA is a file with PEM certificates that are trusted in place of the
	// system's.
	CA string
	// Mirrors are other registries, "host[:port][/prefix]", asked in their order
	// before the registry itself, for reading only. Their own settings stand in
	// the same table. What they return is verified as if it came from the registry.
	Mirrors []string
}

// Transfer is how far the transfer of one piece of content has come.
type Transfer struct {
	Digest      string
	MediaType   string
	Done, Total int64 // bytes
}

type progressKey struct{}

// WithProgress has transfers under the context reported to f, from several
// goroutines and often.
func WithProgress(ctx context.Context, f func(Transfer)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Report tells the context's progress function, if there is one.
func Report(ctx context.Context, t Transfer) {
	if f, ok := ctx.Value(progressKey{}).(func(Transfer)); ok {
		f(t)
	}
}

// Remotes reaches the repositories of registries.
type Remotes struct{ config Config }

// NewRemotes checks a configuration: a CA file that cannot be read, or a mirror
// that is none, is an error.
func NewRemotes(c Config) (*Remotes, error) { return &Remotes{c}, nil }

// Repository returns a reference's repository. Nothing is sent yet.
func (r *Remotes) Repository(ref Reference) Target { return nil }
