package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// maxRounds bounds how often one call is asked about.
const maxRounds = 32

// approver calls tools, and answers what the policy asks meanwhile.
type approver struct {
	s   Streams
	yes bool // answers everything with yes, once
}

// able reports whether there is somebody to answer.
func (a approver) able() bool { return a.yes || hasTerminal(a.s) }

// call calls a tool and returns its result, or the policy's denial in its place.
func (a approver) call(ctx context.Context, h *host.Host, tool string, arguments json.RawMessage) (json.RawMessage, error) {
	params := wire.Object{}.SetString("name", tool).Set("arguments", arguments).Set("_meta", a.meta())
	for range maxRounds {
		answer, err := h.Call(ctx, plugins.MethodCallTool, params.JSON(), nil)
		switch {
		case err != nil:
			return nil, err
		case answer.Error != nil:
			return nil, answer.Error
		}
		q, ok := policyQuestion(answer.Result)
		if !ok {
			return answer.Result, nil
		}
		response, err := a.answer(ctx, q)
		if err != nil {
			return nil, err
		}
		params = params.Set("inputResponses", wire.Object{}.Set(host.PolicyInput, response).JSON()).SetString("requestState", q.state)
	}
	return nil, &failure{ExitTool, fmt.Errorf("the policy has asked %d times about one call of %q", maxRounds, tool), ""}
}

// meta declares forms where somebody can fill them in.
func (a approver) meta() json.RawMessage {
	capabilities := "{}"
	if a.able() {
		capabilities = `{"elicitation":{"form":{}}}`
	}
	return wire.Object{}.SetString(plugins.MetaProtocolVersion, plugins.ProtocolVersion).
		Set(plugins.MetaClientCapabilities, json.RawMessage(capabilities)).JSON()
}

// question is what the policy wants to know from a person.
type question struct {
	message string
	choices []string // how long a yes may hold
	state   string   // that goes back with the answer
}

// policyQuestion reads the host's own question out of a result (MCP 2026-07-28,
// client/elicitation); a server's is none.
func policyQuestion(raw json.RawMessage) (question, bool) {
	var r struct {
		ResultType    string `json:"resultType"`
		RequestState  string `json:"requestState"`
		InputRequests map[string]struct {
			Params struct {
				Message         string `json:"message"`
				RequestedSchema struct {
					Properties struct {
						Remember struct {
							OneOf []struct {
								Const string `json:"const"`
							} `json:"oneOf"`
						} `json:"remember"`
					} `json:"properties"`
				} `json:"requestedSchema"`
			} `json:"params"`
		} `json:"inputRequests"`
	}
	if json.Unmarshal(raw, &r) != nil || r.ResultType != plugins.ResultInputRequired || len(r.InputRequests) != 1 {
		return question{}, false
	}
	input, ok := r.InputRequests[host.PolicyInput]
	if !ok {
		return question{}, false
	}
	q := question{message: input.Params.Message, state: r.RequestState}
	for _, choice := range input.Params.RequestedSchema.Properties.Remember.OneOf {
		q.choices = append(q.choices, choice.Const)
	}
	return q, true
}

// answer is the ElicitResult for a question.
func (a approver) answer(ctx context.Context, q question) (json.RawMessage, error) {
	remember := "once"
	if a.yes {
		say(a.s, "allowed once, by --approve:\n%s", strings.TrimSuffix(indented(q.message, "  "), "\n"))
	} else {
		var err error
		if remember, err = q.ask(ctx, a.s); err != nil {
			return nil, err
		}
	}
	if remember == "" {
		return json.RawMessage(`{"action":"decline"}`), nil
	}
	content := wire.Object{}.SetString("remember", remember)
	return wire.Object{}.SetString("action", "accept").Set("content", content.JSON()).JSON(), nil
}

// words are the choices as they are shown; the letter in brackets is enough.
var words = map[string]string{"once": "[o]nce", "session": "[s]ession", "always": "[a]lways"}

// ask shows a question on the terminal and returns how long the yes holds, "" for a
// no. Whatever is no choice is asked again, with what to answer; the end of the input is
// a no.
func (q question) ask(ctx context.Context, s Streams) (string, error) {
	var offer []string
	for _, c := range q.choices {
		if w, ok := words[c]; ok {
			offer = append(offer, w)
		}
	}
	out := terminal(s)
	_, _ = fmt.Fprintf(out, "\n%s\n", printable(indented(q.message, "  "))) // nowhere to report to
	for {
		_, _ = fmt.Fprintf(out, "Allow it? %s, [N]o: ", strings.Join(offer, ", "))
		line, err := readLine(ctx, s.In)
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if remember, ok := q.choice(line); ok {
			return remember, nil
		}
		_, _ = fmt.Fprintf(out, "%s is no answer: type %s\n", printable(oneLine(strings.TrimSpace(line), 20)), q.letters())
	}
}

// letters are what can be typed.
func (q question) letters() string {
	var letters []string
	for _, c := range q.choices {
		if _, ok := words[c]; ok {
			letters = append(letters, c[:1])
		}
	}
	return list(append(letters, "n"), "or")
}

// terminal is where whoever sits at standard input reads: standard error, unless that
// goes elsewhere.
func terminal(s Streams) io.Writer {
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	if f, ok := s.In.(*os.File); ok {
		return f
	}
	return s.Err
}

// choice reads an answer: a word of the offer or its first letter. Nothing at all is
// a no.
func (q question) choice(line string) (remember string, ok bool) {
	word := strings.ToLower(strings.TrimSpace(line))
	if word == "" || word == "n" || word == "no" {
		return "", true
	}
	for _, c := range q.choices {
		if word == c || word == c[:min(1, len(c))] {
			return c, true
		}
	}
	return "", false
}
