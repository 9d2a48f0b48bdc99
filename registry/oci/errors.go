package oci

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"unicode"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// ErrDenied is wrapped by the errors about what a registry does not allow: it
// wants other credentials, or any.
var ErrDenied = errors.New("access denied")

// ErrRefused is matched by the errors about answers that are not taken, beside
// those of [ErrContent]: more than is allowed, lists without end, ways to other
// servers. They say so in their own words.
var ErrRefused = errors.New("refused")

// refusal is an error that matches [ErrRefused].
type refusal struct{ error }

func (e refusal) Is(target error) bool { return target == ErrRefused }
func (e refusal) Unwrap() error        { return e.error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// maxErrorBytes bounds what is read of an error's body.
const maxErrorBytes = 8 << 10

// shorten makes one line of at most 200 bytes of a stranger's text.
func shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if s = strings.TrimSpace(s); len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// statusError is an answer that is no success.
type statusError struct {
	status  int
	code    string // of the distribution specification, "" for none
	message string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("status %d", e.status)
	if name := http.StatusText(e.status); name != "" {
		text += " " + name
	}
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// readStatus makes an error of a response and closes it.
func readStatus(resp *http.Response) *statusError {
	defer func() { _ = resp.Body.Close() }() // the rest is not read
	e := &statusError{status: resp.StatusCode}
	var body struct {
		Errors errcode.Errors `json:"errors"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxErrorBytes)).Decode(&body) == nil && len(body.Errors) > 0 {
		e.code, e.message = shorten(body.Errors[0].Code), shorten(body.Errors[0].Message)
	}
	return e
}

// asStatus finds the answer that an error is about.
func asStatus(err error) (*statusError, bool) {
	if own, ok := errors.AsType[*statusError](err); ok {
		return own, true
	}
	theirs, ok := errors.AsType[*errcode.ErrorResponse](err)
	if !ok {
		return nil, false
	}
	e := &statusError{status: theirs.StatusCode}
	if len(theirs.Errors) > 0 {
		e.code, e.message = shorten(theirs.Errors[0].Code), shorten(theirs.Errors[0].Message)
	}
	return e, true
}

// statusOf returns the HTTP status that an error is about, or 0.
func statusOf(err error) int {
	if e, ok := asStatus(err); ok {
		return e.status
	}
	return 0
}

// describe says in one line what went wrong with a registry, and what may be
// done.
func describe(registry string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, new(*registryError)) {
		return err
	}
	e := &registryError{registry: registry}
	if status, ok := asStatus(err); ok {
		e.text, e.is = statusText(registry, status)
		return e
	}
	e.text, e.is = causeText(registry, err)
	return e
}

// registryError is an error with the registry's name before it.
type registryError struct {
	registry string
	text     string
	is       error // a sentinel, or the cause
}

func (e *registryError) Error() string { return "registry " + e.registry + ": " + e.text }
func (e *registryError) Unwrap() error { return e.is }

// statusText is for answers that are no success.
func statusText(registry string, e *statusError) (string, error) {
	switch s := e.status; {
	case s == http.StatusUnauthorized:
		return fmt.Sprintf("%v (%v): mcpwasm login %s gives it credentials", ErrDenied, e, registry), ErrDenied
	case s == http.StatusForbidden:
		return fmt.Sprintf("%v (%v): what mcpwasm login %s gave it does not allow this", ErrDenied, e, registry), ErrDenied
	case s == http.StatusNotFound:
		return fmt.Sprintf("%v (%v)", ErrNotFound, e), ErrNotFound
	case s == http.StatusTooManyRequests:
		return fmt.Sprintf("it has had too many requests (%v): wait a while, or log in", e), e
	case s >= 500:
		return fmt.Sprintf("it fails (%v): try again later", e), e
	}
	return "it refuses the request (" + e.Error() + ")", e
}

// causeText is for what kept an answer from coming.
func causeText(registry string, err error) (string, error) {
	var (
		dns       *net.DNSError
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
		plain     *plainError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &plain):
		return plain.Error(), err
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "it speaks plain HTTP: name it under registries with plainHTTP, or --plain-http " + registry, err
	case errors.As(err, &authority):
		return "its certificate is from an authority that is not trusted: name the authority's certificate under registries with ca", err
	case errors.As(err, &untrusted):
		return "its certificate cannot be used: " + shorten(untrusted.Err.Error()), err
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host of this name", err
	case errors.As(err, &dns):
		return "its name cannot be looked up: " + shorten(dns.Err), err
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused: is it running there?", err
	case errors.Is(err, errStalled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time", err
	case errors.Is(err, errSlow):
		return "it sends too slowly: try again later, or name a mirror under registries", err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return "the connection broke off", err
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fmt.Sprintf("%v (it asks for a user name and a password): mcpwasm login %s gives it credentials", ErrDenied, registry), ErrDenied
	case errors.Is(err, errdef.ErrNotFound):
		return ErrNotFound.Error(), ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		return "the connection is not permitted", err
	}
	if request, ok := errors.AsType[*url.Error](err); ok { // without the address, which is long
		err = request.Err
	}
	return shorten(err.Error()), err
}
