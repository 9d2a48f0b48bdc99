package packages

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// onDisk are attacks on the cache and the lock file of somebody who has approved
// the package. Each returns the message of the refusal.
var onDisk = []struct {
	name string
	try  func(a *arena) string
	same string // as in an attack
}{
	{name: "cache/manifest flipped", try: cached(func(a *arena) string { return a.pkg.Digest })},
	{name: "cache/config flipped", try: cached(func(a *arena) string { return a.parts.Config.Digest })},
	{name: "cache/module flipped", try: cached(func(a *arena) string { return a.layer(mediaTypeWasm).Digest })},
	{name: "cache/our manifest flipped", try: cached(func(a *arena) string { return a.layer(mediaTypeOwn).Digest })},
	{name: "cache/manifest of the signature flipped", try: cached(func(a *arena) string { return a.signature.Digest })},
	{name: "cache/bundle flipped", try: cached(func(a *arena) string { return a.bundle.Digest })},
	{name: "cache/empty", try: func(a *arena) string {
		a.approved()
		return a.mustRefuse("nothing", a.call("canary", "--offline")...)
	}},
	{name: "lock/digest of another package", try: locked(func(a *arena, text string) string {
		return strings.ReplaceAll(text, a.pkg.Digest, otherDigest)
	})},
	{name: "lock/digest of another module", try: locked(func(a *arena, text string) string {
		return strings.ReplaceAll(text, a.layer(mediaTypeWasm).Digest, otherDigest)
	}), same: "lock/digest of another package"},
	{name: "lock/grant that nobody approved", try: locked(func(a *arena, text string) string {
		return replaceOnce(a.t, text, `"grants": {`, `"grants": {"http": ["example.com"]`)
	}), same: "lock/digest of another package"},
	{name: "lock/cut short", try: locked(func(_ *arena, text string) string { return text[:len(text)/2] })},
	{name: "lock/of another version", try: locked(func(a *arena, text string) string {
		changed := regexp.MustCompile(`"(lockVersion|version|formVersion)": 1\b`).ReplaceAllString(text, `"$1": 2`)
		if changed == text {
			a.t.Fatalf("no version in %s", text)
		}
		return changed
	})},
	{name: "lock/without the signature that is wanted", try: func(a *arena) string {
		a.approved()
		a.must("mcpwasm", "keygen", "--no-password", "-o", "team")
		a.wantSignedLock()
		return a.mustRefuse("again", a.call("canary")...)
	}},
	{name: "lock/changed after it was signed", try: func(a *arena) string {
		a.signedLock()
		signature := a.read("mcpwasm.lock.sigstore.json")
		a.configure(byKey("k.pub"), &a.m.registry) // the attacker's wants no signature
		a.must("mcpwasm", "add", "--yes", "--name", "second", "--cache-dir", a.path("user"), a.ref())
		a.write("mcpwasm.lock.sigstore.json", signature, 0o600)
		a.wantSignedLock()
		return a.mustRefuse("again", a.call("canary")...)
	}},
	{name: "lock/with a signature that was changed", try: func(a *arena) string {
		a.signedLock()
		text := a.read("mcpwasm.lock.sigstore.json")
		at := bytes.Index(text, []byte(`"sig"`)) + 20
		if text[at] == 'A' {
			text[at] = 'B'
		} else {
			text[at] = 'A'
		}
		a.write("mcpwasm.lock.sigstore.json", text, 0o600)
		return a.mustRefuse("again", a.call("canary")...)
	}},
	{name: "lock/with the package of the lock withdrawn by the policy", try: func(a *arena) string {
		a.approved()
		a.write("other.pub", publicKey(a.t, a.otherKey()), 0o600)
		a.configure(byKey("other.pub"), &a.m.registry)
		return a.mustRefuse("again", a.call("canary")...)
	}},
	{name: "moved/rollback", try: func(a *arena) string {
		a.sign(a.pkg)
		older := a.pkg
		a.release("1.1.0")
		a.add("user", a.ref())
		content := api.get(a.t, "/v2/"+a.repository+"/manifests/"+older.Digest)
		api.send(a.t, "PUT", "/v2/"+a.repository+"/manifests/"+version, mediaTypeManifest, content)
		return a.mustRefuse("again", "update", "--yes", "canary")
	}},
}

// approved has the package in the cache of the folder user, and in the lock file.
func (a *arena) approved() {
	a.t.Helper()
	if a.signature.Digest == "" {
		a.sign(a.pkg)
	}
	a.add("user", a.ref())
	a.mustRun("user", "canary")
	if err := os.RemoveAll(a.path("user/code")); err != nil {
		a.t.Fatal(err)
	}
}

// cached approves the package and then flips a bit of a part of it in the cache.
// Without a network there is no other copy.
func cached(part func(a *arena) string) func(a *arena) string {
	return func(a *arena) string {
		a.approved()
		digest := part(a)
		n := 0
		a.eachFile("user", func(path string) {
			content, err := os.ReadFile(path)
			if err != nil {
				a.t.Fatal(err)
			}
			if digestOf(content) == digest {
				n++
				a.overwrite(path, flip(content))
			}
		})
		if n == 0 {
			a.t.Fatalf("%s is not in the cache", digest)
		}
		return a.mustRefuse("user", a.call("canary", "--offline")...)
	}
}

// eachFile calls f for all files below a folder.
func (a *arena) eachFile(dir string, f func(path string)) {
	a.t.Helper()
	err := filepath.WalkDir(a.path(dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			f(path)
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// overwrite replaces a file, whatever its mode is.
func (a *arena) overwrite(path string, content []byte) {
	a.t.Helper()
	if err := os.Remove(path); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// locked approves the package and then changes the lock file.
func locked(change func(a *arena, text string) string) func(a *arena) string {
	return func(a *arena) string {
		a.approved()
		a.write("mcpwasm.lock", []byte(change(a, string(a.read("mcpwasm.lock")))), 0o600)
		return a.mustRefuse("again", a.call("canary")...)
	}
}

func replaceOnce(t *testing.T, text, before, after string) string {
	t.Helper()
	if strings.Count(text, before) != 1 {
		t.Fatalf("want %q once in %s", before, text)
	}
	return strings.Replace(text, before, after, 1)
}

// wantSignedLock has the configuration want a signed lock file.
func (a *arena) wantSignedLock() {
	a.configure(byKey("k.pub")+"  lock: {signers: [{key: team.pub}]}\n", &a.m.registry)
}

// signedLock approves the package in a lock file that is signed, and checks that
// it is used.
func (a *arena) signedLock() {
	a.t.Helper()
	a.approved()
	a.must("mcpwasm", "keygen", "--no-password", "-o", "team")
	a.wantSignedLock()
	a.must("mcpwasm", "lock", "sign", "--key", "team.key")
	a.mustRun("user", "canary")
}

// release publishes and signs the package with another version, under the tag that
// is followed.
func (a *arena) release(number string) {
	a.t.Helper()
	own := bytes.ReplaceAll(published.content[a.layer(mediaTypeOwn).Digest], []byte(`"`+version+`"`), []byte(`"`+number+`"`))
	a.replace(mediaTypeOwn, own)
	a.pkg = a.put("RELEASE", version, a.parts)
	a.sign(a.pkg)
}

// replace puts another layer into the package, and into its config, which lists
// them.
func (a *arena) replace(mediaType string, content []byte) {
	a.t.Helper()
	before := *a.layer(mediaType)
	d := a.blob("REPLACED", mediaType, content)
	d.Annotations = before.Annotations
	config := bytes.ReplaceAll(published.content[a.parts.Config.Digest], []byte(before.Digest), []byte(d.Digest))
	c := a.blob("CONFIG", mediaTypeConfig, config)
	a.parts.Config = &c
	for i := range a.parts.Layers {
		if a.parts.Layers[i].Digest == before.Digest {
			a.parts.Layers[i] = d
		}
	}
}

// TestEveryFileOfTheCache flips a bit in each file of a cache, one at a time.
// Without a network a call is refused or answers as if nothing had happened, and
// with one it always does: what is damaged is fetched again.
func TestEveryFileOfTheCache(t *testing.T) {
	a := newArena(t)
	a.approved()
	parts := map[string]bool{a.pkg.Digest: true, a.signature.Digest: true, a.bundle.Digest: true}
	for digest := range published.content {
		parts[digest] = true
	}
	n := 0
	a.eachFile("user", func(path string) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) == 0 {
			return // a lock of processes
		}
		name, err := filepath.Rel(a.dir, path)
		if err != nil {
			t.Fatal(err)
		}
		n++
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			b := &arena{place: &place{t, a.dir}, m: a.m, repository: a.repository, roles: a.roles}
			b.overwrite(path, flip(bytes.Clone(content)))
			args := b.call("canary", "--offline", "--cache-dir", b.path("user"))
			r := b.run("mcpwasm", args...)
			compiled, sang := b.ran("user", r)
			switch {
			case r.code == 3 && len(compiled) == 0 && !sang:
			case r.code == 0 && sang && !parts[digestOf(content)]:
			default:
				t.Errorf("offline: exit code %d, compiled code %v, the guest ran: %t\n%s%s", r.code, compiled, sang, r.out, r.err)
			}
			b.mustRun("user", "canary")
			if err := os.RemoveAll(b.path("user/code")); err != nil {
				t.Fatal(err)
			}
		})
	})
	if n < len(parts) {
		t.Errorf("the cache has %d files, and the package %d parts", n, len(parts))
	}
}

// TestEveryByteOfTheLock flips a bit in each byte of the lock file, one at a time:
// none of the files is used.
func TestEveryByteOfTheLock(t *testing.T) {
	a := newArena(t)
	a.approved()
	text := a.read("mcpwasm.lock")
	if !json.Valid(text) {
		t.Fatalf("the lock file is no JSON: %s", text)
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	for i := 0; i < len(text); i += step {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		a.write("mcpwasm.lock", changed, 0o600)
		r := a.run("mcpwasm", a.call("canary", "--offline", "--cache-dir", a.path("user"))...)
		if compiled, sang := a.ran("user", r); r.code != 3 || len(compiled) > 0 || sang {
			t.Fatalf("byte %d changed to %q in %q: exit code %d, compiled code %v, the guest ran: %t\n%s%s",
				i, changed[i], changed[max(0, i-30):min(len(changed), i+30)], r.code, compiled, sang, r.out, r.err)
		}
	}
}
