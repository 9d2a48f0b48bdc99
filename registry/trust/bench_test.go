package trust_test

import (
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/sign/signtest"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// BenchmarkCheckSignatures decides about a package with a signature and an
// attestation, from memory.
func BenchmarkCheckSignatures(b *testing.B) {
	b.Run("key", func(b *testing.B) {
		w := newWorld(b)
		w.sign(w.weather, "a")
		w.attest(w.weather, "a", sign.PredicateSLSA)
		check(b, w, w.rule("a"))
	})
	b.Run("identity", func(b *testing.B) {
		w, ours := newWorld(b), signtest.New(b)
		for _, kind := range []string{sign.PredicateSignature, sign.PredicateSLSA} {
			statement, err := sign.NewStatement(w.weather.Digest, kind, nil)
			if err != nil {
				b.Fatal(err)
			}
			w.bundle(w.weather, ours.Signed(b, statement, workflow, actions, time.Now().Add(time.Minute), signtest.KeepAll))
		}
		check(b, w, identities(b, ours.Root(b, signtest.Parts{Log: true, Timestamps: true}, nil), sign.Identity{Subject: workflow, Issuer: actions}))
	})
}

func check(b *testing.B, w *world, rule trust.Rule) {
	rule.Attestations = []trust.Attestation{{PredicateType: sign.PredicateSLSA}}
	for b.Loop() {
		if _, err := w.check(rule); err != nil {
			b.Fatal(err)
		}
	}
}
