package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Bounds of the files that the trust section names. Sigstore's own root has 10 kB.
const (
	maxKeyBytes  = 64 << 10
	maxRootBytes = 1 << 20
)

// TrustPolicy reads the keys and the trusted root that the trust section names. A
// file without that section trusts nothing. The error is an [Errors] with every
// file that cannot be used.
func (f *File) TrustPolicy() (trust.Policy, error) {
	r := signerReader{file: f}
	var p trust.Policy
	for i, e := range f.trust.Rules {
		at := fmt.Sprintf("trust.rules[%d]", i)
		rule := trust.Rule{
			Repositories: slices.Clone(e.Repositories), Names: slices.Clone(e.Names), Threshold: int(e.Threshold), Ceiling: e.ceiling,
			Signers: r.signers(at, e.Signers),
		}
		for j, a := range e.Attestations {
			kind, err := PredicateType(a.Type)
			if err != nil {
				r.problem(fmt.Sprintf("%s.attestations[%d].type", at, j), err)
			}
			rule.Attestations = append(rule.Attestations, trust.Attestation{
				PredicateType: kind, Signers: r.signers(fmt.Sprintf("%s.attestations[%d]", at, j), a.Signers),
			})
		}
		p.Rules = append(p.Rules, rule)
	}
	if len(r.problems) > 0 {
		return trust.Policy{}, r.problems
	}
	return p, nil
}

// LockSigners reads the keys and the root of those who may sign the lock file; nil
// where it need not be signed. The error is an [Errors].
func (f *File) LockSigners() ([]sign.Verifier, error) {
	r := signerReader{file: f}
	signers := r.signers("trust.lock", f.trust.Lock.Signers)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return signers, nil
}

// Warnings returns what can be used, and is hardly what somebody meant: a trusted
// root that has ended by now, and patterns that change nothing. Files that cannot be
// used are problems of [File.TrustPolicy], and none here.
func (f *File) Warnings(now time.Time) []Problem {
	var warnings []Problem
	if f.trust.Root != "" {
		r := signerReader{file: f}
		if root, err := r.trustedRoot(); err == nil {
			if end := root.End(); !end.IsZero() && end.Before(now) {
				warnings = append(warnings, f.At("trust.root", fmt.Errorf("it ended on %s, so that nothing that identities signed since can be verified: get the root that its operator has now",
					end.UTC().Format(time.DateOnly))))
			}
		}
	}
	for i, rule := range f.trust.Rules {
		for j, text := range rule.Repositories {
			if wider := widerPattern(text, rule.Repositories); wider != "" {
				warnings = append(warnings, f.At(fmt.Sprintf("trust.rules[%d].repositories[%d]", i, j), fmt.Errorf("%s stands for it already: leave it out", wider)))
			}
		}
	}
	return warnings
}

// widerPattern returns the pattern of a list that stands for all that another one
// stands for, "" where none does.
func widerPattern(text string, list []string) string {
	p, err := trust.ParsePattern(text)
	if err != nil {
		return ""
	}
	for _, other := range list {
		o, err := trust.ParsePattern(other)
		if err == nil && o.String() != p.String() && o.Includes(p) {
			return o.String()
		}
	}
	return ""
}

// Guarded returns the files that decide what is trusted and allowed, and how
// registries are reached: the file itself, keys, the root, the policy and
// certificates.
func (f *File) Guarded() []string {
	paths := []string{f.Path}
	add := func(signers []signerEntry) {
		for _, s := range signers {
			if s.Key != "" {
				paths = append(paths, f.beside(s.Key))
			}
		}
	}
	if f.trust.Root != "" {
		paths = append(paths, f.beside(f.trust.Root))
	}
	for _, rule := range f.trust.Rules {
		add(rule.Signers)
		for _, a := range rule.Attestations {
			add(a.Signers)
		}
	}
	add(f.trust.Lock.Signers)
	if f.Policy != "" {
		paths = append(paths, f.Policy)
	}
	for _, r := range f.Registries {
		if r.CA != "" {
			paths = append(paths, r.CA)
		}
	}
	slices.Sort(paths[1:])
	return slices.Compact(paths)
}

// beside joins a relative path to the file's folder.
func (f *File) beside(path string) string { return beside(f.Path, path) }

// signerReader makes verifiers of a file's signers and collects what is wrong.
type signerReader struct {
	file     *File
	root     *sign.Root
	rootRead bool
	problems Errors
}

func (r *signerReader) problem(at string, err error) {
	r.problems = append(r.problems, r.file.At(at, err))
}

func (r *signerReader) signers(at string, entries []signerEntry) []sign.Verifier {
	var list []sign.Verifier
	for i, e := range entries {
		v, err := r.signer(e)
		switch {
		case err == nil:
			list = append(list, v)
		case errors.Is(err, errRoot): // reported once, where it stands
		default:
			place := fmt.Sprintf("%s.signers[%d]", at, i)
			if e.Key != "" {
				place += ".key"
			}
			r.problem(place, err)
		}
	}
	return list
}

// errRoot stands for a root that was reported already.
var errRoot = errors.New("the trusted root cannot be used")

func (r *signerReader) signer(e signerEntry) (sign.Verifier, error) {
	if e.Key != "" {
		return r.key(e.Key)
	}
	root, err := r.trustedRoot()
	if err != nil {
		return nil, err
	}
	return sign.NewIdentityVerifier(sign.Identity{
		Subject: e.Identity, SubjectPattern: e.IdentityPattern, Issuer: e.Issuer, IssuerPattern: e.IssuerPattern,
	}, root)
}

func (r *signerReader) key(name string) (sign.Verifier, error) {
	path := r.file.beside(name)
	data, err := ReadFile(path, maxKeyBytes)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	key, err := sign.ParsePublicKey(data)
	if err != nil && bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		err = errors.New("it is a private key: name the public one, and keep this one secret")
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	v, err := sign.NewKeyVerifier(filepath.ToSlash(name), key)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return v, nil
}

func (r *signerReader) trustedRoot() (*sign.Root, error) {
	if r.rootRead {
		if r.root == nil {
			return nil, errRoot
		}
		return r.root, nil
	}
	r.rootRead = true
	path := r.file.beside(r.file.trust.Root)
	data, err := ReadFile(path, maxRootBytes)
	if err == nil {
		r.root, err = sign.ParseRoot(data)
	}
	if err != nil {
		r.root = nil
		r.problem("trust.root", fmt.Errorf("trusted root %s: %w", path, err))
		return nil, errRoot
	}
	return r.root, nil
}
