package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// TestPackageError names what was asked for once, and leaves other digests.
func TestPackageError(t *testing.T) {
	digest, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	const name = "ghcr.io/acme/hello"
	ref := oci.Reference{Registry: "ghcr.io", Repository: "acme/hello", Tag: "1.0.0", Digest: digest}
	tests := []struct{ inner, want string }{
		{name + "@" + digest + ": not trusted: why", "not trusted: why"},
		{name + ":1.0.0: registry ghcr.io: why", "registry ghcr.io: why"},
		{name + ": find signatures: read signatures of " + digest + ": " + name + "@" + digest + ": list: why",
			"find signatures: read signatures of " + digest + ": list: why"},
		{"read the module: " + name + "@" + other + ": why", "read the module: " + other + ": why"},
		{name + ":2.0.0: why", name + ":2.0.0: why"},
		{name + "/more: why", name + "/more: why"},
		{"add {repositories: [" + name + "]}, or name " + name + "@sha256:…", "add {repositories: [" + name + "]}, or name " + name + "@sha256:…"},
	}
	for _, tt := range tests {
		err := refuse(t.Context(), ref, errors.Join(trust.ErrUntrusted, errors.New(tt.inner)))
		e, ok := errors.AsType[*PackageError](err)
		if !ok || e.Reason() != trust.ErrUntrusted.Error()+"\n"+tt.want {
			t.Errorf("%s: %q", tt.inner, e.Reason())
		}
		if !errors.Is(err, ErrSource) || !errors.Is(err, trust.ErrUntrusted) || !strings.HasPrefix(err.Error(), `cannot use the package "`+ref.String()+`": `) {
			t.Errorf("%s: %v", tt.inner, err)
		}
	}
	if err := refuse(t.Context(), ref, errors.New("why")); errors.Is(err, ErrSource) || err.Error() != `get "`+ref.String()+`": why` {
		t.Error(err)
	}
}
