package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// TestSignatureTag keeps what a tag of a signature names, and no other tag.
func TestSignatureTag(t *testing.T) {
	c, _ := newCache(t, Options{})
	u := newUpstream()
	tag := "sha256-" + strings.Repeat("a", 64) + ".sig"
	signature := describe([]byte("signature"))
	u.Named[tag], u.Named["latest"] = signature, signature
	online, offline := c.Source(repository, u), c.Source(repository, nil)
	resolve := func(src oci.Source, name string, found bool) {
		t.Helper()
		d, err := src.Resolve(t.Context(), name)
		if found && (err != nil || d.Digest != signature.Digest) || !found && !errors.Is(err, oci.ErrNotFound) {
			t.Errorf("Resolve(%s) = %v, %v; want it found: %t", name, d, err, found)
		}
		Keep(src, "sha256:"+strings.Repeat("a", 64))
	}
	resolve(offline, tag, false)
	resolve(online, tag, true)
	resolve(online, "latest", true)
	resolve(offline, tag, true)
	resolve(offline, "latest", false)
	resolve(c.Source("other.example/a", nil), tag, false)
	// That it is gone is no reason to forget it; another one comes before it.
	delete(u.Named, tag)
	resolve(online, tag, false)
	resolve(offline, tag, true)
	older := signature
	signature = describe([]byte("another signature"))
	u.Named[tag] = signature
	resolve(online, tag, true)
	resolve(offline, tag, true)
	if all, err := oci.ResolveAll(t.Context(), offline, tag); err != nil || len(all) != 2 || all[1].Digest != older.Digest {
		t.Errorf("ResolveAll = %v, %v", all, err)
	}
	if all, err := oci.ResolveAll(t.Context(), offline, "latest"); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("ResolveAll of another tag = %v, %v", all, err)
	}
}

// TestListsAreMerged keeps what a registry does not list any more, and nothing that
// did not vouch.
func TestListsAreMerged(t *testing.T) {
	c, _ := newCache(t, Options{})
	u := newUpstream()
	subject := oci.DigestOf([]byte("subject"))
	many := func(from, to int) (list []oci.Descriptor) {
		for i := from; i < to; i++ {
			list = append(list, describe(fmt.Append(nil, i)))
		}
		return list
	}
	answer := func(list []oci.Descriptor, keep bool, want []oci.Descriptor) {
		t.Helper()
		u.Referring[subject] = list
		src := c.Source(repository, u)
		if got, err := src.Referrers(t.Context(), subject); err != nil || len(got) != len(list) {
			t.Fatalf("Referrers = %v, %v", got, err)
		}
		Keep(src, oci.DigestOf(nil)) // of something else
		if keep {
			Keep(src, subject)
		}
		wantList(t, c.Source(repository, nil), subject, want)
	}
	answer(many(0, 2), false, nil)
	answer(many(0, 2), true, many(0, 2))
	answer(many(7, 8), false, many(0, 2))
	answer(nil, true, many(0, 2))
	answer(many(1, 3), true, append(many(1, 3), many(0, 1)...))
	answer(many(10, 40), true, append(many(10, 40), append(many(1, 3), many(0, 1)...)...))
	answer(many(50, 60), true, append(many(50, 60), many(10, 10+maxGone)...))
	answer(many(100, 100+oci.MaxReferrers), true, many(100, 100+oci.MaxReferrers))
	Keep(u, subject) // it is no cache
}

// TestResolveDigest describes a manifest by its content, whoever else says what.
func TestResolveDigest(t *testing.T) {
	c, _ := newCache(t, Options{})
	manifest, text := []byte(`{"schemaVersion":2,"config":{},"layers":[]}`), []byte("text")
	u := newUpstream(manifest, text)
	lie := oci.Describe("text/html", manifest)
	u.Manifests[lie.Digest] = lie
	for _, b := range [][]byte{manifest, text} {
		want(t, c.Source(repository, u), b)
	}
	for name, src := range map[string]oci.Source{"online": c.Source(repository, u), "offline": c.Source(repository, nil)} {
		d, err := src.Resolve(t.Context(), oci.DigestOf(manifest))
		if err != nil || d.MediaType != oci.MediaTypeManifest || d.Size != int64(len(manifest)) {
			t.Errorf("%s: Resolve = %+v, %v", name, d, err)
		}
		for _, digest := range []string{oci.DigestOf(text), oci.DigestOf(nil)} {
			if _, err := src.Resolve(t.Context(), digest); !errors.Is(err, oci.ErrNotFound) {
				t.Errorf("%s: what is no manifest, or not there: %v", name, err)
			}
		}
	}
	u.Manifests[oci.DigestOf(text)] = lie
	if _, err := c.Source(repository, u).Resolve(t.Context(), oci.DigestOf(text)); !errors.Is(err, oci.ErrContent) {
		t.Errorf("another digest than asked for: %v", err)
	}
}

// TestListsAreBounded refuses too many referrers, and keeps large ones without what
// is not needed.
func TestListsAreBounded(t *testing.T) {
	c, _ := newCache(t, Options{})
	u := newUpstream()
	subject := oci.DigestOf([]byte("subject"))
	for i := range oci.MaxReferrers {
		d := describe(fmt.Append(nil, i))
		d.Annotations = map[string]string{"large": strings.Repeat("x", 5000)}
		d.Data = []byte("data")
		u.Referring[subject] = append(u.Referring[subject], d)
	}
	src := c.Source(repository, u)
	if got, err := src.Referrers(t.Context(), subject); err != nil || len(got) != oci.MaxReferrers {
		t.Fatalf("%d referrers, %v", len(got), err)
	}
	Keep(src, subject)
	got, err := c.Source(repository, nil).Referrers(t.Context(), subject)
	if err != nil || len(got) != oci.MaxReferrers || got[7].Digest != u.Referring[subject][7].Digest || got[7].Annotations != nil || got[7].Data != nil {
		t.Fatalf("offline: %d referrers, %v", len(got), err)
	}
	u.Referring[subject] = append(u.Referring[subject], describe(nil))
	if _, err := c.Source(repository, u).Referrers(t.Context(), subject); err == nil {
		t.Error("no error for too many")
	}
	if _, err := c.Source(repository, u).Referrers(t.Context(), "latest"); err == nil {
		t.Error("no error for a tag")
	}
}

// TestListsStaySmall writes what is needed of descriptors, and reads no more.
func TestListsStaySmall(t *testing.T) {
	large := strings.Repeat("<", 1<<20)
	l := list{Repository: repository, Name: oci.DigestOf(nil)}
	for i := range 20 {
		d := describe(fmt.Append(nil, i))
		d.MediaType, d.ArtifactType, d.Annotations, d.Data = large, large, map[string]string{large: large}, []byte(large)
		l.Manifests = append(l.Manifests, d)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := encodeList(l)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err != nil || len(b) > 100_000 || n > 4<<20 {
		t.Errorf("%d bytes, %d allocated, %v", len(b), n, err)
	}
	if again, err := parseList(b); err != nil || len(again.Manifests) != 20 {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := parseList([]byte(`{"manifests":[{}` + strings.Repeat(",{}", 1<<20) + `]}`)); !errors.Is(err, wire.ErrTokens) {
		t.Errorf("entries without end: %v", err)
	}
}

// TestMisplacedList does not take one repository's list for another's.
func TestMisplacedList(t *testing.T) {
	c, j := newCache(t, Options{})
	u := newUpstream()
	subject := oci.DigestOf([]byte("subject"))
	u.Referring[subject] = []oci.Descriptor{describe(nil)}
	wantList(t, c.Source(repository, u), subject, u.Referring[subject])
	b, err := c.root.ReadFile(listPath(repository, subject))
	must(t, err)
	must(t, c.root.WriteFile(listPath("other.example/a", subject), b, 0o600))
	wantList(t, c.Source("other.example/a", nil), subject, nil)
	if !j.has("WARN", "another") {
		t.Error("nothing was logged")
	}
	// What it cannot replace is no reason to fail.
	must(t, os.RemoveAll(c.Dir()+"/"+listsDir))
	wantList(t, c.Source(repository, u), subject, u.Referring[subject])
	if !j.has("WARN", "cannot be kept") {
		t.Error("nothing was logged")
	}
}

func FuzzParseList(f *testing.F) {
	subject := oci.DigestOf(nil)
	for _, l := range []list{
		{repository, subject, nil},
		{repository, subject, []oci.Descriptor{describe(nil), {Digest: subject, ArtifactType: "a/b", Annotations: map[string]string{"a": "b"}}}},
		{repository, "sha256-" + hexOf(subject) + ".sig", []oci.Descriptor{describe(nil)}},
		{repository, "latest", nil},
	} {
		b, err := json.Marshal(l)
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseList(b)
		if err != nil {
			return
		}
		again, err := encodeList(l)
		if err != nil {
			t.Fatalf("%q is read, and not written: %v", b, err)
		}
		if m, err := parseList(again); err != nil || m.subject() != l.subject() || len(m.Manifests) != len(l.Manifests) {
			t.Errorf("%q, written as %q: %+v, %v", b, again, m, err)
		}
	})
}
