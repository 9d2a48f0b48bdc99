package plugins

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of the manifest's fields, in characters or entries. The schema has the
// same.
const (
	maxPackageName = 200
	maxTitle       = 100
	maxDescription = 1000
	maxReason      = 200
	maxURL         = 2000
	maxEntries     = 100 // of each list of people or requests
)

// The forms of the manifest's fields. The schema has the same expressions.
var (
	formName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	formVersion = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)` +
		`(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?` +
		`(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
	formLicense = regexp.MustCompile(`^[A-Za-z0-9.+:-]+( (AND|OR|WITH) [A-Za-z0-9.+:-]+)*$`)
	formHost    = regexp.MustCompile(`^(\*|((\*|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$`)
	formTarget  = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$`)
	formMethod  = regexp.MustCompile(`^[A-Z]{1,20}$`)
	formPath    = regexp.MustCompile(`^(/|(/[^/]+)+/?)$`)
	formFolder  = regexp.MustCompile(`^(/|(/[^/]+)+)$`)
	formSecret  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	formEnv     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
)

// Validate checks the content of a manifest. Its error names the field by its
// path and says what it takes.
func (m *Manifest) Validate() error {
	if err := checkContract(m.Contract); err != nil {
		return err
	}
	c := &checker{}
	c.form("name", m.Name, formName, maxPackageName, `want letters, digits, ".", "_", "-" and at most one "/"`)
	c.form("version", m.Version, formVersion, 100, `want a semantic version such as "1.2.3"`)
	c.text("title", m.Title, maxTitle)
	c.text("description", m.Description, maxDescription)
	if m.License != "" {
		c.form("license", m.License, formLicense, 200, `want an SPDX expression such as "Apache-2.0"`)
	}
	if m.Source != "" {
		c.link("source", m.Source)
	}
	c.list("authors", len(m.Authors))
	for i, a := range m.Authors {
		c.check(a != "", index("authors", i), "want a name")
		c.text(index("authors", i), a, maxTitle)
	}
	if m.Capabilities != nil {
		c.requests(m.Capabilities)
	}
	c.definitions(&m.Definitions)
	return c.err
}

// checkContract refuses contracts that this host does not speak.
func checkContract(v int) error {
	switch {
	case v < 1:
		return fmt.Errorf("manifest: contract: want %d", ContractVersion)
	case v > ContractVersion:
		return fmt.Errorf("manifest: contract: the package needs version %d, this host speaks up to %d: update mcpwasm",
			v, ContractVersion)
	}
	return nil
}

// checker keeps the first problem that it is told of.
type checker struct{ err error }

func (c *checker) check(ok bool, field, format string, args ...any) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf("manifest: %s: %s", field, fmt.Sprintf(format, args...))
	}
}

func (c *checker) form(field, v string, form *regexp.Regexp, longest int, want string) {
	c.check(v != "", field, "missing: %s", want)
	c.check(utf8.RuneCountInString(v) <= longest, field, "longer than %d characters", longest)
	c.check(form.MatchString(v), field, "%q: %s", v, want)
}

// text checks prose for people: no control characters, which could rewrite a
// terminal.
func (c *checker) text(field, v string, longest int) {
	c.check(utf8.RuneCountInString(v) <= longest, field, "longer than %d characters", longest)
	c.check(strings.IndexFunc(v, unicode.IsControl) < 0, field, "has control characters")
}

func (c *checker) link(field, v string) {
	u, err := url.Parse(v)
	c.check(err == nil && strings.HasPrefix(v, "https://") && u.Host != "" && u.User == nil && len(v) <= maxURL &&
		strings.IndexFunc(v, unicode.IsSpace) < 0, field, "want an https URL without a user")
}

func (c *checker) list(field string, n int) {
	c.check(n <= maxEntries, field, "more than %d entries", maxEntries)
}

func (c *checker) oneOf(field, v string, known ...string) {
	c.check(v == "" || slices.Contains(known, v), field, "%q: want %s", v, strings.Join(known, " or "))
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

func (c *checker) requests(r *Requests) {
	for i, h := range r.HTTP {
		c.http(index("capabilities.http", i), h)
	}
	for i, f := range r.Files {
		c.files(index("capabilities.files", i), f)
	}
	if r.KV != nil {
		c.oneOf("capabilities.kv.access", r.KV.Access, "ro", "rw")
		c.check(r.KV.QuotaBytes >= 0, "capabilities.kv.quotaBytes", "is negative")
		c.text("capabilities.kv.reason", r.KV.Reason, maxReason)
	}
	for i, s := range r.Secrets {
		c.secret(index("capabilities.secrets", i), s)
	}
	for i, e := range r.Env {
		field := index("capabilities.env", i)
		c.form(field+".name", e.Name, formEnv, 128, `want letters, digits and "_"`)
		c.text(field+".reason", e.Reason, maxReason)
	}
	c.plain("capabilities.clock", r.Clock)
	c.plain("capabilities.random", r.Random)
	c.requestLists(r)
}

func (c *checker) plain(field string, p *PlainRequest) {
	if p != nil {
		c.text(field+".reason", p.Reason, maxReason)
	}
}

// requestLists bounds the lists and refuses two requests for the same thing,
// which would leave open what was asked for.
func (c *checker) requestLists(r *Requests) {
	c.list("capabilities.http", len(r.HTTP))
	c.unique("capabilities.files", "path", len(r.Files), func(i int) string { return r.Files[i].Path })
	c.unique("capabilities.secrets", "name", len(r.Secrets), func(i int) string { return r.Secrets[i].Name })
	c.unique("capabilities.env", "name", len(r.Env), func(i int) string { return r.Env[i].Name })
}

func (c *checker) unique(field, key string, n int, at func(int) string) {
	c.list(field, n)
	seen := map[string]bool{}
	for i := range n {
		c.check(!seen[at(i)], index(field, i), "a second request with the %s %q", key, at(i))
		seen[at(i)] = true
	}
}

func (c *checker) http(field string, h HTTPRequest) {
	c.form(field+".host", h.Host, formHost, 253, `want a host name, "*.example.com" or "*"`)
	c.oneOf(field+".scheme", h.Scheme, "https", "http")
	c.list(field+".ports", len(h.Ports))
	for i, p := range h.Ports {
		c.check(p >= 1 && p <= 65535, index(field+".ports", i), "%d: want 1 to 65535", p)
	}
	c.list(field+".methods", len(h.Methods))
	for i, m := range h.Methods {
		c.form(index(field+".methods", i), m, formMethod, 20, "want a method in upper case")
	}
	c.list(field+".paths", len(h.Paths))
	for i, p := range h.Paths {
		c.cleanPath(index(field+".paths", i), p, formPath)
	}
	c.text(field+".reason", h.Reason, maxReason)
}

func (c *checker) files(field string, f FilesRequest) {
	c.cleanPath(field+".path", f.Path, formFolder)
	c.oneOf(field+".access", f.Access, "ro", "rw")
	c.check(f.QuotaBytes >= 0, field+".quotaBytes", "is negative")
	c.text(field+".reason", f.Reason, maxReason)
}

func (c *checker) cleanPath(field, p string, form *regexp.Regexp) {
	c.form(field, p, form, maxURL, `want an absolute path such as "/data"`)
	c.check(path.Clean(p) == p || path.Clean(p)+"/" == p, field, `%q: write it without "." and ".." segments`, p)
	c.text(field, p, maxURL)
}

func (c *checker) secret(field string, s SecretRequest) {
	c.form(field+".name", s.Name, formSecret, 64, `want letters, digits, "_" and "-"`)
	c.check(len(s.Hosts) > 0, field+".hosts", "missing: say which hosts it is sent to")
	c.list(field+".hosts", len(s.Hosts))
	for i, h := range s.Hosts {
		c.form(index(field+".hosts", i), h, formTarget, 260, `want "host" or "host:port"; wildcards are not for secrets`)
	}
	c.list(field+".in", len(s.In))
	for i, in := range s.In {
		c.check(in != "", index(field+".in", i), "is empty")
		c.oneOf(index(field+".in", i), in, "header", "query", "body")
	}
	c.text(field+".reason", s.Reason, maxReason)
}

func (c *checker) definitions(d *Definitions) {
	c.object("definitions.serverInfo", d.ServerInfo)
	c.object("definitions.capabilities", d.Capabilities)
	for i, t := range d.Tools.Items {
		var tool map[string]json.RawMessage
		c.check(json.Unmarshal(t.Raw, &tool) == nil, index("definitions.tools", i), "want an object")
		schema := tool["inputSchema"]
		c.check(len(schema) > 0 && schema[0] == '{', index("definitions.tools", i),
			"%q: inputSchema: want an object", t.Key)
	}
	c.caching("tools", d.Tools)
	c.caching("prompts", d.Prompts)
	c.caching("resources", d.Resources)
	c.caching("resourceTemplates", d.ResourceTemplates)
}

func (c *checker) caching(list string, l List) {
	field := "definitions.caching." + list
	c.oneOf(field+".cacheScope", l.CacheScope, "public", "private")
	c.check(l.TTLMillis == nil || *l.TTLMillis >= 0, field+".ttlMs", "is negative")
}

func (c *checker) object(field string, v json.RawMessage) {
	c.check(len(v) == 0 || v[0] == '{', field, "want an object")
}
