// Command legacy is an ordinary stdio MCP server that knows the revision
// 2025-06-18 and no other. Its tools ask the client for input while they run.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params params          `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

type params struct {
	Name      string          `json:"name"`
	URI       string          `json:"uri"`
	Level     string          `json:"level"`
	RequestID json.RawMessage `json:"requestId"`
	Arguments json.RawMessage `json:"arguments"`
	Meta      struct {
		ProgressToken json.RawMessage `json:"progressToken"`
	} `json:"_meta"`
}

// server is what the messages share.
type server struct {
	out sync.Mutex

	mu      sync.Mutex
	asked   int
	answers map[string]chan message  // to our own requests
	running map[string]chan struct{} // closed when the call is cancelled
	more    bool                     // one more tool has come
}

func main() {
	s := &server{answers: map[string]chan message{}, running: map[string]chan struct{}{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal([]byte(line), &m) == nil {
			s.take(m)
		}
	}
}

func (s *server) take(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.Method == "" && s.answers[string(m.ID)] != nil:
		s.answers[string(m.ID)] <- m
		delete(s.answers, string(m.ID))
	case m.Method == "notifications/cancelled" && s.running[string(m.Params.RequestID)] != nil:
		close(s.running[string(m.Params.RequestID)])
		delete(s.running, string(m.Params.RequestID))
	case m.Method == "tools/call":
		cancelled := make(chan struct{})
		s.running[string(m.ID)] = cancelled
		go s.call(m, cancelled)
	case m.ID != nil:
		go s.serve(m)
	}
}

func (s *server) write(format string, args ...any) {
	s.out.Lock()
	defer s.out.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (s *server) respond(id json.RawMessage, result string) {
	s.write(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

func (s *server) fail(id json.RawMessage, code int, message, data string) {
	s.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q,"data":%s}}`, id, code, message, data)
}

func (s *server) notify(method, params string) {
	s.write(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params)
}

// ask sends the client a request and returns its answer.
func (s *server) ask(method, params string) message {
	s.mu.Lock()
	s.asked++
	id := fmt.Sprintf(`"ask-%d"`, s.asked)
	ch := make(chan message, 1)
	s.answers[id] = ch
	s.mu.Unlock()
	s.write(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params)
	return <-ch
}

func (s *server) serve(m message) {
	switch m.Method {
	case "initialize":
		s.respond(m.ID, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{},"prompts":{}},`+
			`"serverInfo":{"name":"legacy","title":"An old server","version":"1.0.0"},"instructions":"Mind the step."}`)
	case "ping", "logging/setLevel":
		s.respond(m.ID, `{}`)
	case "tools/list":
		s.respond(m.ID, `{"tools":[`+s.tools()+`]}`)
	case "resources/list":
		s.respond(m.ID, `{"resources":[{"uri":"old://clock","name":"clock","x-unknown":9007199254740993}]}`)
	case "resources/templates/list":
		s.respond(m.ID, `{"resourceTemplates":[{"uriTemplate":"old://{id}","name":"anything"}]}`)
	case "resources/read":
		if m.Params.URI != "old://clock" {
			s.fail(m.ID, -32002, "Resource not found", `{"uri":"`+m.Params.URI+`"}`)
			return
		}
		s.respond(m.ID, `{"contents":[{"uri":"old://clock","mimeType":"text/plain","text":"noon"}]}`)
	case "resources/subscribe":
		s.respond(m.ID, `{}`)
		s.notify("notifications/resources/updated", `{"uri":"old://clock"}`)
	case "resources/unsubscribe":
		s.respond(m.ID, `{}`)
	case "prompts/list":
		s.respond(m.ID, `{"prompts":[{"name":"greet"}]}`)
	case "prompts/get":
		s.respond(m.ID, `{"messages":[{"role":"user","content":{"type":"text","text":"Greet me."}}]}`)
	default:
		s.fail(m.ID, -32601, "Method not found", `"`+m.Method+`"`)
	}
}

func (s *server) tools() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := ""
	for _, n := range []string{"ask_name", "ask_model", "ask_roots", "ask_twice", "busy", "echo", "fail", "grow", "wait"} {
		list += `{"name":"` + n + `","inputSchema":{"type":"object","x-limit":9007199254740993}},`
	}
	if s.more {
		list += `{"name":"late","inputSchema":{"type":"object"}},`
	}
	return list[:len(list)-1]
}

const nameForm = `{"message":"What is your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}`

func (s *server) call(m message, cancelled chan struct{}) {
	said := func(what string, answers ...message) {
		text := what
		for _, a := range answers {
			if a.Error != nil {
				text += " error " + string(a.Error)
			} else {
				text += " " + string(a.Result)
			}
		}
		b, _ := json.Marshal(text) // a string always encodes
		s.respond(m.ID, `{"content":[{"type":"text","text":`+string(b)+`}]}`)
	}
	switch m.Params.Name {
	case "ask_name":
		said("elicited", s.ask("elicitation/create", nameForm))
	case "ask_model":
		said("sampled", s.ask("sampling/createMessage",
			`{"messages":[{"role":"user","content":{"type":"text","text":"What is the capital of France?"}}],"maxTokens":100}`))
	case "ask_roots":
		said("roots", s.ask("roots/list", `{}`))
	case "ask_twice":
		first := s.ask("elicitation/create", nameForm)
		said("both", first, s.ask("elicitation/create", nameForm))
	case "busy":
		s.busy(m)
		said("finished")
	case "echo":
		s.respond(m.ID, `{"content":[],"structuredContent":`+string(m.Params.Arguments)+`,"x-unknown":12345678901234567890}`)
	case "fail":
		s.fail(m.ID, -32050, "on purpose", `{"hint":"try again","at":9007199254740993}`)
	case "grow":
		s.mu.Lock()
		s.more = true
		s.mu.Unlock()
		said("grown")
		s.notify("notifications/tools/list_changed", `{}`)
	case "wait":
		s.notify("notifications/progress", `{"progressToken":`+string(m.Params.Meta.ProgressToken)+`,"progress":1}`)
		<-cancelled
		fmt.Fprintln(os.Stderr, "the call was cancelled")
	default:
		s.fail(m.ID, -32602, "no such tool", `"`+m.Params.Name+`"`)
	}
}

// busy reports progress, where it is wanted, and logs in between.
func (s *server) busy(m message) {
	for i := range 3 {
		if m.Params.Meta.ProgressToken != nil {
			s.notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d,"total":3}`, m.Params.Meta.ProgressToken, i+1))
		}
		s.notify("notifications/message", fmt.Sprintf(`{"level":"info","logger":"legacy","data":{"step":%d}}`, i+1))
	}
}
