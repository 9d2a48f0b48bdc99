package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// drip reads a byte at a time, each after a while, and counts.
type drip struct {
	each time.Duration
	n    int
}

func (d *drip) Read(p []byte) (int, error) {
	time.Sleep(d.each)
	d.n++
	p[0] = 'x'
	return 1, nil
}

// TestSlowBody: a server that stays below the limit for silence is left all the
// same, however large the content.
func TestSlowBody(t *testing.T) {
	l := limits{stall: time.Minute, window: 50 * time.Millisecond, minRate: 1 << 20}
	slow := &drip{each: time.Millisecond}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	body := &watchedBody{ReadCloser: io.NopCloser(slow), ctx: ctx, cancel: cancel, limits: l}
	_, err := io.Copy(io.Discard, body)
	if !errors.Is(err, errSlow) || !errors.Is(context.Cause(ctx), errSlow) || slow.n > 50 {
		t.Errorf("after %d bytes: %v", slow.n, err)
	}
	if text, _ := causeText("registry.example", err); !strings.Contains(text, "it sends too slowly: try again later") {
		t.Errorf("it is said as %q", text)
	}
	// What comes fast enough is read, also by somebody who takes his time.
	l.minRate = 1
	body = &watchedBody{ReadCloser: io.NopCloser(io.LimitReader(&drip{each: time.Millisecond}, 200)), ctx: t.Context(), cancel: cancel, limits: l}
	if n, err := io.Copy(io.Discard, body); n != 200 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	l.minRate = 1 << 40
	body = &watchedBody{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, 3))), ctx: t.Context(), cancel: cancel, limits: limits{stall: time.Minute, window: time.Minute, minRate: 1 << 40}}
	for range 3 {
		time.Sleep(2 * time.Millisecond)
		if n, err := body.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

// TestSlowContent: small content comes within the time for metadata, and larger
// content may take longer.
func TestSlowContent(t *testing.T) {
	remotes, err := newRemotes(Config{DockerConfig: "-"}, limits{metadata: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	repo := remotes.repository("registry.example", "acme/weather")
	for _, size := range []int64{smallBytes, smallBytes + 1} {
		slow := &drip{each: time.Millisecond}
		f := &fetched{checked: checked{d: Descriptor{Digest: DigestOf(nil), Size: size}}, ctx: t.Context(), repo: repo}
		f.start(io.NopCloser(slow), 0)
		for range 150 {
			if _, err = f.Read(make([]byte, 1)); err != nil {
				break
			}
		}
		switch small := size <= smallBytes; {
		case small && (!errors.Is(err, errSlow) || slow.n > 60 || !strings.Contains(err.Error(), "registry registry.example: it sends too slowly")):
			t.Errorf("%d bytes: after %d: %v", size, slow.n, err)
		case !small && err != nil:
			t.Errorf("%d bytes: after %d: %v", size, slow.n, err)
		}
		if _, again := f.Read(make([]byte, 1)); err != nil && again == nil {
			t.Error("it goes on")
		}
	}
}
