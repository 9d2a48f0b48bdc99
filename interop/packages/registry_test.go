package packages

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd" // an access controller
	_ "github.com/distribution/distribution/v3/registry/auth/token"    // an access controller
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // the storage
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"
)

// registry is a registry on loopback that others wrote.
type registry struct {
	name string
	host string // with its port, as references have it
	// ca is the file of the authority for its certificate; "" for plain HTTP.
	ca string
	// user and password are "" where anybody may do everything.
	user, password string
	// helper is set where a credential helper knows the password, and Docker's
	// configuration does not.
	helper bool
	// referrers is set where it has the API for them, and no tag stands in for it.
	referrers bool
	server    *httptest.Server
}

// The registries; set by TestMain. They stay until the process ends.
var (
	api    *registry // ociregistry: the referrers API
	tagged *registry // distribution: 404 on referrers
	bearer *registry // distribution with tokens
	secure *registry // distribution with TLS and basic authentication
)

func registries() []*registry { return []*registry{api, tagged, bearer, secure} }

const (
	someUser     = "ada"
	somePassword = "correct horse"
)

func startRegistries(dir string) error {
	logrus.SetOutput(io.Discard) // distribution's
	api = &registry{name: "referrers API", referrers: true}
	api.start(ociserver.New(ocimem.New(), nil))
	tagged = &registry{name: "tag fallback"}
	tagged.start(distribution(nil))

	tokens, err := newTokenServer(filepath.Join(dir, "jwks.json"))
	if err != nil {
		return err
	}
	bearer = &registry{name: "bearer tokens", user: someUser, password: somePassword}
	// One server has the tokens as well: some clients send no password to
	// another one whose address is not public.
	both := http.NewServeMux()
	bearer.start(both)
	both.Handle("/token", tokens)
	both.Handle("/", distribution(configuration.Auth{"token": configuration.Parameters{
		"realm": bearer.server.URL + "/token", "issuer": tokenIssuer, "service": tokenService, "jwks": tokens.jwks,
	}}))

	hash, err := bcrypt.GenerateFromPassword([]byte(somePassword), bcrypt.MinCost)
	if err != nil {
		return err
	}
	htpasswd := filepath.Join(dir, "htpasswd")
	if err := os.WriteFile(htpasswd, []byte(someUser+":"+string(hash)+"\n"), 0o600); err != nil {
		return err
	}
	secure = &registry{name: "TLS and basic authentication", user: someUser, password: somePassword, helper: true, ca: filepath.Join(dir, "ca.pem")}
	secure.start(distribution(configuration.Auth{"htpasswd": configuration.Parameters{"realm": "loopback", "path": htpasswd}}))
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.server.Certificate().Raw})
	return os.WriteFile(secure.ca, authority, 0o600)
}

// distribution returns distribution's registry, empty and in memory.
func distribution(auth configuration.Auth) http.Handler {
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: auth,
	}
	config.Log.AccessLog.Disabled = true
	config.HTTP.Secret = "one process"
	return handlers.NewApp(context.Background(), config)
}

func (r *registry) start(h http.Handler) {
	if r.ca != "" {
		r.server = httptest.NewTLSServer(h)
	} else {
		r.server = httptest.NewServer(h)
	}
	_, r.host, _ = strings.Cut(r.server.URL, "://")
}

// cache is a folder for what mcpwasm fetches from this registry and compiles.
func (r *registry) cache() string { return filepath.Join(shared, slug(r.name)) }

// oras are the flags with which oras reaches the registry.
func (r *registry) oras() []string {
	if r.ca != "" {
		return []string{"--ca-file", r.ca}
	}
	return []string{"--plain-http"}
}

// cosign are the flags with which cosign reaches the registry.
func (r *registry) cosign() []string {
	if r.ca != "" {
		return []string{"--registry-cacert", r.ca}
	}
	return []string{"--allow-http-registry", "--allow-insecure-registry"}
}

// setting is the registry's line in mcpwasm.yaml.
func (r *registry) setting() string {
	if r.ca != "" {
		return fmt.Sprintf("  %s: {ca: %s}\n", r.host, r.ca)
	}
	return fmt.Sprintf("  %s: {plainHTTP: true}\n", r.host)
}

// dockerConfig is Docker's configuration file for all registries.
func dockerConfig() ([]byte, error) {
	auths, helpers := map[string]any{}, map[string]string{}
	for _, r := range registries() {
		switch {
		case r.helper:
			helpers[r.host] = "standin"
		case r.user != "":
			auths[r.host] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(r.user + ":" + r.password))}
		}
	}
	return json.Marshal(map[string]any{"auths": auths, "credHelpers": helpers})
}

// credentialHelper is a program that Docker's clients ask for the password of a
// server (github.com/docker/docker-credential-helpers, its protocol).
func credentialHelper() string {
	return fmt.Sprintf(`#!/bin/sh
[ "$1" = get ] || exit 1
read -r server
printf '{"ServerURL":"%%s","Username":"%s","Secret":"%s"}\n' "$server"
`, someUser, somePassword)
}

func newECDSA() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
