package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/bytesize"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// Size is a number of bytes, written as a number and a unit: "256MiB". The units
// are B, KiB, MiB and GiB; 0 is not a size, because a zero limit means the
// default.
type Size int64

// tooLarge is far beyond every limit; what is less fits an int everywhere.
const tooLarge = 2 << 30

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := bytesize.Parse(string(text), tooLarge)
	if err != nil {
		return err
	}
	*s = Size(n)
	return nil
}

// Set implements pflag.Value, as String and Type do.
func (s *Size) Set(v string) error { return s.UnmarshalText([]byte(v)) }

// String returns the size in the largest unit that divides it, "" for none.
func (s *Size) String() string {
	if *s == 0 {
		return ""
	}
	return bytesize.Format(int64(*s))
}

// Type names the kind of value in a command's help.
func (s *Size) Type() string { return "size" }

// Duration is a time of more than 0 in Go's notation: "250ms", "1m30s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("%q: want a duration such as 250ms or 30s", text)
	}
	*d = Duration(v)
	return nil
}

// Set implements pflag.Value, as String and Type do.
func (d *Duration) Set(v string) error { return d.UnmarshalText([]byte(v)) }

// String returns the duration in Go's notation, "" for none.
func (d *Duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Type names the kind of value in a command's help.
func (d *Duration) Type() string { return "duration" }

// Duration returns the standard library's type.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// maxPrecision bounds the step of a guest's clocks: what is coarser would rather
// be a mistake.
const maxPrecision = time.Minute

// Precision is the step of a guest's clocks: a [Duration] of at most a minute.
type Precision time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Precision) UnmarshalText(text []byte) error {
	var d Duration
	if err := d.UnmarshalText(text); err != nil {
		return err
	}
	if d.Duration() > maxPrecision {
		return fmt.Errorf("%q: want a precision of more than 0 and at most %s", text, maxPrecision)
	}
	*p = Precision(d)
	return nil
}

// Set implements pflag.Value, as String and Type do.
func (p *Precision) Set(v string) error { return p.UnmarshalText([]byte(v)) }

// String returns the precision in Go's notation, "" for none.
func (p *Precision) String() string { return (*Duration)(p).String() }

// Type names the kind of value in a command's help.
func (p *Precision) Type() string { return "duration" }

// Duration returns the standard library's type.
func (p Precision) Duration() time.Duration { return time.Duration(p) }

// count is a number of at least one.
type count int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 1 || n > 100_000 || text[0] == '+' {
		return fmt.Errorf("%q: want a whole number from 1 to 100000", text)
	}
	*c = count(n)
	return nil
}

type lifetime runtime.Lifetime

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *lifetime) UnmarshalText(text []byte) error {
	v, err := runtime.ParseLifetime(string(text))
	if err != nil {
		return err
	}
	if v == "" {
		return fmt.Errorf("lifetime is empty: use call, session or process, or leave it out")
	}
	*l = lifetime(v)
	return nil
}

// truth is true or false.
type truth bool

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *truth) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true", "false":
		*t = text[0] == 't'
		return nil
	}
	return fmt.Errorf("%q: want true or false", text)
}

// room is a [Size] on a disk.
type room int64

// roomTooLarge is beyond every disk.
const roomTooLarge = 1 << 50

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *room) UnmarshalText(text []byte) error {
	n, err := bytesize.Parse(string(text), roomTooLarge)
	*r = room(n)
	return err
}
