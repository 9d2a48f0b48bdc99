package sign

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	sigstore "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// Services are what a keyless signer asks. Each is an HTTPS URL; plain HTTP is
// for this machine only.
type Services struct {
	// Fulcio issues the certificate.
	Fulcio string
	// Logs are transparency logs (Rekor); each is asked for an entry.
	Logs []Log
	// Timestamps are timestamp authorities (RFC 3161), the whole URL; each is
	// asked. There must be a log or a timestamp authority: else nothing says when
	// a signature was made.
	Timestamps []string
}

// Log is a transparency log.
type Log struct {
	URL string
	// Version is the one of Rekor's API: 1 or 2. Default 1. A log of version 2
	// does not say when, so that it needs a timestamp authority beside it.
	Version uint32
}

// PublicServices are those of sigstore's public good instance. What is signed with
// them, and by whom, is public for ever.
func PublicServices() Services {
	return Services{
		Fulcio:     "https://fulcio.sigstore.dev",
		Logs:       []Log{{URL: "https://rekor.sigstore.dev", Version: 1}},
		Timestamps: []string{"https://timestamp.sigstore.dev/api/v1/timestamp"},
	}
}

// ParseSigningConfig reads which services to use from a signing config
// (signing_config.v0.2.json; sigstore's protobuf-specs, sigstore_trustroot.proto): those that count
// now, as many as it says.
func ParseSigningConfig(data []byte) (Services, error) {
	s, err := parseSigningConfig(data, time.Now())
	if err != nil {
		return Services{}, fmt.Errorf("signing config: %w", err)
	}
	return s, s.check()
}

func parseSigningConfig(data []byte, now time.Time) (Services, error) {
	if len(data) > maxRootBytes {
		return Services{}, fmt.Errorf("%d bytes, more than the %d allowed", len(data), maxRootBytes)
	}
	if err := wire.Check(data); err != nil {
		return Services{}, err
	}
	config, err := root.NewSigningConfigFromJSON(data)
	if err != nil {
		return Services{}, err
	}
	members, err := wire.ParseObject(data)
	if err != nil {
		return Services{}, err
	}
	fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sigstore.FulcioAPIVersions, now)
	if err != nil {
		return Services{}, fmt.Errorf("certificate authority: %w", err)
	}
	s := Services{Fulcio: fulcio.URL}
	if urls := config.RekorLogURLs(); len(urls) > 0 {
		if err := wanted(members, "rekorTlogConfig"); err != nil {
			return Services{}, err
		}
		logs, err := root.SelectServices(urls, config.RekorLogURLsConfig(), sigstore.RekorAPIVersions, now)
		if err != nil {
			return Services{}, fmt.Errorf("transparency log: %w", err)
		}
		for _, l := range logs {
			s.Logs = append(s.Logs, Log{l.URL, l.MajorAPIVersion})
		}
	}
	if urls := config.TimestampAuthorityURLs(); len(urls) > 0 {
		if err := wanted(members, "tsaConfig"); err != nil {
			return Services{}, err
		}
		authorities, err := root.SelectServices(urls, config.TimestampAuthorityURLsConfig(), sigstore.TimestampAuthorityAPIVersions, now)
		if err != nil {
			return Services{}, fmt.Errorf("timestamp authority: %w", err)
		}
		for _, a := range authorities {
			s.Timestamps = append(s.Timestamps, a.URL)
		}
	}
	return s, nil
}

// wanted refuses a config that does not say how many of its services to use: the
// library would read what is not there.
func wanted(members wire.Object, name string) error {
	if v, _ := members.Get(name); wire.IsNull(v) {
		return fmt.Errorf("%s: it is missing, and says how many services to use", name)
	}
	return nil
}

// check refuses services that cannot make a signature that verifies, or that would
// be sent credentials in plain.
func (s Services) check() error {
	if s.Fulcio == "" {
		return errors.New("keyless signing: there is no certificate authority")
	}
	if err := checkURL(s.Fulcio); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	tells := len(s.Timestamps) > 0
	for _, l := range s.Logs {
		if l.Version > 2 {
			return fmt.Errorf("transparency log %s: version %d, want 1 or 2", l.URL, l.Version)
		}
		tells = tells || l.Version < 2
		if err := checkURL(l.URL); err != nil {
			return fmt.Errorf("transparency log: %w", err)
		}
	}
	for _, t := range s.Timestamps {
		if err := checkURL(t); err != nil {
			return fmt.Errorf("timestamp authority: %w", err)
		}
	}
	if !tells {
		return errors.New("keyless signing: nothing would say when it was signed: there is no timestamp authority, and no log of version 1")
	}
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q: want https://HOST/PATH", text)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && local {
		return nil
	}
	return fmt.Errorf("%q: want https; plain http is for this machine only", text)
}
