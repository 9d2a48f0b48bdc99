package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
)

// headers are the names under which a folder has the catalog itself.
var headers = []string{"catalog.yaml", "catalog.yml", "catalog.json"}

// ReadFolder reads a catalog of our own form that a person keeps as a folder:
// catalog.yaml (or .yml, .json), and in the folder entries/ one file for each
// further entry, with the same endings. All of it together is bounded like one
// file.
func ReadFolder(dir fs.FS) (*Reading, error) {
	var budget int64 = MaxBytes
	at := slices.IndexFunc(headers, func(name string) bool {
		_, err := fs.Stat(dir, name)
		return err == nil
	})
	if at < 0 {
		return nil, errors.New("the folder has no catalog.yaml")
	}
	data, err := readFile(dir, headers[at], &budget)
	if err != nil {
		return nil, err
	}
	r, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", headers[at], err)
	}
	names, err := fs.ReadDir(dir, "entries")
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if r.Format != FormatCatalog {
		return nil, fmt.Errorf("%s: it is a catalog of another form, which has no entries/ beside it", headers[at])
	}
	for _, name := range names {
		if err := r.entryFile(dir, path.Join("entries", name.Name()), &budget); err != nil {
			return nil, err
		}
	}
	return r, r.Catalog.source()
}

func (r *Reading) entryFile(dir fs.FS, name string, budget *int64) error {
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
		return fmt.Errorf("%s: want files that end in .yaml, .yml or .json", name)
	}
	data, err := readFile(dir, name, budget)
	if err != nil {
		return err
	}
	tree, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var e Entry
	if err := decodeStrict(tree, &e); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.Catalog.Entries = append(r.Catalog.Entries, e)
	return nil
}

// readFile reads a regular file, of as many bytes as are left.
func readFile(dir fs.FS, name string, budget *int64) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not a regular file", name)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, *budget+1))
	if err != nil {
		return nil, err
	}
	if *budget -= int64(len(data)); *budget < 0 {
		return nil, fmt.Errorf("%s: the catalog has more than the %d bytes allowed", name, MaxBytes)
	}
	return data, nil
}
