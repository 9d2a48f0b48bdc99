package plugins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// secretProviders are where a secret's value may come from.
var secretProviders = []string{"store", "env", "file", "command"}

// secretPlaces are where in a request a secret may stand.
var secretPlaces = []string{"header", "query", "body"}

// envSecret begins the value of a variable that stands for a secret.
const envSecret = "secret:"

// EnvSecret returns the name of the secret that a variable's value stands for:
// "secret:NAME", whole. ok says whether it stands for one.
func EnvSecret(value string) (name string, ok bool) { return strings.CutPrefix(value, envSecret) }

// ParseSecretGrant reads NAME=PROVIDER:REF@HOST[:PORT][,HOST…], optionally
// followed by a space and the places, in=header,query,body:
//
//	TOKEN=store:github@api.github.com
//	KEY=command:pass show work/key@api.example.com,api.example.org:8443 in=header
//
// REF may have any of the separators: the last "@" ends it. Errors do not
// repeat REF, in whose place somebody may have written the secret.
// [SecretGrant.String] is the reverse.
func ParseSecretGrant(text string) (SecretGrant, error) {
	name, source, ok := strings.Cut(text, "=")
	if !ok {
		return SecretGrant{}, errors.New("want NAME=PROVIDER:REF@HOST, such as TOKEN=env:TOKEN@api.example.com")
	}
	return ParseSecretSource(name, source)
}

// ParseSecretSource is [ParseSecretGrant] for what stands behind "NAME=".
func ParseSecretSource(name, text string) (SecretGrant, error) {
	if !formSecret.MatchString(name) {
		return SecretGrant{}, fmt.Errorf("name %q: a secret's name has 1 to 64 letters, digits, _ and -", name)
	}
	at := strings.LastIndexByte(text, '@')
	provider, ref, ok := strings.Cut(text[:max(at, 0)], ":")
	switch {
	case at < 0 && strings.Contains(text, ":"):
		return SecretGrant{}, errors.New("the host is missing: want PROVIDER:REF@HOST, so that the secret is sent nowhere else")
	case !ok:
		return SecretGrant{}, errors.New("want PROVIDER:REF@HOST, with store, env, file or command as provider; the value itself is never written here")
	case !slices.Contains(secretProviders, provider):
		return SecretGrant{}, fmt.Errorf("provider %q: want store, env, file or command", provider)
	case ref == "":
		return SecretGrant{}, fmt.Errorf("nothing behind %s: say which %s", provider, secretRef[provider])
	case hasControls(ref) || strings.TrimSpace(ref) != ref:
		return SecretGrant{}, fmt.Errorf("the %s has control characters, or space around it", secretRef[provider])
	}
	g := SecretGrant{Name: name, Provider: provider, Ref: ref}
	hosts, places, hasPlaces := strings.Cut(text[at+1:], " in=")
	var err error
	if g.Hosts, err = parseSecretHosts(hosts); err == nil && hasPlaces {
		g.In, err = parsePlaces(places)
	}
	if err != nil {
		return SecretGrant{}, err
	}
	return g, nil
}

// secretRef says what a provider's REF is.
var secretRef = map[string]string{"store": "secret's name", "env": "variable", "file": "path", "command": "command"}

func parseSecretHosts(text string) ([]string, error) {
	var hosts []string
	for h := range strings.SplitSeq(text, ",") {
		if strings.ContainsAny(h, "/ ") {
			return nil, fmt.Errorf("host %q: want HOST or HOST:PORT, without scheme, path and spaces", h)
		}
		host, port, err := parseHostPort(h, false)
		if err != nil {
			return nil, err
		}
		h = joinHostPort(host, port)
		if slices.Contains(hosts, h) {
			return nil, fmt.Errorf("host %s stands twice", h)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func parsePlaces(text string) ([]string, error) {
	places := strings.Split(text, ",")
	for i, p := range places {
		if !slices.Contains(secretPlaces, p) {
			return nil, fmt.Errorf("in=: %q: want header, query, body or several of them with commas", p)
		}
		if slices.Contains(places[:i], p) {
			return nil, fmt.Errorf("in=: %s stands twice", p)
		}
	}
	return places, nil
}

// String returns the form that [ParseSecretGrant] reads.
func (g SecretGrant) String() string { return g.Name + "=" + g.source() }

// source is the form that [ParseSecretSource] reads.
func (g SecretGrant) source() string {
	s := g.Provider + ":" + g.Ref + "@" + strings.Join(g.Hosts, ",")
	if len(g.In) > 0 {
		s += " in=" + strings.Join(g.In, ",")
	}
	return s
}
