package gate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/internal/wire"
)

// tidy takes the word secret out.
func tidy(s string) string { return strings.ReplaceAll(s, "secret", "[redacted]") }

// TestContent has what is text seen and replaced, and the rest left as it is.
func TestContent(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte("one secret?~"))
	for _, tc := range []struct {
		name, in, kept string
		text           string // a line each
		out            string // empty: a redaction matches what cannot be replaced
	}{
		{"text", `{"content":[{"type":"text","text":"a secret"}]}`, "", "a secret", `{"content":[{"type":"text","text":"a [redacted]"}]}`},
		{"sealed state", `{"resultType":"input_required","requestState":"secret"}`, "requestState", "", `{"resultType":"input_required","requestState":"secret"}`},
		{"state that is not sealed", `{"requestState":"secret"}`, "", "secret", `{"requestState":"[redacted]"}`},
		{"state below", `{"inputRequests":{"a":{"params":{"messages":[{"role":"user","content":{"type":"text","requestState":"secret"}}]}}}}`, "requestState",
			"a\nsecret", `{"inputRequests":{"a":{"params":{"messages":[{"role":"user","content":{"type":"text","requestState":"[redacted]"}}]}}}}`},
		{"state in a list", `{"requestState":["secret"]}`, "requestState", "secret", `{"requestState":["[redacted]"]}`},
		{"image", `{"content":[{"type":"image","data":"secret==","mimeType":"image/png"}]}`, "", "image/png", `{"content":[{"type":"image","data":"secret==","mimeType":"image/png"}]}`},
		{"sound, its type last", `{"messages":[{"content":{"data":"secret==","type":"audio"}}]}`, "", "", `{"messages":[{"content":{"data":"secret==","type":"audio"}}]}`},
		{"data of text", `{"content":[{"type":"text","data":"secret=="}]}`, "", "secret==", `{"content":[{"type":"text","data":"[redacted]=="}]}`},
		{"data of no content", `{"icons":[{"type":"image","data":"secret=="}]}`, "", "secret==", `{"icons":[{"type":"image","data":"[redacted]=="}]}`},
		{"data in a list", `{"content":[{"type":"image","data":["secret"]}]}`, "", "secret", `{"content":[{"type":"image","data":["[redacted]"]}]}`},
		{"image that is none", `{"content":[{"type":"image","data":"a secret!"}]}`, "", "a secret!", `{"content":[{"type":"image","data":"a [redacted]!"}]}`},
		{"blob", `{"contents":[{"uri":"x:","blob":"secret=="}]}`, "", "x:", `{"contents":[{"uri":"x:","blob":"secret=="}]}`},
		{"blob of nothing", `{"contents":[{"blob":"secret=="}]}`, "", "secret==", `{"contents":[{"blob":"[redacted]=="}]}`},
		{"blob of content", `{"content":[{"type":"text","uri":"x:","blob":"secret=="}]}`, "", "x:\nsecret==", `{"content":[{"type":"text","uri":"x:","blob":"[redacted]=="}]}`},
		{"blob of text", `{"contents":[{"blob":"` + text + `","uri":"x:","mimeType":"Text/Plain; charset=utf-8"}]}`, "", "one secret?~\nx:\nText/Plain; charset=utf-8", ""},
		{"blob of text, for URLs", `{"content":[{"type":"resource","resource":{"uri":"x:","mimeType":"text/x","blob":"` + base64.RawURLEncoding.EncodeToString([]byte("one secret?~")) + `"}}]}`,
			"", "x:\ntext/x\none secret?~", ""},
		{"blob of JSON", `{"contents":[{"uri":"x:","mimeType":"application/ld+json","blob":"InNlY3JldCL/"}]}`, "", "x:\napplication/ld+json\n\"secret\"\uFFFD", ""},
		{"harmless blob of JSON", `{"contents":[{"uri":"x:","mimeType":"application/json","blob":"e30="}]}`, "", "x:\napplication/json\n{}",
			`{"contents":[{"uri":"x:","mimeType":"application/json","blob":"e30="}]}`},
		{"words", `{"level":"error","role":"user","method":"roots/list","mode":"form","cacheScope":"public","lastModified":"2026-01-01T00:00:00Z","type":["string","null"]}`, "", "",
			`{"level":"error","role":"user","method":"roots/list","mode":"form","cacheScope":"public","lastModified":"2026-01-01T00:00:00Z","type":["string","null"]}`},
		{"no words", `{"level":"secret","role":"users","method":"a","mode":"b","cacheScope":"c","lastModified":"d","type":["secret"],"resultType":"e","mimeType":"f"}`, "",
			"secret\nusers\na\nb\nc\nd\nsecret\ne\nf",
			`{"level":"[redacted]","role":"users","method":"a","mode":"b","cacheScope":"c","lastModified":"d","type":["[redacted]"],"resultType":"e","mimeType":"f"}`},
		{"word in what is free", `{"structuredContent":{"type":"text","blob":"secret"}}`, "", "type\ntext\nblob\nsecret", `{"structuredContent":{"type":"text","blob":"[redacted]"}}`},
		{"token", `{"progressToken":"secret","progress":1}`, "progressToken", "", `{"progressToken":"secret","progress":1}`},
		{"name", `{"content":[{"type":"text","secret":1}]}`, "", "secret", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := textOf(json.RawMessage(tc.in), tc.kept); got != tc.text {
				t.Errorf("text %q, want %q", got, tc.text)
			}
			out, err := rewrite(json.RawMessage(tc.in), tc.kept, tidy)
			if string(out) != tc.out || (tc.out == "") != errors.Is(err, errFixed) {
				t.Errorf("%s, %v, want %s", out, err, tc.out)
			}
		})
	}
	if _, err := rewrite(json.RawMessage(`{"type":"text"}`), "", strings.ToUpper); !errors.Is(err, errFixed) {
		t.Errorf("a word of the protocol: %v", err)
	}
}

// FuzzContent: what nothing is taken out of stays as it is, and of what is taken out
// nothing is left, in any JSON that a guest can send.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		`{"content":[{"type":"text","text":"a secret"}],"structuredContent":{"secret":[1e400,-0.0,"secret"]}}`,
		`{"content":[{"type":"image","data":"c2VjcmV0","mimeType":"image/png"}],"_meta":{"a":null}}`,
		`{"contents":[{"uri":"x:secret","blob":"AA=="}]}`, `{"data":{"type":"secret"}}`, `{"type":"secret"}`, `[]`, `"secret"`, `7`,
		`{"a":"\u0073ecret","\ud83d\ude00":"\u2028"}`, `{"requestState":"secret"}`, `{"content":{"data":"secret==","type":"\u0069mage"}}`,
		`{"contents":[{"uri":"x:","mimeType":"text/html","blob":"c2VjcmV0"}]}`, `{"content":[{"type":"image","data":{"type":"image","data":"secret=="}}]}`,
		`{"content":[{"content":[{"requestState":"secret"},{"_meta":{"content":{"type":"audio","data":"secret=="}}}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wire.Check(data) != nil {
			return
		}
		unchanged(t, data)
		for _, kept := range []string{"", "requestState"} {
			less, err := rewrite(data, kept, tidy)
			if err != nil && !errors.Is(err, errFixed) {
				t.Fatalf("%s: %v", data, err)
			}
			if err == nil && (has(t, less, kept) || strings.Contains(textOf(less, kept), "secret")) {
				t.Fatalf("%s became %s", data, less)
			}
			if err != nil && !strings.Contains(textOf(data, kept), "secret") {
				t.Fatalf("%s is withheld for what a rule does not see", data)
			}
		}
		if less, err := rewriteFree(data, tidy); err == nil && leaks(decoded(t, less), "", true) {
			t.Fatalf("%s became %s", data, less)
		}
	})
}

// unchanged fails where rewriting nothing changes something.
func unchanged(t *testing.T, data json.RawMessage) {
	same, err := rewrite(data, "", func(s string) string { return s })
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
}

// has reports whether a client finds the word secret in JSON, but in one member at
// the top.
func has(t *testing.T, data json.RawMessage, kept string) bool {
	v := decoded(t, data)
	if o, ok := v.(map[string]any); ok {
		if _, isText := o[kept].(string); isText {
			delete(o, kept)
		}
	}
	return leaks(v, "", false)
}

func decoded(t *testing.T, data json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

// leaks reports whether a string somewhere in a value has the word secret in it, be
// it a member's name. name is the member's that the value belongs to. Only what is
// base64 by MCP's own definition is not looked at; free says that it defines none.
func leaks(v any, name string, free bool) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "secret")
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return leaks(e, name, free) })
	case map[string]any:
		for member, below := range v {
			text, isText := below.(string)
			isFree := free || slices.Contains([]string{"_meta", "structuredContent", "arguments", "metadata", "input"}, member) || member == "data" && !isText
			if strings.Contains(member, "secret") {
				return true
			}
			if !free && isText && isBase64(v, name, member) {
				text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
				if _, err := base64.RawStdEncoding.DecodeString(text); err == nil {
					continue
				}
			}
			if leaks(below, member, isFree) {
				return true
			}
		}
	}
	return false
}

func isBase64(o map[string]any, under, member string) bool {
	_, hasURI := o["uri"].(string)
	return under == "content" && member == "data" && (o["type"] == "image" || o["type"] == "audio") ||
		(under == "contents" || under == "resource") && member == "blob" && hasURI
}

// TestDefaultPolicyReadsNoText: what is in a result costs nothing where no rule asks.
func TestDefaultPolicyReadsNoText(t *testing.T) {
	in := &cel.Input{Server: &cel.Server{Name: "a"}, Result: &cel.Result{Kind: cel.ResultAnswer, Content: func() ([]string, string) {
		t.Error("the content was read")
		return nil, ""
	}}}
	if d := cel.Default().Decide(t.Context(), cel.PhaseResult, in); d.Verdict != cel.Allow {
		t.Errorf("%+v", d)
	}
}
