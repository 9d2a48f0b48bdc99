package oci

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	orasregistry "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"
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
	// A tag is resolved by the first that has it, which may be behind the registry.
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

// Remotes reaches the repositories of registries. Its methods may be called at
// the same time.
//
// It never decompresses, follows at most ten redirects, gives credentials to the
// registry that they are for and to nobody else (the token service that the
// registry names gets them as the distribution specification has it), and speaks
// HTTP with the registries that the configuration names only. A server that sends
// nothing for 30 seconds is given up.
type Remotes struct {
	config     Config
	limits     limits
	transports *transports
	auth       *auth.Client
	store      credentialStore
	log        *slog.Logger
	mirrors    map[string][]*mirror    // by registry
	down       map[string]*atomic.Bool // of registries with mirrors
}

// NewRemotes checks a configuration: a CA file that cannot be read, or a mirror
// that is none, is an error.
func NewRemotes(c Config) (*Remotes, error) { return newRemotes(c, defaultLimits) }

func newRemotes(c Config, l limits) (*Remotes, error) {
	if c.UserAgent == "" {
		c.UserAgent = "mcpwasm"
	}
	r := &Remotes{config: c, limits: l, log: c.Log, mirrors: map[string][]*mirror{}, down: map[string]*atomic.Bool{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.store = credentialStore{path: c.DockerConfig, log: r.log}
	r.transports = newTransports(l)
	for name, settings := range c.Registries {
		if err := checkRegistry(name); err != nil {
			return nil, err
		}
		if err := r.transports.add(name, settings); err != nil {
			return nil, err
		}
		r.down[name] = &atomic.Bool{}
		for _, text := range settings.Mirrors {
			m, err := parseMirror(text)
			if err != nil {
				return nil, fmt.Errorf("registry %q: %w", name, err)
			}
			r.mirrors[name] = append(r.mirrors[name], m)
		}
	}
	r.auth = &auth.Client{
		Client:     &http.Client{Transport: &retry.Transport{Base: r.transports, Policy: l.retryPolicy}},
		Header:     http.Header{"User-Agent": {c.UserAgent}},
		Cache:      auth.NewCache(),
		ClientID:   "mcpwasm",
		Credential: r.store.credential,
	}
	return r, nil
}

// Repository returns a reference's repository. Nothing is sent yet. The tag and
// the digest of the reference do not count.
//
// What Fetch returns for content other than manifests is an [io.ReadSeekCloser]: a
// transfer that broke off is continued by Seek to the number of bytes that are
// there. Read then checks the length only, since it has not seen the start: the
// caller checks the digest of the whole. Where the registry does not answer
// requests for ranges Seek returns an error, and Read goes on as if it had not been
// called.
func (r *Remotes) Repository(ref Reference) Target {
	origin := r.repository(ref.Registry, ref.Repository)
	mirrors := r.mirrors[ref.Registry]
	if len(mirrors) == 0 {
		return origin
	}
	m := &mirrored{repository: origin, down: r.down[ref.Registry]}
	for _, each := range mirrors {
		m.mirrors = append(m.mirrors, mirrorOf{each, r.repository(each.registry, each.prefix+ref.Repository)})
	}
	return m
}

// repository is one in a registry.
type repository struct {
	remotes *Remotes
	name    string // registry and path, for errors
	err     error  // why there can be no such repository
	oras    *remote.Repository
	log     *slog.Logger
}

func (r *Remotes) repository(registry, path string) *repository {
	repo := &repository{remotes: r, name: registry + "/" + path, log: r.log}
	ref := orasregistry.Reference{Registry: registry, Repository: path}
	if err := errors.Join(ref.ValidateRegistry(), ref.ValidateRepository()); err != nil {
		repo.err = fmt.Errorf("%q is no repository: want HOST/REPOSITORY", repo.name)
		return repo
	}
	repo.oras = &remote.Repository{
		Client: r.auth, Reference: ref, PlainHTTP: r.config.Registries[registry].PlainHTTP,
		MaxMetadataBytes: MaxManifestBytes,
		// Deleting an old list of referrers needs a permission that publishers
		// rarely have, and the new one does not need it.
		SkipReferrersGC: true,
	}
	return repo
}

// url returns the address of an endpoint: "manifests/latest".
func (r *repository) url(endpoint string) string {
	scheme := "https"
	if r.oras.PlainHTTP {
		scheme = "http"
	}
	return fmt.Sprintf("%s://%s/v2/%s/%s", scheme, r.oras.Reference.Host(), r.oras.Reference.Repository, endpoint)
}

// registry is what errors call the registry.
func (r *repository) registry() string { return r.oras.Reference.Registry }

// get sends a request that reads, authenticated where the registry asks for it.
// The caller closes the body.
func (r *repository) get(ctx context.Context, method, url string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(auth.AppendRepositoryScope(ctx, r.oras.Reference, auth.ActionPull), method, url, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := r.remotes.auth.Do(req)
	if err != nil {
		return nil, describe(r.registry(), err)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		_ = resp.Body.Close() // it is not read
		return nil, fmt.Errorf("registry %s: %w: it is sent with the encoding %q, which was not asked for", r.registry(), ErrContent, shorten(encoding))
	}
	return resp, nil
}

// checkRegistry refuses what is no host or host:port.
func checkRegistry(name string) error {
	ref := orasregistry.Reference{Registry: name}
	if name == "" || ref.ValidateRegistry() != nil || strings.ContainsAny(name, "/@ ") {
		return fmt.Errorf("registry %q: want host or host:port", name)
	}
	return nil
}

// maxCABytes bounds a file of certificates; the system's have some 200 KB.
const maxCABytes = 4 << 20

// readCA reads a file of PEM certificates.
func readCA(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCABytes {
		return nil, fmt.Errorf("%s: want a regular file of at most %d bytes", path, maxCABytes)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxCABytes))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s: there is no PEM certificate in it", path)
	}
	return pool, nil
}
