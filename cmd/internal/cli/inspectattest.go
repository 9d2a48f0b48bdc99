package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// inspectedJSON is a signature or attestation of a package. What it says is shown
// where it was verified, and nowhere else.
type inspectedJSON struct {
	envelopeJSON
	Components *int   `json:"components,omitempty"` // of an SBOM
	Builder    string `json:"builder,omitempty"`    // of SLSA provenance
	Source     string `json:"source,omitempty"`     // likewise
}

// envelopes lists what was signed about digests, each verified by the first of the
// signers that it holds for.
func envelopes(ctx context.Context, src oci.Source, signers []sign.Verifier, digests ...string) ([]inspectedJSON, error) {
	list := []inspectedJSON{}
	for _, digest := range digests {
		found, err := sign.Collect(ctx, src, digest)
		if err != nil {
			return nil, fmt.Errorf("find signatures: %w", err)
		}
		for _, e := range found {
			list = append(list, inspectEnvelope(signers, e))
		}
	}
	return list, nil
}

func inspectEnvelope(signers []sign.Verifier, e sign.Envelope) inspectedJSON {
	for _, v := range signers {
		if st, err := v.Verify(e); err == nil {
			shown := inspectedJSON{envelopeJSON: statementJSON(st, e.Form())}
			shown.read(st)
			return shown
		}
	}
	signer, predicateType := e.Claims()
	shown := inspectedJSON{envelopeJSON: statementJSON(sign.Statement{Signer: signer, PredicateType: predicateType}, e.Form())}
	shown.Verified = false
	return shown
}

// read takes from an attestation what people ask for first.
func (j *inspectedJSON) read(st sign.Statement) {
	switch {
	case st.PredicateType == sign.PredicateSPDX:
		j.count(st.Predicate, "packages")
	case st.PredicateType == sign.PredicateCycloneDX || strings.HasPrefix(st.PredicateType, sign.PredicateCycloneDX+"/"):
		j.count(st.Predicate, "components")
	case strings.HasPrefix(st.PredicateType, "https://slsa.dev/provenance/"):
		j.Builder, j.Source = provenance(st.Predicate)
	}
}

// count counts the parts in an SBOM (SPDX 2, "packages"; CycloneDX, "components").
func (j *inspectedJSON) count(predicate json.RawMessage, member string) {
	var document map[string]json.RawMessage
	var parts []json.RawMessage
	if json.Unmarshal(predicate, &document) == nil && json.Unmarshal(document[member], &parts) == nil {
		n := len(parts)
		j.Components = &n
	}
}

// provenance reads who built something of what (slsa.dev/spec/v1.0/provenance, and
// v0.2 of it).
func provenance(predicate json.RawMessage) (builder, source string) {
	var p struct {
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
		BuildDefinition struct {
			ResolvedDependencies []struct {
				URI string `json:"uri"`
			} `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Invocation struct {
			ConfigSource struct {
				URI string `json:"uri"`
			} `json:"configSource"`
		} `json:"invocation"`
	}
	if json.Unmarshal(predicate, &p) != nil {
		return "", ""
	}
	builder, source = p.RunDetails.Builder.ID, p.Invocation.ConfigSource.URI
	if builder == "" {
		builder = p.Builder.ID
	}
	if d := p.BuildDefinition.ResolvedDependencies; len(d) > 0 {
		source = d[0].URI
	}
	return builder, source
}

// line says it for people.
func (j *inspectedJSON) line() string {
	what := j.PredicateType
	switch {
	case j.Kind == "signature":
		what = "signature"
	case j.PredicateType == sign.PredicateSPDX:
		what = "SBOM (SPDX)"
	case strings.HasPrefix(j.PredicateType, sign.PredicateCycloneDX):
		what = "SBOM (CycloneDX)"
	case strings.HasPrefix(j.PredicateType, "https://slsa.dev/provenance/"):
		what = "SLSA provenance"
	case what == "":
		what = "something that cannot be read"
	}
	if !j.Verified {
		who := "nobody that is known"
		if j.Signer != "" {
			who = j.Signer
		}
		return what + ", not verified; it says that it is by " + who
	}
	if j.Components != nil {
		plural := "s"
		if *j.Components == 1 {
			plural = ""
		}
		what += fmt.Sprintf(" of %d component%s", *j.Components, plural)
	}
	if j.Builder != "" {
		what += ", built by " + j.Builder
	}
	if j.Source != "" {
		what += ", from " + j.Source
	}
	return what + ", by " + j.Signer
}
