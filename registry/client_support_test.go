package registry

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// upstream is a repository that counts what it is asked for.
type upstream struct {
	*ocitest.Memory
	mu      sync.Mutex
	calls   int
	fetched []string // digests
	// resolve, unless it is nil, answers in place of the repository.
	resolve func(string) (oci.Descriptor, error)
}

func (u *upstream) count() { u.mu.Lock(); u.calls++; u.mu.Unlock() }

func (u *upstream) Resolve(ctx context.Context, name string) (oci.Descriptor, error) {
	u.count()
	if u.resolve != nil {
		return u.resolve(name)
	}
	return u.Memory.Resolve(ctx, name)
}

func (u *upstream) Fetch(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	u.count()
	u.mu.Lock()
	u.fetched = append(u.fetched, d.Digest)
	u.mu.Unlock()
	return u.Memory.Fetch(ctx, d)
}

func (u *upstream) Referrers(ctx context.Context, digest string) ([]oci.Descriptor, error) {
	u.count()
	return u.Memory.Referrers(ctx, digest)
}

// world is a repository with a package "1", a key, and a cache.
type world struct {
	t        testing.TB
	upstream *upstream
	key      crypto.Signer
	pkg      *pack.Package
	cacheDir string
	log      bytes.Buffer
	ref      oci.Reference        // by tag
	verifier func() sign.Verifier // in place of the key's, unless it is nil
}

const asking = `{"contract":1,"name":"io.github.acme/Weather_Now","version":"1.2.0",
	"capabilities":{"http":[{"host":"api.example.com"}]},"definitions":{}}`

func newWorld(t testing.TB, wasm []byte) *world {
	t.Helper()
	m, err := plugins.ParseManifest([]byte(asking))
	must(t, err)
	w := &world{
		t: t, upstream: &upstream{Memory: ocitest.New()}, key: newKey(t), cacheDir: filepath.Join(t.TempDir(), "packages"),
		ref: oci.Reference{Registry: "registry.example", Repository: "acme/weather", Tag: "1"},
	}
	w.pkg, err = pack.Build(wasm, m, pack.Options{})
	must(t, err)
	must(t, w.pkg.Push(context.Background(), w.upstream, "1"))
	return w
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := sign.GenerateKey(sign.ECDSA)
	must(t, err)
	return key
}

func (w *world) sign(d oci.Descriptor, key crypto.Signer) {
	w.t.Helper()
	s, err := sign.KeySigner(key)
	must(w.t, err)
	_, err = sign.Attach(context.Background(), w.upstream, d, sign.PredicateSignature, nil, s)
	must(w.t, err)
}

// index pushes an index of the package and tags it "index".
func (w *world) index() oci.Descriptor {
	w.t.Helper()
	d := w.pkg.Descriptor
	d.Platform = &oci.Platform{Architecture: "wasm", OS: "wasip1"}
	content, err := json.Marshal(oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: []oci.Descriptor{d}})
	must(w.t, err)
	index := oci.Describe(oci.MediaTypeIndex, content)
	must(w.t, w.upstream.Push(context.Background(), index, bytes.NewReader(content)))
	must(w.t, w.upstream.Tag(context.Background(), index, "index"))
	return index
}

// policy trusts the key with what the package asks for.
func (w *world) policy() trust.Policy {
	w.t.Helper()
	v, err := sign.NewKeyVerifier("acme.pub", w.key.Public())
	must(w.t, err)
	if w.verifier != nil {
		v = w.verifier()
	}
	return trust.Policy{Rules: []trust.Rule{{
		Repositories: []string{"registry.example/acme/*"}, Signers: []sign.Verifier{v}, Ceiling: &plugins.Ceiling{Any: true},
	}}}
}

// client returns a client that trusts the key; change, unless it is nil, changes
// its configuration.
func (w *world) client(change func(*ClientConfig)) *Client {
	w.t.Helper()
	config := ClientConfig{
		Repository: func(oci.Reference) oci.Target { return w.upstream },
		Trust:      w.policy(),
		Log:        slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	c, err := NewClient(config)
	must(w.t, err)
	return c
}

// cached is client with the cache.
func (w *world) cached(offline bool) *Client {
	w.t.Helper()
	return w.client(func(c *ClientConfig) { c.Cache, c.Offline = w.cache(), offline })
}

func (w *world) cache() *cache.Cache {
	w.t.Helper()
	c, err := cache.Open(w.cacheDir, cache.Options{Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	must(w.t, err)
	w.t.Cleanup(func() { _ = c.Close() }) // a folder for temporary files
	return c
}

// at is the reference with a digest and without a tag.
func (w *world) at(digest string) oci.Reference {
	ref := w.ref
	ref.Tag, ref.Digest = "", digest
	return ref
}

func (w *world) tagged(tag string) oci.Reference {
	ref := w.ref
	ref.Tag = tag
	return ref
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// padded is a module of so many bytes, with one custom section behind the rest.
func padded(size int) []byte {
	n := size - len(stdioModule) - 6 // the section's id, its length in 5 bytes
	b := append(bytes.Clone(stdioModule), 0, byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)|0x80, byte(n>>21)|0x80, byte(n>>28))
	filler := make([]byte, n)
	filler[0], filler[1] = 1, 'x' // its name
	for i := 2; i < n; i++ {
		filler[i] = byte(i * i >> 7)
	}
	return append(b, filler...)
}
