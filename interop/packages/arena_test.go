package packages

import (
	"crypto/ecdsa"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/refusals.txt")

// version is the tag of the package that is attacked.
const version = "1.0.0"

// arena is a place of somebody who uses a package of the guest canary, signed by
// a key that is trusted, from a registry in an attacker's hands.
type arena struct {
	*place
	m          *meddler
	repository string
	key        *ecdsa.PrivateKey // the publisher's
	pkg        descriptor        // the package's manifest
	parts      manifest          // and what it says
	signature  descriptor        // the manifest of the signature
	bundle     descriptor        // and the bundle
	list       descriptor        // the list of referrers behind a tag, if there is one
	code       int               // with which refusals end
	// roles name digests in messages.
	roles map[string]string
}

// published is the canary as a package, built once.
var published struct {
	once     sync.Once
	content  map[string][]byte
	manifest manifest
}

func newArena(t *testing.T) *arena {
	t.Helper()
	a := &arena{place: newPlace(t), repository: slug(t.Name()), code: 3, roles: map[string]string{}}
	a.m = newMeddler(t, api)
	published.once.Do(func() {
		digest := a.publish(api, guest, "published/canary", version)
		published.content = map[string][]byte{}
		text := api.get(t, "/v2/published/canary/manifests/"+digest)
		if err := json.Unmarshal(text, &published.manifest); err != nil {
			t.Fatal(err)
		}
		for _, d := range append(slices.Clone(published.manifest.Layers), *published.manifest.Config) {
			published.content[d.Digest] = api.get(t, "/v2/published/canary/blobs/"+d.Digest)
		}
	})
	if published.content == nil {
		t.Fatal("the package could not be published")
	}
	a.parts = published.manifest
	a.parts.Layers = slices.Clone(a.parts.Layers)
	for digest, content := range published.content {
		api.blob(t, a.repository, "", content)
		a.roles[digest] = "LAYER"
	}
	a.roles[a.parts.Config.Digest] = "CONFIG"
	a.roles[a.layer(mediaTypeWasm).Digest] = "MODULE"
	a.roles[a.layer(mediaTypeOwn).Digest] = "OWN-MANIFEST"
	a.pkg = a.put("PACKAGE", version, a.parts)
	var err error
	if a.key, err = newECDSA(); err != nil {
		t.Fatal(err)
	}
	a.write("k.pub", publicKey(t, a.key), 0o600)
	a.configure(byKey("k.pub"), &a.m.registry)
	return a
}

// mediaTypeOwn is our manifest's layer.
const mediaTypeOwn = "application/vnd.mcpwasm.manifest.v1+json"

// layer returns the package's layer of a type.
func (a *arena) layer(mediaType string) *descriptor {
	a.t.Helper()
	i := slices.IndexFunc(a.parts.Layers, func(d descriptor) bool { return d.MediaType == mediaType })
	if i < 0 {
		a.t.Fatalf("the package has no layer of type %s: %+v", mediaType, a.parts)
	}
	return &a.parts.Layers[i]
}

// put adds a manifest to the repository, and names its digest in messages.
func (a *arena) put(role, tag string, m manifest) descriptor {
	a.t.Helper()
	d := api.manifest(a.t, a.repository, tag, m)
	a.roles[d.Digest] = role
	return d
}

// blob adds content to the repository, and names its digest in messages.
func (a *arena) blob(role, mediaType string, content []byte) descriptor {
	a.t.Helper()
	d := api.blob(a.t, a.repository, mediaType, content)
	a.roles[d.Digest] = role
	return d
}

// sign adds the publisher's signature of a manifest.
func (a *arena) sign(subject descriptor) { a.signBy(a.key, subject, subject.Digest) }

// signBy adds the signature of a digest to a manifest.
func (a *arena) signBy(key *ecdsa.PrivateKey, subject descriptor, digest string) {
	a.t.Helper()
	a.vouch(subject, predicateSignature, keyBundle(a.t, key, statement(digest, predicateSignature, map[string]any{})))
}

// vouch adds a bundle to a manifest.
func (a *arena) vouch(subject descriptor, predicateType string, bundle []byte) {
	a.t.Helper()
	a.signature = api.attachBundle(a.t, a.repository, subject, predicateType, bundle)
	a.bundle = describe(mediaTypeBundle, bundle)
	a.roles[a.signature.Digest], a.roles[a.bundle.Digest] = "SIGNATURE", "BUNDLE"
}

// ref is how the package is asked for.
func (a *arena) ref() string { return a.m.host + "/" + a.repository + ":" + version }

// byDigest is how it is asked for by whoever knows what it should be.
func (a *arena) byDigest() string { return at(&a.m.registry, a.repository, a.pkg.Digest) }

// call is the command line that calls the package's tool, showing all that the
// guest writes.
func (a *arena) call(what string, flags ...string) []string {
	return append(append([]string{"call", "-v"}, flags...), what, "echo", `{"text":"here I am"}`)
}

// add approves the package, with a folder for caches.
func (a *arena) add(cache, ref string) {
	a.t.Helper()
	a.must("mcpwasm", "add", "--yes", "--name", "canary", "--cache-dir", a.path(cache), ref)
}

// ran reports what there is of compiled code in a folder for caches, and whether
// the guest ran.
func (a *arena) ran(cache string, r result) (compiled []string, sang bool) {
	a.t.Helper()
	err := filepath.WalkDir(a.path(cache+"/code"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			compiled = append(compiled, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatal(err)
	}
	return compiled, strings.Contains(r.err, canary) || strings.Contains(r.out, "here I am")
}

// mustRun checks that a call gets the guest to run: that there is something for a
// refusal to prevent.
func (a *arena) mustRun(cache, what string, flags ...string) {
	a.t.Helper()
	args := a.call(what, append(flags, "--cache-dir", a.path(cache))...)
	r := a.run("mcpwasm", args...)
	if compiled, sang := a.ran(cache, r); r.code != 0 || len(compiled) == 0 || !sang {
		a.t.Fatalf("mcpwasm %s: exit code %d, compiled code %v, the guest ran: %t\n%s%s", strings.Join(args, " "), r.code, compiled, sang, r.out, r.err)
	}
}

// mustRefuse checks that a command is refused before anything is compiled, and
// returns the message, with what differs between runs replaced.
func (a *arena) mustRefuse(cache string, args ...string) string {
	a.t.Helper()
	args = append([]string{args[0], "--cache-dir", a.path(cache)}, args[1:]...)
	r := a.run("mcpwasm", args...)
	if compiled, sang := a.ran(cache, r); r.code != a.code || len(compiled) > 0 || sang {
		a.t.Fatalf("mcpwasm %s: exit code %d, want %d; compiled code %v; the guest ran: %t\n%s%s", strings.Join(args, " "), r.code, a.code, compiled, sang, r.out, r.err)
	}
	var lines []string
	for line := range strings.Lines(r.err) {
		if strings.HasPrefix(line, "mcpwasm: error: ") || strings.HasPrefix(line, "hint: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) == 0 || len(lines) > 2 {
		a.t.Fatalf("mcpwasm %s: want one line and at most a hint:\n%s", strings.Join(args, " "), r.err)
	}
	return a.neutral(strings.Join(lines, "\n  "))
}

var (
	formDigest  = regexp.MustCompile(`(sha256:)?[0-9a-f]{64}`)
	formAddress = regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`)
	formNumber  = regexp.MustCompile(`\b\d{3,}\b`)
	formTime    = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][0-9:.]+( ?Z| ?[+-]\d{4})?( UTC)?`)
)

// neutral replaces what differs from run to run.
func (a *arena) neutral(text string) string {
	for _, digest := range slices.Sorted(maps.Keys(a.roles)) {
		text = strings.ReplaceAll(text, digest, "<"+a.roles[digest]+">")
		text = strings.ReplaceAll(text, strings.TrimPrefix(digest, "sha256:"), "<"+a.roles[digest]+">")
	}
	text = strings.ReplaceAll(text, a.repository, "REPOSITORY")
	text = strings.ReplaceAll(text, a.dir, "DIR")
	text = strings.ReplaceAll(text, a.m.host, "REGISTRY")
	text = formDigest.ReplaceAllString(text, "<DIGEST>")
	text = formAddress.ReplaceAllString(text, "ADDRESS")
	text = formTime.ReplaceAllString(text, "TIME")
	return formNumber.ReplaceAllString(text, "N")
}

// refusals are the messages of all attacks, kept in a file: so that each is read
// by somebody when it changes, and no two are the same unless somebody said so.
type refusals struct {
	t    *testing.T
	mu   sync.Mutex
	seen map[string]string // by the attack's name
}

const refusalsFile = "testdata/refusals.txt"

func (r *refusals) add(name, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[name] = message
}

// check compares all messages with the file. same names attacks that may share
// the message of another one.
func (r *refusals) check(same map[string]string) {
	r.t.Helper()
	var b strings.Builder
	first := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		message := r.seen[name]
		fmt.Fprintf(&b, "%s\n  %s\n", name, message)
		if same[name] != "" {
			if message != r.seen[same[name]] {
				r.t.Errorf("%s: no longer says the same as %s", name, same[name])
			}
			continue
		}
		if other := first[message]; other != "" {
			r.t.Errorf("%s and %s are refused with the same words: %s", name, other, message)
		}
		first[message] = name
	}
	if *update {
		if err := os.WriteFile(refusalsFile, []byte(b.String()), 0o600); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(refusalsFile)
	if err != nil {
		r.t.Fatal(err)
	}
	if string(want) != b.String() {
		r.t.Errorf("the messages differ from %s; if they are right, run the tests with -update:\n%s", refusalsFile, b.String())
	}
}
