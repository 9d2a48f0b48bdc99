package sign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
)

// KeylessConfig says how to sign without a key of one's own.
type KeylessConfig struct {
	Services Services
	// Token returns the OpenID Connect token that says who signs.
	Token func(context.Context) (string, error)
	// Root, if there is one, verifies what was made before it is returned.
	Root *Root
}

// serviceTimeout bounds every request to a service.
const serviceTimeout = 30 * time.Second

// NewKeylessSigner signs by an identity: each signature has a key of its own,
// which is dropped at once, and a certificate that says whose it was.
func NewKeylessSigner(c KeylessConfig) (Signer, error) {
	if err := c.Services.check(); err != nil {
		return nil, err
	}
	if c.Token == nil {
		return nil, errors.New("keyless signing: there is no identity token")
	}
	s := &keylessSigner{config: c}
	if c.Root != nil {
		anybody := Identity{SubjectPattern: "(?s).+", IssuerPattern: "(?s).+"}
		v, err := NewIdentityVerifier(anybody, c.Root)
		if err != nil {
			return nil, err
		}
		s.check = v.(*identityVerifier)
	}
	return s, nil
}

type keylessSigner struct {
	config KeylessConfig
	check  *identityVerifier // nil: nothing to check by
}

// Sign implements [Signer].
func (s *keylessSigner) Sign(ctx context.Context, statement []byte) ([]byte, error) {
	token, err := s.config.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("identity token: %w", err)
	}
	content, err := s.request(ctx, statement, token)
	if err != nil {
		return nil, fmt.Errorf("keyless signing: %w", err)
	}
	// A bundle that nobody could verify is not given to anybody.
	if _, err := parseBundle(content); err != nil {
		return nil, fmt.Errorf("keyless signing: what was made cannot be read: %w", err)
	}
	if s.check == nil {
		return content, nil
	}
	var entity bundle.Bundle
	if err := entity.UnmarshalJSON(content); err != nil {
		return nil, fmt.Errorf("keyless signing: %w", err)
	}
	if _, err := s.check.verifyEntity(&entity, verify.WithoutArtifactUnsafe()); err != nil {
		return nil, fmt.Errorf("keyless signing: what was made does not verify by the trusted root: %w", err)
	}
	return content, nil
}

// request asks the services for a bundle.
func (s *keylessSigner) request(ctx context.Context, statement []byte, token string) (content []byte, err error) {
	// The library takes answers of logs apart without looking whether their
	// parts are there.
	defer func() {
		if r := recover(); r != nil {
			content, err = nil, fmt.Errorf("a service answered what cannot be read: %v", r)
		}
	}()
	key, err := sigstore.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, err
	}
	transport := noRedirects{http.DefaultTransport}
	options := sigstore.BundleOptions{
		Context:                    ctx,
		CertificateProvider:        sigstore.NewFulcio(&sigstore.FulcioOptions{BaseURL: s.config.Services.Fulcio, Timeout: serviceTimeout, Transport: transport}),
		CertificateProviderOptions: &sigstore.CertificateProviderOptions{IDToken: token},
	}
	for _, u := range s.config.Services.Timestamps {
		options.TimestampAuthorities = append(options.TimestampAuthorities,
			sigstore.NewTimestampAuthority(&sigstore.TimestampAuthorityOptions{URL: u, Timeout: serviceTimeout, Transport: transport}))
	}
	for _, l := range s.config.Services.Logs {
		options.TransparencyLogs = append(options.TransparencyLogs,
			sigstore.NewRekor(&sigstore.RekorOptions{BaseURL: l.URL, Timeout: serviceTimeout, Version: l.Version}))
	}
	made, err := sigstore.Bundle(&sigstore.DSSEData{Data: statement, PayloadType: payloadStatement}, key, options)
	if err != nil {
		return nil, err
	}
	loose, err := protojson.Marshal(made)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer // the library adds white space at random
	if err := json.Compact(&compact, loose); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// noRedirects refuses to be sent elsewhere: the request has the identity token.
type noRedirects struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (n noRedirects) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.RoundTripper.RoundTrip(r)
	if err == nil && response.StatusCode >= 300 && response.StatusCode < 400 {
		_ = response.Body.Close() // it is not read
		return nil, fmt.Errorf("%s answers with status %d: redirects are not followed", r.URL.Host, response.StatusCode)
	}
	return response, err
}
