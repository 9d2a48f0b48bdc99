package gate

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// FuzzContent: what nothing is taken out of stays as it is, and of what is taken out
// nothing is left, in any JSON that a guest can send.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		`{"content":[{"type":"text","text":"a secret"}],"structuredContent":{"secret":[1e400,-0.0,"secret"]}}`,
		`{"content":[{"type":"image","data":"c2VjcmV0","mimeType":"image/png"}],"_meta":{"a":null}}`,
		`{"contents":[{"uri":"x:secret","blob":"AA=="}]}`, `{"data":{"type":"secret"}}`, `{"type":"secret"}`, `[]`, `"secret"`, `7`,
		`{"a":"\u0073ecret","\ud83d\ude00":"\u2028"}`, `{"requestState":"secret"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wire.Check(data) != nil {
			return
		}
		same, err := rewrite(data, false, func(s string) string { return s })
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		want, err := wire.Canonical(data)
		if err != nil {
			return
		}
		if got, err := wire.Canonical(same); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s became %s, %v", data, same, err)
		}
		less, err := rewrite(data, true, func(s string) string { return strings.ReplaceAll(s, "secret", "[redacted]") })
		if err == nil && strings.Contains(textOf(less), "secret") {
			t.Fatalf("%s became %s", data, less)
		}
	})
}
