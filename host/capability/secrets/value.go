package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Bounds of a value, in bytes. A shorter one could not be told from other text
// when it is to be scrubbed.
const (
	MinValueBytes = 8
	MaxValueBytes = 64 << 10
)

// KeepValue is for how long a value is used before it is read again.
const KeepValue = 5 * time.Minute

// Provider is a place that values come from. Errors name what is missing and never
// have a value in them, nor a part of one. It is safe for concurrent use.
type Provider interface {
	// Check reports whether ref, in the provider's own notation, stands for
	// something. It does nothing that would be noticed elsewhere.
	Check(ctx context.Context, ref string) error
	// Value reads the value.
	Value(ctx context.Context, ref string) (string, error)
}

// current is the value that was read last.
type current struct {
	text string
	read time.Time
}

// CheckValue reports whether a text can be a secret's value: UTF-8 without control
// characters, which no header can carry, of [MinValueBytes] to [MaxValueBytes]. The
// error does not have the value in it.
func CheckValue(value string) error {
	switch {
	case value == "":
		return errors.New("the value is empty")
	case len(value) < MinValueBytes:
		return fmt.Errorf("the value has %d bytes: want at least %d, since a shorter one cannot be told from other text", len(value), MinValueBytes)
	case len(value) > MaxValueBytes:
		return tooLong()
	case !utf8.ValidString(value):
		return errors.New("the value is not UTF-8: keep binary secrets as base64")
	case strings.ContainsFunc(value, unicode.IsControl):
		return errors.New("the value has a line end or another control character: keep it on one line")
	}
	return nil
}

func tooLong() error {
	return fmt.Errorf("the value is longer than %d bytes", MaxValueBytes)
}

// oneLine drops the line end that editors and programs put behind a text.
func oneLine(b []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
}

// Learn reads the values that this set has not read within [KeepValue], so that
// scrubbing knows all of them: after a restart somebody else may still have one that
// was sent before it. Callers at the same time share a read, and one that finds all
// values fresh reads none. An error is a *plugins.EffectError; what comes in after it
// must not be passed on.
func (s *Set) Learn(ctx context.Context) error {
	for _, sec := range s.byName {
		if _, err := s.read(ctx, sec); err != nil {
			return err
		}
	}
	return nil
}

// read returns the value of a secret. The scrubber knows it before anybody else.
func (s *Set) read(ctx context.Context, sec *secret) (string, error) {
	select {
	case sec.turn <- struct{}{}:
		defer func() { <-sec.turn }()
	case <-ctx.Done():
		return "", effect.Errorf(plugins.EffectTimeout, "the secret %q was not read in time", sec.name)
	}
	if sec.value.text != "" && time.Since(sec.value.read) < KeepValue {
		return sec.value.text, nil
	}
	sec.value = current{}
	text, err := sec.provider.Value(ctx, sec.ref)
	if err == nil {
		err = CheckValue(text)
	}
	if err != nil && ctx.Err() != nil {
		return "", effect.Errorf(plugins.EffectTimeout, "the secret %q was not read in time", sec.name)
	}
	if err != nil {
		s.log.Error("a secret cannot be read", "secret", sec.name, "provider", sec.source, "error", s.Scrub(err.Error()))
		return "", effect.Errorf(plugins.EffectFailed, "the secret %q cannot be read; the host's log says why", sec.name)
	}
	for _, escape := range usualEscapes { // one that was sent before a restart, too
		if escaped := escape(text); escaped != text {
			s.learn(sec.name, escaped)
		}
	}
	s.learn(sec.name, text)
	sec.value = current{text, time.Now()}
	return text, nil
}
