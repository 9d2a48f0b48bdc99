package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

	"github.com/mcpwasm/mcpwasm/registry/store"
)

const canary = `canary-8f2e61/+"é`

// memory is a keyring: that of a test's machine is its user's.
type memory struct {
	mu   sync.Mutex
	text map[string]string
	err  error
}

func (m *memory) Get(account string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.text[account]
	return text, ok, m.err
}

func (m *memory) Set(account, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.text[account] = text
	}
	return m.err
}

func newMemory() *memory { return &memory{text: map[string]string{}} }

func newStore(t *testing.T) *store.File {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t *testing.T, v *Vault, name, value string) {
	t.Helper()
	if err := v.Set(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t *testing.T, v *Vault, name, want string) {
	t.Helper()
	if got, err := v.Get(t.Context(), name); err != nil || got != want {
		t.Errorf("the value of %q is %q, %v; want %q", name, got, err, want)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %q in it", err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "AGE-SECRET-KEY-1Q")) {
		t.Errorf("the error has a secret in it: %v", err)
	}
}

// TestVault runs over each place that a key can be in.
func TestVault(t *testing.T) {
	t.Parallel()
	ring := newMemory()
	file := filepath.Join(t.TempDir(), "key")
	asked := 0
	ask := func(context.Context, string) (string, error) { asked++; return "correct horse", nil }
	locked := filepath.Join(t.TempDir(), "locked")
	for _, tt := range []struct {
		name     string
		new, old Options // for the first, and for later ones
		where    string
	}{
		{"keyring", Options{Keyring: ring}, Options{Keyring: ring}, "the keyring of the operating system"},
		{"key file", Options{KeyFile: file}, Options{}, "the key file " + file},
		{"passphrase", Options{KeyFile: locked, NewPassphrase: ask, Passphrase: ask, workFactor: 10}, Options{Passphrase: ask}, "the key file " + locked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			v := Open(s, tt.new)
			if where, err := v.Where(t.Context()); err != nil || where != "" {
				t.Errorf("before, the key is in %q, %v", where, err)
			}
			start := time.Now().Truncate(time.Second)
			set(t, v, "github", canary)
			set(t, v, "mail", "another-value")
			set(t, v, "github", canary+"2")
			later := Open(s, tt.old)
			wantValue(t, later, "github", canary+"2")
			wantValue(t, v, "mail", "another-value")
			if where, err := later.Where(t.Context()); err != nil || where != tt.where {
				t.Errorf("the key is in %q, %v", where, err)
			}
			entries, err := later.List(t.Context())
			if err != nil || len(entries) != 2 || entries[0].Name != "github" || entries[1].Name != "mail" {
				t.Fatalf("the list is %v, %v", entries, err)
			}
			if at := entries[0].Set; at.Before(start) || at.After(time.Now()) {
				t.Errorf("it was set at %v", at)
			}
			if err := later.Check(t.Context(), "github"); err != nil {
				t.Error(err)
			}
			wantError(t, later.Check(t.Context(), "githup"), `there is no such secret: "githup": did you mean "github"?`)
			if err := later.Remove(t.Context(), "github"); err != nil {
				t.Fatal(err)
			}
			_, err = v.Get(t.Context(), "github")
			if !errors.Is(err, ErrNotFound) || !errors.Is(v.Remove(t.Context(), "github"), ErrNotFound) {
				t.Errorf("after it was removed: %v", err)
			}
			if err := v.Remove(t.Context(), "mail"); err != nil {
				t.Fatal(err)
			}
			if where, err := v.Where(t.Context()); err != nil || where != "" {
				t.Errorf("after the last one was removed, the key is in %q, %v", where, err)
			}
		})
	}
	if asked != 3 { // for the new file, to read it, and later
		t.Errorf("a passphrase was asked for %d times", asked)
	}
}

// TestRest looks for a value in what is left on the disk.
func TestRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	v := Open(s, Options{KeyFile: filepath.Join(dir, "key")})
	set(t, v, "github", canary)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	recipient := v.key.identity.Recipient().String()
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{"canary", base64.StdEncoding.EncodeToString([]byte(canary))[:12], fmt.Sprintf("%x", canary), recipient} {
			if bytes.Contains(b, []byte(form)) {
				t.Errorf("%s has %q", f.Name(), form)
			}
		}
		if f.Name() != "key" && bytes.Contains(b, []byte("AGE-SECRET-KEY")) {
			t.Errorf("%s has the key", f.Name())
		}
	}
}

// TestForged has entries that somebody changed who can write to the store, and
// not more.
func TestForged(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	v := Open(s, Options{Keyring: newMemory()})
	set(t, v, "github", canary)
	set(t, v, "mail", "another-value")
	read := func(name string) record {
		e, err := s.Get(t.Context(), prefix+name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := decodeRecord(e[0])
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	github, mail := read("github"), read("mail")
	forge := func(sl sealed) record {
		b, err := json.Marshal(sl)
		if err != nil {
			t.Fatal(err)
		}
		data, err := encrypt(b, v.key.identity.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		return record{sl.Set, data}
	}
	flipped := slices.Clone(mail.Data)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name string
		put  record
		want string
	}{
		{"another's", record{github.Set, github.Data}, "another one in its place"},
		{"another time", record{mail.Set.Add(time.Hour), mail.Data}, "another one in its place"},
		{"one bit", record{mail.Set, flipped}, "cannot be decrypted"},
		{"cut off", record{mail.Set, mail.Data[:len(mail.Data)-1]}, "cannot be decrypted"},
		{"none", record{mail.Set, nil}, "cannot be decrypted"},
		{"encrypted to the key", forge(sealed{Name: "mail", Set: mail.Set, Value: "forged-value"}), "not written with its key"},
		{"with a code that is wrong", forge(sealed{Name: "mail", Set: mail.Set, Value: "forged-value", MAC: make([]byte, 32)}), "not written with its key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(tt.put)
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, prefix+"mail", b)
			got, err := v.Get(t.Context(), "mail")
			wantError(t, err, tt.want)
			if got != "" {
				t.Errorf("the value is %q", got)
			}
		})
	}
	t.Run("no record", func(t *testing.T) {
		put(t, s, prefix+"mail", []byte("{"))
		_, err := v.Get(t.Context(), "mail")
		wantError(t, err, "damaged")
		_, err = v.List(t.Context())
		wantError(t, err, `"secret/mail" is damaged`)
		if err := v.Remove(t.Context(), "mail"); err != nil {
			t.Errorf("it cannot be removed: %v", err)
		}
	})
}

func put(t *testing.T, s store.Store, key string, value []byte) {
	t.Helper()
	old, err := s.Get(t.Context(), key)
	if err == nil {
		_, err = s.Apply(t.Context(), store.Change{Key: key, If: old[0].Version, Value: value})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoKey has vaults whose key cannot be had: nothing else is taken in its
// place.
func TestNoKey(t *testing.T) {
	t.Parallel()
	broken := &memory{err: errors.New("no bus")}
	inRing, ring := newStore(t), newMemory()
	set(t, Open(inRing, Options{Keyring: ring}), "github", canary)
	inFile, file := newStore(t), filepath.Join(t.TempDir(), "key")
	set(t, Open(inFile, Options{KeyFile: file}), "github", canary)
	other := filepath.Join(t.TempDir(), "other")
	set(t, Open(newStore(t), Options{KeyFile: other}), "github", canary)
	garbage := newMemory()
	for account := range maps.Keys(ring.text) {
		garbage.text[account] = "AGE-SECRET-KEY-1QQQ"
	}
	tests := []struct {
		name  string
		store store.Store
		o     Options
		want  string
	}{
		{"the keyring is out of order", inRing, Options{Keyring: broken}, "the keyring of the operating system cannot be used: no bus"},
		{"the keyring is another", inRing, Options{Keyring: newMemory()}, "no key of this store any more"},
		{"the keyring has something else", inRing, Options{Keyring: garbage}, "is no key"},
		{"a file in the keyring's place", inRing, Options{Keyring: ring, KeyFile: other}, "another key than the store's secrets, which are for that in the keyring"},
		{"another file", inFile, Options{KeyFile: other}, "another key than the store's secrets, which are for that in the key file " + file},
		{"a file that is not there", inFile, Options{KeyFile: other + "2"}, "2: this store has its key already, in the key file " + file},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Open(tt.store, tt.o)
			_, err := v.Get(t.Context(), "github")
			wantError(t, err, tt.want)
			wantError(t, v.Set(t.Context(), "mail", "another-value"), tt.want)
			if entries, err := v.List(t.Context()); err != nil || len(entries) != 1 {
				t.Errorf("the list is %v, %v", entries, err)
			}
		})
	}
	t.Run("a new vault without a keyring", func(t *testing.T) {
		s := newStore(t)
		err := Open(s, Options{Keyring: broken}).Set(t.Context(), "github", canary)
		if wantError(t, err, "no bus"); !errors.Is(err, ErrNoKeyring) {
			t.Errorf("the error is %v", err)
		}
		if entries, err := s.List(t.Context(), "", "", 10); err != nil || len(entries) > 0 {
			t.Errorf("the store has %d entries, %v", len(entries), err)
		}
	})
	t.Run("a list with another file", func(t *testing.T) {
		for named, want := range map[string]error{other + "2": ErrOtherKey, file: nil, "": nil} {
			if err := Open(inFile, Options{KeyFile: named}).CheckKeyFile(t.Context()); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", named, err, want)
			}
		}
		if err := Open(newStore(t), Options{KeyFile: other + "2"}).CheckKeyFile(t.Context()); err != nil {
			t.Errorf("a store without a key: %v", err)
		}
	})
	t.Run("a record that is gone", func(t *testing.T) {
		old, err := inFile.Get(t.Context(), metaKey)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := inFile.Apply(t.Context(), store.Change{Key: metaKey, If: old[0].Version, Delete: true}); err != nil {
			t.Fatal(err)
		}
		_, err = Open(inFile, Options{}).Get(t.Context(), "github")
		wantError(t, err, "no record of their key")
	})
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	second, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(context.Context, string) (string, error) { return "wrong horse", nil }
	locked, err := keys{Options{NewPassphrase: func(context.Context, string) (string, error) { return "correct horse", nil }, workFactor: 10}}.
		protect(t.Context(), "", []byte(id.String()))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, content string
		mode          os.FileMode
		o             Options
		want          string // "" where it can be used
	}{
		{"of age-keygen", "# created: 2026\n# public key: " + id.Recipient().String() + "\n" + id.String() + "\n", 0o600, Options{}, ""},
		{"read-only", id.String(), 0o400, Options{}, ""},
		{"of the group", id.String(), 0o640, Options{}, "open to other users (mode 0640)"},
		{"of everybody", id.String(), 0o604, Options{}, "open to other users (mode 0604)"},
		{"empty", "", 0o600, Options{}, "want one X25519 identity"},
		{"two keys", id.String() + "\n" + second.String(), 0o600, Options{}, "want one X25519 identity"},
		{"a typo", "AGE-SECRET-KEY-1QQQ", 0o600, Options{}, "want one X25519 identity"},
		{"too large", strings.Repeat("#", maxKeyFile) + "\n" + id.String(), 0o600, Options{}, "too large"},
		{"encrypted, and nobody to ask", string(locked), 0o600, Options{}, "nobody can be asked"},
		{"the wrong passphrase", string(locked), 0o600, Options{Passphrase: wrong}, "the passphrase is wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if goruntime.GOOS == "windows" && tt.mode&0o077 != 0 {
				return // has no such modes
			}
			tt.o.KeyFile = filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(tt.o.KeyFile, []byte(tt.content), tt.mode); err != nil {
				t.Fatal(err)
			}
			v := Open(newStore(t), tt.o)
			err := v.Set(t.Context(), "github", canary)
			if tt.want != "" {
				wantError(t, err, tt.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantValue(t, v, "github", canary)
		})
	}
	t.Run("made", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		set(t, Open(newStore(t), Options{KeyFile: path}), "github", canary)
		info, err := os.Stat(path)
		if err != nil || goruntime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info.Mode(), err)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
			t.Errorf("there are %v, %v", left, err)
		}
	})
}

// TestUnprotected: a passphrase for a key that is there already is not ignored.
func TestUnprotected(t *testing.T) {
	t.Parallel()
	ask := func(context.Context, string) (string, error) { return "correct horse", nil }
	ring, inRing := newMemory(), newStore(t)
	set(t, Open(inRing, Options{Keyring: ring}), "github", canary)
	inFile, file := newStore(t), filepath.Join(t.TempDir(), "key")
	set(t, Open(inFile, Options{KeyFile: file}), "github", canary)
	for _, tt := range []struct {
		name  string
		store store.Store
		o     Options
	}{
		{"in the keyring", inRing, Options{Keyring: ring}},
		{"in a file", inFile, Options{}},
		{"in a file that is named", inFile, Options{KeyFile: file}},
		{"a file for a new store", newStore(t), Options{KeyFile: file}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.NewPassphrase = ask
			if err := Open(tt.store, tt.o).Set(t.Context(), "mail", canary); !errors.Is(err, ErrUnprotected) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	t.Run("a keyring for a new store", func(t *testing.T) {
		err := Open(newStore(t), Options{Keyring: ring, NewPassphrase: ask}).Set(t.Context(), "mail", canary)
		wantError(t, err, "a passphrase is for a key file")
	})
	t.Run("with one", func(t *testing.T) {
		s, o := newStore(t), Options{KeyFile: filepath.Join(t.TempDir(), "key"), Passphrase: ask, NewPassphrase: ask, workFactor: 10}
		set(t, Open(s, o), "github", canary)
		set(t, Open(s, o), "mail", canary)
	})
}

// TestTogether has several processes that set the first secrets at once.
func TestTogether(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"keyring":  {Keyring: newMemory()},
		"key file": {KeyFile: filepath.Join(t.TempDir(), "key")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			const n = 4
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					if err := Open(s, o).Set(t.Context(), fmt.Sprintf("s%d", i), fmt.Sprintf("value-number-%d", i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for i := range n {
				wantValue(t, Open(s, o), fmt.Sprintf("s%d", i), fmt.Sprintf("value-number-%d", i))
			}
		})
	}
}

// asleep is a keyring that waits for its user.
type asleep struct{ called, wake chan struct{} }

func (a asleep) Get(string) (string, bool, error) { <-a.wake; return "", false, nil }
func (a asleep) Set(string, string) error         { close(a.called); <-a.wake; return nil }

// TestKeyringWaits has a caller that does not wait for the user.
func TestKeyringWaits(t *testing.T) {
	t.Parallel()
	a := asleep{make(chan struct{}), make(chan struct{})}
	defer close(a.wake)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-a.called; cancel() }()
	err := Open(newStore(t), Options{Keyring: a}).Set(ctx, "github", canary)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoKeyring) {
		t.Errorf("the error is %v", err)
	}
}

// TestSystem has the library's own stand-in for a keyring: that of a test's
// machine is its user's.
func TestSystem(t *testing.T) {
	keyring.MockInit()
	if text, ok, err := (system{}).Get("none"); text != "" || ok || err != nil {
		t.Errorf("got %q, %v, %v", text, ok, err)
	}
	s := newStore(t)
	set(t, Open(s, Options{}), "github", canary)
	wantValue(t, Open(s, Options{}), "github", canary)
}

func TestSetRefuses(t *testing.T) {
	t.Parallel()
	v := Open(newStore(t), Options{Keyring: newMemory()})
	for _, tt := range []struct{ name, secret, value, want string }{
		{"a name", "a/b", canary, "want at most 64 letters"},
		{"no name", "", canary, "want at most 64 letters"},
		{"a short value", "github", "canary", "6 bytes"},
		{"a long value", "github", strings.Repeat("canary", 1<<14), "longer than 65536 bytes"},
		{"two lines", "github", canary + "\n" + canary, "one line"},
	} {
		t.Run(tt.name, func(t *testing.T) { wantError(t, v.Set(t.Context(), tt.secret, tt.value), tt.want) })
	}
	longest := strings.Repeat(`"`, 64<<10)
	set(t, v, "github", longest)
	wantValue(t, v, "github", longest)
}
