package gateway

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// serverName has no "_" and no "+", so that "server__name" and "server+uri" can
// be taken apart in one way only.
var serverName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// CheckName reports whether s can be a server's name.
func CheckName(s string) error {
	if !serverName.MatchString(s) {
		return fmt.Errorf("server name %q: use a lower-case letter, then up to 31 lower-case letters, digits and hyphens", s)
	}
	return nil
}

// The names that clients see when several servers stand behind one endpoint:
// tools and prompts are "server__name"; a resource's URI and a template get the
// server's name in front of their scheme, "server+scheme:…", which is a valid
// URI again (RFC 3986, section 3.1).
const (
	nameSeparator = "__"
	uriSeparator  = "+"
)

// joinName returns the name that clients see.
func joinName(server, sep, name string) string { return server + sep + name }

// splitName takes a name that clients see apart.
func splitName(s, sep string) (server, name string, ok bool) {
	return strings.Cut(s, sep)
}

// exposed returns a definition as clients see it, with its key, name and uri
// prefixed; everything else keeps its bytes.
func exposed(server string, spec listSpec, d plugins.Definition) plugins.Definition {
	o, err := wire.ParseObject(d.Raw)
	if err != nil {
		return d // cannot be: it was parsed when it was read
	}
	sep := nameSeparator
	if spec.capability == "resources" {
		sep = uriSeparator
		if name, ok, _ := o.GetString("name"); ok {
			o = o.SetString("name", joinName(server, nameSeparator, name))
		}
	}
	key := joinName(server, sep, d.Key)
	return plugins.Definition{Key: key, Raw: o.SetString(spec.key, key).JSON()}
}

// prefixURIs rewrites the URIs in a result, so that a client that follows one
// comes back to the server that gave it: contents of resources/read, embedded
// resources and resource links in the content of tools and prompts.
func prefixURIs(server, method string, result wire.Object) wire.Object {
	switch method {
	case plugins.MethodReadResource:
		return result.MapElements("contents", func(o wire.Object) wire.Object { return prefixURI(server, o) })
	case plugins.MethodCallTool:
		return result.MapElements("content", func(o wire.Object) wire.Object { return prefixContent(server, o) })
	case plugins.MethodGetPrompt:
		return result.MapElements("messages", func(o wire.Object) wire.Object {
			return o.MapMember("content", func(c wire.Object) wire.Object { return prefixContent(server, c) })
		})
	}
	return result
}

func prefixContent(server string, o wire.Object) wire.Object {
	switch kind, _, _ := o.GetString("type"); kind {
	case "resource_link":
		return prefixURI(server, o)
	case "resource":
		return o.MapMember("resource", func(r wire.Object) wire.Object { return prefixURI(server, r) })
	}
	return o
}

func prefixURI(server string, o wire.Object) wire.Object {
	uri, ok, err := o.GetString("uri")
	if err != nil || !ok {
		return o
	}
	return o.SetString("uri", joinName(server, uriSeparator, uri))
}
