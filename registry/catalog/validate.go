package catalog

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Bounds of the members, in characters or in number. The schema has the same.
const (
	maxName        = 200
	maxTitle       = 100
	maxDescription = 1000
	maxVersion     = 100
	maxTags        = 50
	maxTag         = 64
	maxLicense     = 200
	maxURL         = 2000
	maxShort       = 300 // of a capability
	maxList        = 200 // of capabilities, and of each list of a container
	maxHints       = 20
	maxText        = 4096 // of an argument, a value and the like
)

// The forms of the members. The schema has the same expressions.
var (
	formCatalog = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	formName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	formVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})` +
		`(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?` +
		`(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
	formShort = regexp.MustCompile(`^(http|files|kv|secret|env|clock|random)( [^\p{Cc}]+)?$`)
	formType  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
)

// Schema returns the JSON Schema (2020-12) of a [Catalog]. It says all that
// [Parse] checks, but the form of references and URLs, that names are unique, and
// what JSON Schema takes for granted (no duplicate members).
func Schema() json.RawMessage { return []byte(schema) }

//go:embed catalog.schema.json
var schema string

// IsName reports whether a text can be a catalog's name.
func IsName(s string) bool { return formCatalog.MatchString(s) }

// Validate checks a catalog whose entries are complete. Its error names the member
// by its path and says what it takes.
func (c *Catalog) Validate() error {
	if err := c.header(); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	seen := make(map[string]int, len(c.Entries))
	for i := range c.Entries {
		e := &c.Entries[i]
		if err := e.validate(); err != nil {
			return fmt.Errorf("catalog: entries[%d]: %w", i, err)
		}
		folded := strings.ToLower(e.Name)
		if first, ok := seen[folded]; ok {
			return fmt.Errorf("catalog: entries[%d]: the name %q stands at entries[%d] already", i, e.Name, first)
		}
		seen[folded] = i
	}
	return nil
}

// header checks all but the entries.
func (c *Catalog) header() error {
	switch {
	case c.Format != formatVersion:
		return fmt.Errorf("catalog: version %d of the form is not known: want %d", c.Format, formatVersion)
	case !formCatalog.MatchString(c.Name):
		return fmt.Errorf(`name: %q: want a lower-case letter, then at most 31 of a-z, 0-9 and "-"`, c.Name)
	case c.Version != "" && !isVersion(c.Version):
		return fmt.Errorf(`version: %q: want a semantic version such as "1.2.3"`, c.Version)
	case len(c.Entries) > MaxEntries:
		return fmt.Errorf("entries: %d, more than the %d allowed", len(c.Entries), MaxEntries)
	case !c.Created.IsZero() && (c.Created.Year() < 1970 || c.Created.Year() > 9999):
		return fmt.Errorf("created: year %d: want 1970 to 9999", c.Created.Year())
	}
	return firstError(text("title", c.Title, maxTitle), text("description", c.Description, maxDescription))
}

func isVersion(s string) bool { return len(s) <= maxVersion && formVersion.MatchString(s) }

func (e *Entry) validate() error {
	if len(e.Name) > maxName || !formName.MatchString(e.Name) {
		return fmt.Errorf(`name: %q: want letters, digits, ".", "_", "-" and at most one "/"`, e.Name)
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if e.Kind() == "" {
		return fmt.Errorf("%s: it says nowhere what it is: want a reference, a container, remotes or others", e.Name)
	}
	return nil
}

// check checks the members that are there.
func (e *Entry) check() error {
	if err := e.checkReference(); err != nil {
		return err
	}
	if err := firstError(text("version", e.Version, maxVersion), text("title", e.Title, maxTitle),
		text("description", e.Description, maxDescription), text("license", e.License, maxLicense),
		link("homepage", e.Homepage), texts("tags", e.Tags, maxTags, maxTag)); err != nil {
		return err
	}
	if len(e.Capabilities) > maxList {
		return tooMany("capabilities", len(e.Capabilities), maxList)
	}
	for i, c := range e.Capabilities {
		if utf8.RuneCountInString(c) > maxShort || !formShort.MatchString(c) {
			return fmt.Errorf(`capabilities[%d]: %q: want http, files, kv, secret, env, clock or random, and what of it`, i, c)
		}
	}
	if len(e.Trust) > maxHints {
		return tooMany("trust", len(e.Trust), maxHints)
	}
	for i, h := range e.Trust {
		if err := h.check(); err != nil {
			return fmt.Errorf("trust[%d]: %w", i, err)
		}
	}
	return e.checkForeign()
}

func (e *Entry) checkReference() error {
	if e.Digest != "" && !oci.IsDigest(e.Digest) {
		return fmt.Errorf("digest: %q: want sha256: and 64 lower-case hexadecimal digits", e.Digest)
	}
	if e.Reference == "" {
		if e.Digest != "" {
			return fmt.Errorf("digest: it stands without a reference")
		}
		return nil
	}
	ref, err := oci.ParseReference(e.Reference)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	if len(e.Reference) > maxURL {
		return fmt.Errorf("reference: longer than %d bytes", maxURL)
	}
	if ref.Digest != "" && e.Digest != "" && ref.Digest != e.Digest {
		return fmt.Errorf("digest: the reference has another one: leave one of them out")
	}
	return nil
}

func (h Hint) check() error {
	keyed, named := h.Key != "", h.Identity != "" || h.Issuer != ""
	switch {
	case keyed == named:
		return fmt.Errorf("want a key, or an identity and its issuer")
	case keyed && !oci.IsDigest(h.Key):
		return fmt.Errorf("key: %q: want the fingerprint, sha256: and 64 lower-case hexadecimal digits", h.Key)
	case named && (h.Identity == "" || h.Issuer == ""):
		return fmt.Errorf("an identity has an issuer: want both")
	case strings.ContainsAny(h.Identity+h.Issuer, " \n"):
		return fmt.Errorf("identity and issuer have no spaces")
	}
	return firstError(text("identity", h.Identity, maxURL), text("issuer", h.Issuer, maxURL))
}

// text checks text for people: bounded, and without control characters.
func text(field, s string, limit int) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: not valid UTF-8", field)
	case utf8.RuneCountInString(s) > limit:
		return fmt.Errorf("%s: longer than %d characters", field, limit)
	case strings.IndexFunc(s, unicode.IsControl) >= 0:
		return fmt.Errorf("%s: has control characters", field)
	}
	return nil
}

func texts(field string, list []string, most, limit int) error {
	if len(list) > most {
		return tooMany(field, len(list), most)
	}
	for i, s := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if s == "" {
			return fmt.Errorf("%s: is empty", at)
		}
		if err := text(at, s, limit); err != nil {
			return err
		}
	}
	return nil
}

func link(field, s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%s: %q: want an http or https URL", field, s)
	}
	return text(field, s, maxURL)
}

func tooMany(field string, n, most int) error {
	return fmt.Errorf("%s: %d, more than the %d allowed", field, n, most)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
