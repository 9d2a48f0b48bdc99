package cel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
)

// ParseInput reads what a decision of a phase is about from JSON or YAML of at most
// 1 MiB, strictly: the members of [Input] that the phase knows, as a host could fill
// them. Numbers in args keep their digits. Of an HTTP request, what is left out is GET,
// https, its port and "/"; access that is left out is "read". The error is a [Problems].
func ParseInput(phase Phase, data []byte) (*Input, error) {
	const file = "input"
	if !slices.Contains(Phases, phase) {
		return nil, Problems{{File: file, Severity: SeverityError, Message: fmt.Sprintf("unknown phase %s%s", quoted(string(phase)), choice(string(phase), Phases))}}
	}
	r := inputReader{yamlfile.New(file)}
	in := &Input{}
	if len(data) > maxSource {
		r.Problem(yamlfile.Position{}, "", "larger than %d bytes", maxSource)
	} else {
		r.Decode(asYAML(data), in, "nothing is given: want at least {}")
	}
	if len(r.Problems) == 0 {
		r.input(phase, "", in)
	}
	if len(r.Problems) > 0 {
		r.Sort()
		return nil, problemsOf(r.Problems, caseIndex, nil)
	}
	return in, nil
}

// escapes are those of JSON's strings, the two halves of one character together.
var escapes = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\.`)

// asYAML rewrites the one thing in JSON that YAML does not read: characters that are
// escaped in two halves.
func asYAML(data []byte) []byte {
	if !json.Valid(data) {
		return data
	}
	return escapes.ReplaceAllFunc(data, func(e []byte) []byte {
		const pair = len(`\ud83d\ude00`)
		if len(e) != pair {
			return e
		}
		return []byte(string(utf16.DecodeRune(unit(e[2:6]), unit(e[8:]))))
	})
}

func unit(hex []byte) rune {
	n, _ := strconv.ParseUint(string(hex), 16, 16) // the expression has found digits only
	return rune(n)
}

// inputReader checks that a host could have made an input.
type inputReader struct{ *yamlfile.Decoder }

// input checks and completes an input at a path.
func (r *inputReader) input(phase Phase, at string, in *Input) {
	if at != "" {
		at += "."
	}
	r.known(phase, at)
	r.object(at+"args", in.Args)
	if in.Tool != nil {
		r.object(at+"tool.inputSchema", in.Tool.InputSchema)
	}
	r.labels(at+"labels", in.Labels)
	r.labels(at+"session.labels", in.Session.Labels)
	switch {
	case phase == PhaseEffect && in.Effect == nil:
		r.At(strings.TrimSuffix(at, "."), "effect is missing, such as effect: {kind: http, http: {host: example.com}}")
	case phase == PhaseEffect:
		r.effect(at+"effect", in.Effect)
	case phase == PhaseResult && in.Result == nil:
		r.At(strings.TrimSuffix(at, "."), "result is missing, such as result: {kind: answer, text: hello}")
	case phase == PhaseResult:
		in.Result.Kind = r.word(at+"result.kind", in.Result.Kind, ResultAnswer, ResultError, ResultNotification, ResultInput)
	}
}

// known refuses what the phase does not know.
func (r *inputReader) known(phase Phase, at string) {
	for i := range declarations {
		d := &declarations[i]
		of, _ := d.split()
		if r.Given(at+d.path) && !d.in(phase) && (of == "" || declarations[declared[of]].in(phase)) {
			r.At(at+d.path, "does not exist on %s, only on %s", phase, joined(d.phases))
		}
	}
}

// object checks a JSON object that is handed on as it is.
func (r *inputReader) object(at string, b json.RawMessage) {
	if len(b) == 0 {
		return
	}
	if err := wire.Check(b); err != nil {
		r.At(at, "%v", err)
	} else if kind := wire.KindOf(b); !bytes.HasPrefix(b, []byte("{")) {
		r.At(at, "want a mapping (key: value), have %s", kind)
	}
}

func (r *inputReader) labels(at string, labels []string) {
	for i, label := range labels {
		if err := checkLabelForm(label); err != nil {
			r.At(fmt.Sprintf("%s[%d]", at, i), "%v", err)
		}
	}
}

// word checks one of some words, of which the first is meant where there is none.
func (r *inputReader) word(at, word string, of ...string) string {
	if word == "" && !r.Given(at) {
		return of[0]
	}
	if !slices.Contains(of, word) {
		r.At(at, "%s%s", quoted(word), choice(word, of))
	}
	return word
}

// effect checks that the part is there that the kind names, and no other.
func (r *inputReader) effect(at string, e *Effect) {
	if !r.Given(at + ".kind") {
		r.At(at, "kind is missing: http, file, kv or secret")
		return
	}
	r.word(at+".kind", e.Kind, EffectHTTP, EffectFile, EffectKV, EffectSecret)
	for _, part := range []struct {
		name  string
		there bool
	}{{EffectHTTP, e.HTTP != nil}, {EffectFile, e.File != nil}, {EffectKV, e.KV != nil}, {EffectSecret, e.Secret != nil}} {
		switch {
		case part.name == e.Kind && !part.there:
			r.At(at, "%s is missing: the effect is of that kind", part.name)
		case part.name != e.Kind && part.there && (e.Kind != EffectSecret || part.name != EffectHTTP):
			r.At(at+"."+part.name, "an effect of the kind %s has no such part", quoted(e.Kind))
		}
	}
	if e.HTTP != nil {
		r.http(at+".http", e.HTTP)
	}
	if e.File != nil {
		e.File.Access = r.word(at+".file.access", e.File.Access, AccessRead, AccessWrite)
		r.required(at+".file.path", e.File.Path, strings.HasPrefix(e.File.Path, "/"), "an absolute path")
	}
	if e.KV != nil {
		e.KV.Access = r.word(at+".kv.access", e.KV.Access, AccessRead, AccessWrite, AccessList)
	}
	if e.Secret != nil {
		r.required(at+".secret.name", e.Secret.Name, e.Secret.Name != "", "the name in the grant")
	}
}

// http checks a request, and completes it.
func (r *inputReader) http(at string, h *HTTP) {
	h.Scheme = r.word(at+".scheme", h.Scheme, "https", "http")
	if h.Method == "" {
		h.Method = "GET"
	}
	r.required(at+".method", h.Method, h.Method == strings.ToUpper(h.Method), "upper case")
	r.required(at+".host", h.Host, h.Host != "" && h.Host == strings.ToLower(h.Host), "a name in lower case, or an address")
	if h.Port == 0 && !r.Given(at+".port") {
		if h.Port = 443; h.Scheme == "http" {
			h.Port = 80
		}
	}
	r.required(at+".port", strconv.Itoa(h.Port), h.Port > 0 && h.Port < 1<<16, "a port from 1 to 65535")
	if h.Path == "" {
		h.Path = "/"
	}
	r.required(at+".path", h.Path, strings.HasPrefix(h.Path, "/") && !strings.Contains(h.Path, "?"), "a path that begins with /, without query")
	r.required(at+".query", h.Query, !strings.HasPrefix(h.Query, "?"), "the query without the ? before it")
}

func (r *inputReader) required(at, have string, ok bool, want string) {
	if !ok {
		r.At(at, "%s: want %s", quoted(have), want)
	}
}
