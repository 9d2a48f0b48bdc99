package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
	"github.com/mcpwasm/mcpwasm/internal/privdir"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/store"
)

var (
	// ErrOlder is wrapped by the error of a catalog that is older than the one
	// that is kept.
	ErrOlder = errors.New("it is older than the one that is kept")
	// ErrTaken is wrapped by the error of a name that a catalog from elsewhere has.
	ErrTaken = errors.New("the name is taken")
	// ErrNotKept is wrapped by the errors about a catalog that is not there.
	ErrNotKept = errors.New("there is no such catalog")
)

// Kept is what is known about a catalog in a [Folder].
type Kept struct {
	// Name is what it is kept under, of the form of a catalog's name.
	Name string `json:"name"`
	// Origin is where it comes from, and the only place from where it is
	// replaced: a repository, "ghcr.io/acme/catalog", the absolute path of a
	// file, or a URL.
	Origin string `json:"origin"`
	// Reference is what was pulled, with the digest of the manifest; "" of a file
	// or a URL.
	Reference string `json:"reference,omitempty"`
	Format    Format `json:"format"`
	// Signers vouch for it; none of a file or a URL, or where Unsigned is set.
	Signers []string `json:"signers,omitempty"`
	// Unsigned is set where it was pulled from a registry and nobody had to vouch
	// for it.
	Unsigned bool `json:"unsigned,omitempty"`
	// Title, Version, Created and Entries are the catalog's.
	Title   string    `json:"title,omitempty"`
	Version string    `json:"version,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Entries int       `json:"entries"`
	// Pulled is when it was kept, in UTC.
	Pulled time.Time `json:"pulled"`
	// File and Digest are the file with the catalog, and its hash.
	File   string `json:"file"`
	Digest string `json:"digest"`
}

// Folder keeps catalogs under names. Records are in the store, by which two
// processes do not lose each other's; the catalogs are files of their own, since
// they are large and seldom read.
type Folder struct {
	store store.Store
	dir   string
}

// NewFolder returns the folder of catalogs in dir, which is made when it is first
// written to.
func NewFolder(s store.Store, dir string) *Folder { return &Folder{s, dir} }

const keyPrefix = "catalog/"

// Keep puts a catalog under k.Name, in place of the one that is there. What k
// says of the catalog and the file is filled in. One from another origin is never
// replaced. One that is older, by its version or else the time at which it was made,
// replaces none unless the older one was asked for by name: the error wraps
// [ErrOlder].
func (f *Folder) Keep(ctx context.Context, k Kept, c *Catalog, older bool) (Kept, error) {
	if !IsName(k.Name) {
		return k, fmt.Errorf(`catalog name %q: want a lower-case letter, then at most 31 of a-z, 0-9 and "-"`, k.Name)
	}
	named := *c
	named.Name = cmp.Or(c.Name, k.Name)
	data, err := named.Encode()
	if err != nil {
		return k, err
	}
	k.Title, k.Version, k.Created, k.Entries = named.Title, named.Version, named.Created, len(named.Entries)
	k.Pulled, k.Digest = k.Pulled.UTC().Truncate(time.Second), oci.DigestOf(data)
	if k.File, err = f.write(k.Name, data); err != nil {
		return k, err
	}
	for {
		replaced, err := f.record(ctx, k, older)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			f.drop(k.File)
			return k, err
		}
		f.drop(replaced)
		return k, nil
	}
}

// record writes the record, if it may, and returns the file of the one before.
func (f *Folder) record(ctx context.Context, k Kept, older bool) (string, error) {
	entries, err := f.store.Get(ctx, keyPrefix+k.Name)
	if err != nil {
		return "", err
	}
	var before Kept
	if entries[0].Version != 0 {
		if before, err = parseKept(entries[0]); err != nil {
			return "", err
		}
		if before.Origin != k.Origin {
			return "", fmt.Errorf("%w: %q is the catalog of %s: keep this one under another name, or remove that one", ErrTaken, k.Name, before.Origin)
		}
		if reason := isOlder(k, before); reason != "" && !older {
			return "", fmt.Errorf("%w: catalog %q: %s", ErrOlder, k.Name, reason)
		}
	}
	value, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	_, err = f.store.Apply(ctx, store.Change{Key: keyPrefix + k.Name, If: entries[0].Version, Value: value})
	return before.File, err
}

// isOlder says in words how a catalog is older than another, "" where it is not.
// One that says less than the other did could be of any age.
func isOlder(k, before Kept) string {
	switch {
	case before.Version != "" && compareVersions(k.Version, before.Version) < 0:
		return fmt.Sprintf("version %s, kept is %s", cmp.Or(k.Version, "none"), before.Version)
	case k.Created.Before(before.Created) && (before.Version == "" || compareVersions(k.Version, before.Version) <= 0):
		return fmt.Sprintf("made at %s, kept is that of %s", k.Created.Format(time.RFC3339), before.Created.Format(time.RFC3339))
	}
	return ""
}

// write puts a catalog into a file that no record names yet.
func (f *Folder) write(name string, data []byte) (string, error) {
	if err := privdir.Make(f.dir); err != nil {
		return "", fmt.Errorf("folder for catalogs: %w", err)
	}
	file, err := os.CreateTemp(f.dir, name+"-*.json")
	if err != nil {
		return "", fmt.Errorf("write catalog: %w", err)
	}
	_, err = file.Write(data)
	err = cmp.Or(err, file.Sync())
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name()) // it is not used
		return "", fmt.Errorf("write catalog: %w", err)
	}
	return filepath.Base(file.Name()), nil
}

// drop removes a file that no record names any more. One that stays is in nobody's
// way.
func (f *Folder) drop(file string) {
	if file != "" {
		_ = os.Remove(filepath.Join(f.dir, file))
	}
}

// List returns what is kept, in ascending order of the names.
func (f *Folder) List(ctx context.Context) ([]Kept, error) {
	var all []Kept
	for after := ""; ; {
		entries, err := f.store.List(ctx, keyPrefix, after, store.MaxBatch)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			k, err := parseKept(e)
			if err != nil {
				return nil, err
			}
			all = append(all, k)
			after = e.Key
		}
		if len(entries) < store.MaxBatch {
			return all, nil
		}
	}
}

// Load reads a catalog that is kept.
func (f *Folder) Load(ctx context.Context, name string) (Kept, *Catalog, error) {
	for try := 0; ; try++ {
		k, err := f.find(ctx, name)
		if err != nil {
			return k, nil, err
		}
		data, err := f.read(k)
		if errors.Is(err, fs.ErrNotExist) && try < 3 {
			continue // it was replaced meanwhile
		}
		if err != nil {
			return k, nil, fmt.Errorf("read the catalog %q: %w: pull it again", name, err)
		}
		c, err := Parse(data)
		return k, c, err
	}
}

func (f *Folder) read(k Kept) ([]byte, error) {
	file, err := os.Open(filepath.Join(f.dir, k.File))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if oci.DigestOf(data) != k.Digest {
		return nil, errors.New("its file was changed")
	}
	return data, nil
}

func (f *Folder) find(ctx context.Context, name string) (Kept, error) {
	entries, err := f.store.Get(ctx, keyPrefix+name)
	if err != nil {
		return Kept{}, err
	}
	if entries[0].Version == 0 {
		return Kept{}, f.unknown(ctx, name)
	}
	return parseKept(entries[0])
}

// unknown says which catalog was meant.
func (f *Folder) unknown(ctx context.Context, name string) error {
	all, err := f.List(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, k := range all {
		names = append(names, k.Name)
	}
	return fmt.Errorf("%w: %q%s", ErrNotKept, name, nearest.Hint(name, names))
}

// Remove forgets a catalog; with it, how old the next one of the name may be.
func (f *Folder) Remove(ctx context.Context, name string) error {
	for {
		entries, err := f.store.Get(ctx, keyPrefix+name)
		if err != nil {
			return err
		}
		if entries[0].Version == 0 {
			return f.unknown(ctx, name)
		}
		// One that cannot be read is removed as well.
		k, _ := parseKept(entries[0])
		_, err = f.store.Apply(ctx, store.Change{Key: keyPrefix + name, If: entries[0].Version, Delete: true})
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			f.drop(k.File)
		}
		return err
	}
}

// parseKept reads a record. Its file is one in the folder, whatever it says.
func parseKept(e store.Entry) (Kept, error) {
	var k Kept
	err := json.Unmarshal(e.Value, &k)
	name := strings.TrimPrefix(e.Key, keyPrefix)
	if err != nil || k.Name != name || k.File == "" || k.File != filepath.Base(k.File) || k.File == ".." {
		return Kept{}, fmt.Errorf("the record of the catalog %q cannot be read: remove it and pull it again", name)
	}
	return k, nil
}
