package oci

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// helperTime bounds a credential helper, which may ask a person.
const helperTime = 2 * time.Minute

// credentialStore is Docker's file of credentials with its helpers. It is read
// when it is needed first.
type credentialStore struct {
	path string
	log  *slog.Logger

	once  sync.Once
	store *credentials.DynamicStore
	err   error
}

// file is where credentials are.
func (s *credentialStore) file() (string, error) {
	if s.path != "" {
		return s.path, nil
	}
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the file with credentials: %w", err)
	}
	return filepath.Join(home, ".docker", "config.json"), nil
}

// open reads the file, which need not be there.
func (s *credentialStore) open(plaintext bool) (*credentials.DynamicStore, string, error) {
	path, err := s.file()
	if err != nil {
		return nil, "", err
	}
	store, err := credentials.NewStore(path, credentials.StoreOptions{AllowPlaintextPut: plaintext, DetectDefaultNativeStore: true})
	if err != nil {
		return nil, "", fmt.Errorf("read credentials from %s: %w", path, err)
	}
	return store, path, nil
}

// credential returns what is kept for a registry. Where that cannot be had it is
// none: who may see little does not see more by it.
func (s *credentialStore) credential(ctx context.Context, hostport string) (auth.Credential, error) {
	if s.path == "-" {
		return auth.EmptyCredential, nil
	}
	s.once.Do(func() { s.store, _, s.err = s.open(false) })
	if s.err != nil {
		s.log.Warn("going on without credentials", "registry", hostport, "error", s.err)
		return auth.EmptyCredential, nil
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	c, err := credentials.Credential(s.store)(ctx, hostport)
	if err != nil {
		s.log.Warn("going on without credentials", "registry", hostport, "error", err)
		return auth.EmptyCredential, nil
	}
	return c, nil
}

// Login is what came of [Remotes.Login].
type Login struct {
	// Checked says that the registry asked for the credentials and took them.
	// One that asks for none cannot tell.
	Checked bool
	// File is Docker's file of credentials. Plaintext says that they stand in it,
	// readable, because there is no credential helper.
	File      string
	Plaintext bool
}

// Login shows credentials to a registry and, if it does not refuse them, keeps
// them in Docker's credential store.
func (r *Remotes) Login(ctx context.Context, registry, user, password string) (Login, error) {
	if err := checkRegistry(registry); err != nil {
		return Login{}, err
	}
	if r.store.path == "-" {
		return Login{}, errors.New("there is no file for credentials")
	}
	cred := auth.Credential{Username: user, Password: password}
	var l Login
	client := *r.auth
	client.Cache = nil
	client.Credential = func(context.Context, string) (auth.Credential, error) {
		l.Checked = true
		return cred, nil
	}
	reg, err := remote.NewRegistry(registry)
	if err != nil {
		return Login{}, fmt.Errorf("registry %q: want host or host:port", registry)
	}
	reg.Client, reg.PlainHTTP = &client, r.config.Registries[registry].PlainHTTP
	asked, cancel := context.WithTimeout(ctx, r.limits.metadata)
	defer cancel()
	if err := reg.Ping(asked); err != nil {
		if status := statusOf(err); status == http.StatusUnauthorized || status == http.StatusForbidden {
			return Login{}, fmt.Errorf("registry %s: %w: it does not take this user name and password", registry, ErrDenied)
		}
		return Login{}, describe(registry, err)
	}
	return l, r.keep(ctx, registry, cred, &l)
}

// keep stores credentials, with a helper if there is one.
func (r *Remotes) keep(ctx context.Context, registry string, cred auth.Credential, l *Login) error {
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	address := credentials.ServerAddressFromRegistry(registry)
	store, path, err := r.store.open(false)
	if err != nil {
		return err
	}
	l.File = path
	err = store.Put(ctx, address, cred)
	if errors.Is(err, credentials.ErrPlaintextPutDisabled) {
		l.Plaintext = true
		if store, _, err = r.store.open(true); err == nil {
			err = store.Put(ctx, address, cred)
		}
	}
	if err != nil {
		return fmt.Errorf("keep the credentials for %s: %w", registry, err)
	}
	return nil
}

// Logout removes a registry's credentials from Docker's credential store, and
// reports whether there were any.
func (r *Remotes) Logout(ctx context.Context, registry string) (had bool, err error) {
	if err := checkRegistry(registry); err != nil {
		return false, err
	}
	if r.store.path == "-" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	store, _, err := r.store.open(false)
	if err != nil {
		return false, err
	}
	// One that cannot be read may be removed all the same.
	had = true
	if c, err := store.Get(ctx, credentials.ServerAddressFromRegistry(registry)); err == nil {
		had = c != auth.EmptyCredential
	}
	if err := credentials.Logout(ctx, store, registry); err != nil {
		return false, fmt.Errorf("remove the credentials for %s: %w", registry, err)
	}
	return had, nil
}
