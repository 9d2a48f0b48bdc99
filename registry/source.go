package registry

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// SourceKind is what a [Source] names.
type SourceKind string

// The kinds of sources.
const (
	SourceFile      SourceKind = "file"      // a .wasm file, or whatever else is not one of the others
	SourceFolder    SourceKind = "folder"    // an OCI layout folder, with or without :TAG or @DIGEST behind it
	SourceReference SourceKind = "reference" // a package in a registry
	SourceName      SourceKind = "name"      // a server of the lock file
)

// Source is what an argument or a "source" of the configuration means.
type Source struct {
	Kind SourceKind
	// Text is what was parsed, unchanged. Of a file or folder it is the path.
	Text string
	// Reference is set for a [SourceReference].
	Reference oci.Reference
	// Shadows is set where a name or reference could also be a path, since there
	// is a file or folder of that name in the working directory. It was not
	// taken for it: "./" in front of it means the path.
	Shadows bool
}

// String says what was found, in words for an error: reference "ghcr.io/a/b:1".
func (s Source) String() string { return fmt.Sprintf("%s %q", s.Kind, s.Text) }

// Local reports whether the source is on this machine: nobody has to vouch for it.
func (s Source) Local() bool { return s.Kind == SourceFile || s.Kind == SourceFolder }

var (
	formName  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	formDrive = regexp.MustCompile(`^[A-Za-z]:([\\/]|$)`)
)

// IsName reports whether s has the form of a server's name:
// [a-z][a-z0-9-]{0,31}.
func IsName(s string) bool { return formName.MatchString(s) }

// ParseSource decides what a text names, by the first of these that holds:
//
//   - a reference: it starts with "oci://"
//   - a path: it starts with "/", "./", "../" or "~", is "." or "..", has a
//     backslash or a drive letter, or ends in ".wasm"
//   - a name of the lock file: it has a name's form ([IsName])
//   - a reference: it is one ([oci.ParseReference]), the host with a dot or port
//   - a path: there is a file or folder of that name
//
// A name or a reference is never taken for a path because there happens to be
// one: clients start servers inside folders that strangers wrote, and a folder
// "weather" in there must not stand in for the package that was approved.
//
// A path that ends with an existing folder, or with one and :TAG or @DIGEST
// behind it, is a [SourceFolder]; every other path is a [SourceFile], whether
// it is there or not.
func ParseSource(text string) (Source, error) {
	switch {
	case text == "":
		return Source{}, fmt.Errorf("%w: it is not named: want a .wasm file, a layout folder, a name of the lock file or HOST/REPOSITORY[:TAG][@DIGEST]", ErrSource)
	case strings.ContainsRune(text, 0):
		return Source{}, fmt.Errorf("%w %q: no name has a zero byte", ErrSource, text)
	case strings.HasPrefix(text, "oci://"):
		return reference(text)
	case isPath(text):
		return local(text), nil
	case IsName(text):
		return Source{Kind: SourceName, Text: text, Shadows: exists(text)}, nil
	}
	s, err := reference(text)
	if err == nil {
		s.Shadows = exists(text)
		return s, nil
	}
	if local := local(text); exists(text) || local.Kind == SourceFolder {
		return local, nil
	}
	if strings.Contains(text, "://") {
		return Source{}, fmt.Errorf("%w %q: want oci:// or no scheme", ErrSource, text)
	}
	return Source{}, fmt.Errorf("%w %q: there is no such file or folder, and it is neither a name of the lock file nor a reference (HOST/REPOSITORY[:TAG][@DIGEST], the host with a dot or a port)", ErrSource, text)
}

// reference makes a source of a reference.
func reference(text string) (Source, error) {
	ref, err := oci.ParseReference(text)
	if err != nil {
		return Source{}, referenceError{err}
	}
	return Source{Kind: SourceReference, Text: text, Reference: ref}, nil
}

// referenceError is about a text that can only be meant as a reference, of which
// nothing was opened.
type referenceError struct{ error }

// Unwrap makes [errors.Is] find [ErrSource].
func (e referenceError) Unwrap() []error { return []error{ErrSource, e.error} }

// isPath reports whether a text can only be meant as a path.
func isPath(text string) bool {
	for _, prefix := range []string{"/", "./", "../", "~"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return text == "." || text == ".." || strings.Contains(text, `\`) || formDrive.MatchString(text) ||
		strings.HasSuffix(strings.ToLower(text), ".wasm")
}

// local makes a source of a path.
func local(path string) Source {
	if _, _, err := splitLayout(path); err == nil {
		return Source{Kind: SourceFolder, Text: path}
	}
	return Source{Kind: SourceFile, Text: path}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var errNoFolder = errors.New("it is no folder")

// splitLayout parts FOLDER, FOLDER:TAG and FOLDER@DIGEST. A folder of the whole
// name comes first.
func splitLayout(path string) (dir, identifier string, err error) {
	if isFolder(path) {
		return path, "", nil
	}
	// A digest has a colon as well.
	if i := strings.LastIndex(path, "@"); i > 0 && oci.IsDigest(path[i+1:]) && isFolder(path[:i]) {
		return path[:i], path[i+1:], nil
	}
	if i := strings.LastIndex(path, ":"); i > 0 && !strings.ContainsAny(path[i:], `/\`) && isFolder(path[:i]) {
		return path[:i], path[i+1:], nil
	}
	return "", "", errNoFolder
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
