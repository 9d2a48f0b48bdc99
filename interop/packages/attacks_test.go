package packages

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
)

// meddling answers in a registry's place; see meddler.
type meddling = func(w http.ResponseWriter, r *http.Request, real *httptest.ResponseRecorder) bool

// attack is something that an attacker does, after which the package must not be
// used.
type attack struct {
	name string
	// set prepares what the registry has; nil signs the package.
	set func(a *arena)
	// meddle returns how the registry answers, anew for each command; nil leaves
	// it honest.
	meddle func(a *arena) meddling
	// tag is the one that is asked for, by default the package's.
	tag string
	// byTag is set for attacks on what a tag means: whoever asks for a digest is
	// not concerned.
	byTag bool
	// code is the exit code, by default 3: 1 where nothing was refused and the
	// network failed.
	code int
	// same names the attack whose words this one shares, since nobody could tell
	// them apart.
	same string
	// runs is set for what is an attack only if it succeeds: the package is used
	// as it was published.
	runs bool
}

// TestHonest checks that without an attack the same commands do run the guest: that
// what the attacks do is what they are refused for.
func TestHonest(t *testing.T) {
	a := newArena(t)
	a.sign(a.pkg)
	a.must("mcpwasm", "pull", "--cache-dir", a.path("puller"), a.ref(), "-o", a.path("layout"))
	a.mustRun("by digest", a.byDigest())
	a.add("user", a.ref())
	a.mustRun("user", "canary")
	a.mustRun("user", "canary", "--offline")
}

// TestNoNetwork starts a package that was approved: all of it is in the cache, so
// nobody is asked.
func TestNoNetwork(t *testing.T) {
	a := newArena(t)
	a.approved()
	a.m.from(nil)
	a.mustRun("user", "canary")
	a.mustRun("user", a.byDigest())
	if seen := a.m.seen(); len(seen) > 0 {
		t.Errorf("the registry was asked: %v", seen)
	}
}

// TestAttacks makes every attack on every command that fetches. Each is refused
// before anything is compiled, in words of its own.
func TestAttacks(t *testing.T) {
	all := slices.Concat(flippedBytes, signatures, identities, sizes, answers, contents, moved)
	words := &refusals{t: t, seen: map[string]string{}}
	same := map[string]string{}
	t.Run("attack", func(t *testing.T) {
		for _, x := range all {
			if x.same != "" {
				same[x.name] = x.same
			}
			t.Run(x.name, func(t *testing.T) { x.try(t, words) })
		}
		for _, x := range onDisk {
			if x.same != "" {
				same[x.name] = x.same
			}
			t.Run(x.name, func(t *testing.T) { words.add(x.name, x.try(newArena(t))) })
		}
	})
	if !t.Failed() {
		words.check(same)
	}
}

func (x attack) try(t *testing.T, words *refusals) {
	a := newArena(t)
	if x.set != nil {
		x.set(a)
	} else {
		a.sign(a.pkg)
	}
	ref := a.ref()
	if x.tag != "" {
		ref = a.m.host + "/" + a.repository + ":" + x.tag
	}
	arm := func() {
		if x.meddle != nil {
			a.m.from(x.meddle(a))
		}
	}
	arm()
	if x.runs {
		a.add("user", ref)
		a.mustRun("user", "canary")
		return
	}
	a.code = cmp.Or(x.code, 3)
	words.add(x.name, a.mustRefuse("user", "add", "--yes", "--name", "canary", ref))
	commands := [][]string{{"pull", ref, "-o", a.path("layout")}}
	if !x.byTag {
		commands = append(commands, []string{"run", a.byDigest()}, []string{"tools", a.byDigest()}, a.call(a.byDigest()))
	}
	for i, args := range commands {
		arm()
		a.mustRefuse("user"+strconv.Itoa(i), args...)
	}
}
