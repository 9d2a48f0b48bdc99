package sign

import (
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// End is when the last of the root's certificate authorities ends, zero where one
// of them has no end that is known. What was signed before can be verified after
// that as well; what is signed after it cannot.
func (r *Root) End() time.Time {
	var last time.Time
	for _, ca := range r.material.FulcioCertificateAuthorities() {
		f, ok := ca.(*root.FulcioCertificateAuthority)
		if !ok {
			return time.Time{}
		}
		end := f.ValidityPeriodEnd
		if f.Root != nil && (end.IsZero() || f.Root.NotAfter.Before(end)) {
			end = f.Root.NotAfter
		}
		if end.IsZero() {
			return end
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}
