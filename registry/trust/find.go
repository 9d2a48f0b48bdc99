package trust

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// maxChecks bounds how often a signature is checked for one decision. Each check
// costs up to some milliseconds, and whoever may write to a repository decides how many
// signatures there are.
const maxChecks = 1024

// finder verifies what was found for one digest.
type finder struct {
	pattern   string // of the rule
	digest    string
	envelopes []sign.Envelope
	checks    int      // so far
	byRule    findings // for the rule's signers, once signatures was called
}

// findings are what verifying all envelopes for some signers gave.
type findings struct {
	valid []sign.Statement
	other map[error]int // how many did not hold, by kind
	about map[error]string
}

// kinds are the failures that are told apart, the most telling first, each with
// what the error says of one or more of that kind.
var kinds = []struct {
	err       error
	one, many string
}{
	{sign.ErrTime, "one whose time cannot be trusted", "%d whose time cannot be trusted"},
	{sign.ErrOtherDigest, "one for another digest", "%d for another digest"},
	{sign.ErrDamaged, "one that is damaged", "%d that are damaged"},
	{sign.ErrVersion, "one in a form that is not known here", "%d in forms that are not known here"},
	{sign.ErrOtherSigner, "one by somebody else, or changed since", "%d by others, or changed since"},
	{sign.ErrSignature, "one that does not hold", "%d that do not hold"},
}

// verify checks every envelope for any of the signers. An envelope has one
// signature, so the first signer that holds is the one.
func (f *finder) verify(ctx context.Context, signers []sign.Verifier) (findings, error) {
	found := findings{other: map[error]int{}, about: map[error]string{}}
	for _, e := range f.envelopes {
		worst := len(kinds)
		var cause string
		for _, s := range signers {
			if s == nil {
				continue
			}
			if err := ctx.Err(); err != nil {
				return findings{}, err
			}
			if f.checks++; f.checks > maxChecks {
				return findings{}, fmt.Errorf("it has %d signatures and attestations, which are too many for the signers of the rule %s (%d checks): those that are not needed have to be removed",
					len(f.envelopes), f.pattern, maxChecks)
			}
			statement, err := s.Verify(e)
			if err == nil && e.Subject != f.digest {
				err = sign.ErrOtherDigest
			}
			if err == nil && statement.Signer == "" {
				err = sign.ErrSignature // nobody cannot be counted
			}
			if err == nil {
				found.valid = append(found.valid, statement)
				worst = -1
				break
			}
			if k := kindOf(err); k < worst {
				worst, cause = k, detail(err, kinds[k].err, s.String())
			}
		}
		if worst >= 0 && worst < len(kinds) {
			kind := kinds[worst].err
			found.other[kind]++
			found.about[kind] = cmp.Or(found.about[kind], cause)
		}
	}
	return found, nil
}

// kindOf returns an error's place among kinds.
func kindOf(err error) int {
	for i, k := range kinds {
		if errors.Is(err, k.err) {
			return i
		}
	}
	return len(kinds) - 1
}

// detail is what an error says beyond its kind and the signer that it is about.
func detail(err, kind error, signer string) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, kind.Error()); ok {
		text = strings.TrimPrefix(after, ": ")
	}
	if text == signer {
		return ""
	}
	return shorten(strings.TrimPrefix(text, signer+": "))
}

// shorten puts a text that a stranger may have written on one line.
func shorten(text string) string {
	const longest = 200
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	return text
}

// text lists what was found beside what counts.
func (f findings) text() []string {
	var list []string
	for _, k := range kinds {
		n := f.other[k.err]
		if n == 0 {
			continue
		}
		text := k.one
		if n > 1 {
			text = fmt.Sprintf(k.many, n)
		}
		if about := f.about[k.err]; about != "" {
			text += " (" + about + ")"
		}
		list = append(list, text)
	}
	return list
}

// signatures wants enough signers of the rule.
func (f *finder) signatures(ctx context.Context, rule Rule, v *Verdict) error {
	if len(rule.Signers) == 0 {
		return fmt.Errorf("the rule %s names no signers, so that nobody can vouch for it: add some", f.pattern)
	}
	found, err := f.verify(ctx, rule.Signers)
	if err != nil {
		return err
	}
	f.byRule = found
	attested := 0
	for _, s := range found.valid {
		if s.PredicateType != sign.PredicateSignature {
			attested++
			v.Attestations = append(v.Attestations, s)
		} else if !slices.Contains(v.Signers, s.Signer) {
			v.Signers = append(v.Signers, s.Signer)
		}
	}
	slices.Sort(v.Signers)
	want := max(rule.Threshold, 1)
	if len(v.Signers) >= want {
		return nil
	}
	var have []string
	if len(v.Signers) > 0 {
		have = append(have, "a signature by "+strings.Join(v.Signers, " and one by "))
	}
	switch {
	case attested == 1:
		have = append(have, "an attestation by a signer, which is no signature")
	case attested > 1:
		have = append(have, fmt.Sprintf("%d attestations by signers, which are no signatures", attested))
	}
	wanted := "a signature by " + names(rule.Signers)
	if want > 1 {
		wanted = fmt.Sprintf("signatures by %d different ones of %s", want, names(rule.Signers))
	}
	return f.missing(wanted, append(have, found.text()...), "ask the publisher to sign this digest")
}

// attestations wants every kind of attestation that the rule requires.
func (f *finder) attestations(ctx context.Context, rule Rule, v *Verdict) error {
	for _, a := range rule.Attestations {
		if a.PredicateType == "" || a.PredicateType == sign.PredicateSignature {
			return fmt.Errorf("the rule %s wants an attestation of type %q, which is none", f.pattern, a.PredicateType)
		}
		signers, found := rule.Signers, f.byRule
		if len(a.Signers) > 0 {
			var err error
			signers = a.Signers
			if found, err = f.verify(ctx, signers); err != nil {
				return err
			}
		}
		var have []string
		enough := false
		for _, s := range found.valid {
			switch {
			case s.PredicateType == a.PredicateType:
				enough = true
				v.Attestations = append(v.Attestations, s)
			case s.PredicateType == sign.PredicateSignature:
				have = append(have, "a signature by "+s.Signer)
			default:
				have = append(have, "one of type "+shorten(s.PredicateType)+" by "+s.Signer)
			}
		}
		if !enough {
			return f.missing(fmt.Sprintf("an attestation of type %s by %s", a.PredicateType, names(signers)), append(have, found.text()...),
				"ask the publisher to attach it to this digest")
		}
	}
	slices.SortFunc(v.Attestations, func(a, b sign.Statement) int {
		return cmp.Or(cmp.Compare(a.PredicateType, b.PredicateType), cmp.Compare(a.Signer, b.Signer), slices.Compare(a.Predicate, b.Predicate))
	})
	v.Attestations = slices.CompactFunc(v.Attestations, func(a, b sign.Statement) bool {
		return a.PredicateType == b.PredicateType && a.Signer == b.Signer && slices.Equal(a.Predicate, b.Predicate)
	})
	return nil
}

// maxListed bounds what a refusal lists.
const maxListed = 8

// missing says what was wanted, what was found, and the way out.
func (f *finder) missing(wanted string, have []string, way string) error {
	text := "nothing"
	if more := len(have) - maxListed; more > 0 {
		have = append(have[:maxListed:maxListed], fmt.Sprintf("%d more", more))
	}
	if len(have) > 0 {
		text = strings.Join(have, "; ")
	}
	return fmt.Errorf("the rule %s wants %s; found: %s: %s", f.pattern, wanted, text, way)
}
