package sign_test

import (
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

func TestRootEnd(t *testing.T) {
	v := newVirtual(t)
	ended := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	tests := []struct {
		name   string
		change func(*root.FulcioCertificateAuthority)
		want   func(own time.Time) time.Time
	}{
		{"of its certificate", func(a *root.FulcioCertificateAuthority) { a.ValidityPeriodEnd = time.Time{} }, func(own time.Time) time.Time { return own }},
		{"before its certificate's", func(a *root.FulcioCertificateAuthority) { a.ValidityPeriodEnd = ended }, func(time.Time) time.Time { return ended }},
		{"after its certificate's", func(a *root.FulcioCertificateAuthority) { a.ValidityPeriodEnd = ended.AddDate(100, 0, 0) }, func(own time.Time) time.Time { return own }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var own time.Time
			r := v.root(t, parts{log: true}, func(a *root.FulcioCertificateAuthority) {
				own = a.Root.NotAfter
				tt.change(a)
			})
			if got, want := r.End(), tt.want(own); !got.Equal(want) {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
