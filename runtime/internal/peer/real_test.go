package peer

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// buildSample builds a sample server for this machine, in its own module.
func buildSample(t *testing.T, name string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if goruntime.GOOS == "windows" {
		bin += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", bin, "./"+name)
	cmd.Dir = filepath.FromSlash("../../../plugins/examples/stdio")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return bin
}

// realServer is a peer of a program that runs natively.
type realServer struct {
	t       *testing.T
	peer    *Peer
	signals chan plugins.Notification
}

func startReal(t *testing.T, bin string, legacy bool) realServer {
	t.Helper()
	cmd := exec.Command(bin)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := realServer{t: t, signals: make(chan plugins.Notification, 16)}
	s.peer, err = Connect(t.Context(), Config{
		Server: filepath.Base(bin), Legacy: legacy,
		First:  runtime.Call{Message: plugins.Message{Method: "tools/list", Params: json.RawMessage(`{` + realMeta + `}`)}},
		Signal: func(n plugins.Notification) { s.signals <- n },
		Noise:  func(line string) { t.Errorf("noise: %s", line) },
		Fault:  func(e *runtime.GuestError) { t.Errorf("fault: %v", e) },
	}, out, in)
	t.Cleanup(func() {
		if s.peer != nil {
			_ = s.peer.Close()
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const realMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}},"io.modelcontextprotocol/logLevel":"debug","progressToken":"a token"}`

// call returns the result and the methods of its notifications.
func (s realServer) call(method, params string) (wire.Object, []string) {
	s.t.Helper()
	if params != "" {
		params += ","
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var notes []string
	a, err := s.peer.Handle(ctx, runtime.Call{
		Message: plugins.Message{Method: method, Params: json.RawMessage("{" + params + realMeta + "}")},
		Notify: func(n plugins.Notification) {
			if n.Method == plugins.NotifyProgress && !strings.Contains(string(n.Params), `"a token"`) {
				s.t.Errorf("progress with another token: %s", n.Params)
			}
			notes = append(notes, strings.TrimPrefix(n.Method, "notifications/"))
		},
	})
	if err != nil {
		s.t.Fatalf("%s: %v", method, err)
	}
	if a.Error != nil {
		s.t.Fatalf("%s: %v", method, a.Error)
	}
	o, err := wire.ParseObject(a.Result)
	if err != nil {
		s.t.Fatal(err)
	}
	return o, notes
}

func (s realServer) want(what string, o wire.Object, text string) {
	s.t.Helper()
	if !strings.Contains(string(o.JSON()), text) {
		s.t.Errorf("%s: want %s in %s", what, text, o.JSON())
	}
}

// roundTrip calls a tool that asks for an input, and gives it.
func (s realServer) roundTrip(params, content string) wire.Object {
	s.t.Helper()
	o, _ := s.call("tools/call", params)
	s.want("first round", o, `"resultType":"input_required"`)
	requests, _, err := o.GetObject("inputRequests")
	if err != nil || requests.Len() != 1 {
		s.t.Fatalf("inputRequests: %v in %s", err, o.JSON())
	}
	responses := wire.Object{}.Set(requests.Members()[0].Name, json.RawMessage(`{"action":"accept","content":`+content+`}`))
	params += `,"inputResponses":` + string(responses.JSON())
	if state, ok := o.Get("requestState"); ok {
		params += `,"requestState":` + string(state)
	}
	o, _ = s.call("tools/call", params)
	return o
}

// TestRealServers speaks with the sample servers in the newest era that they
// know, and in the one before.
func TestRealServers(t *testing.T) {
	type check func(*testing.T, realServer)
	for name, f := range map[string]check{"gosdk": checkNotebook, "mcpgo": checkCalculator} {
		t.Run(name, func(t *testing.T) {
			bin := buildSample(t, name)
			t.Run("modern", func(t *testing.T) {
				s := startReal(t, bin, false)
				if v := s.peer.Version(); v != "2026-07-28" {
					t.Errorf("revision %s", v)
				}
				f(t, s)
			})
			t.Run("legacy", func(t *testing.T) {
				s := startReal(t, bin, true)
				if v := s.peer.Version(); v != "2025-11-25" {
					t.Errorf("revision %s", v)
				}
				f(t, s)
			})
		})
	}
}

func checkNotebook(t *testing.T, s realServer) {
	o, _ := s.call("server/discover", "")
	s.want("discover", o, `"supportedVersions":`)
	s.want("discover", o, `"notebook"`)
	o, _ = s.call("tools/list", "")
	s.want("tools", o, `"delete_note"`)
	if err := s.peer.Subscribe(t.Context(), "notes://all"); err != nil {
		t.Fatal(err)
	}
	o, notes := s.call("tools/call", `"name":"add_note","arguments":{"title":"one","text":"two three"}`)
	s.want("add", o, "Added.")
	if strings.Join(notes, " ") != "message" {
		t.Errorf("add: notifications %q", notes)
	}
	select {
	case n := <-s.signals:
		if n.Method != plugins.NotifyResourceUpdated || !strings.Contains(string(n.Params), "notes://all") || strings.Contains(string(n.Params), "subscriptionId") {
			t.Errorf("signal %s %s", n.Method, n.Params)
		}
	case <-time.After(time.Minute):
		t.Error("no signal")
	}
	if err := s.peer.Unsubscribe(t.Context(), "notes://all"); err != nil {
		t.Fatal(err)
	}
	o, notes = s.call("tools/call", `"name":"count_words","arguments":{}`)
	s.want("count", o, `"words":2`)
	if strings.Join(notes, " ") != "progress" {
		t.Errorf("count: notifications %q", notes)
	}
	o, _ = s.call("resources/read", `"uri":"notes://all"`)
	s.want("read", o, "# one")
	o, _ = s.call("prompts/get", `"name":"summarise","arguments":{"language":"Frisian"}`)
	s.want("prompt", o, "Frisian")
	o = s.roundTrip(`"name":"delete_note","arguments":{"title":"one"}`, `{"sure":true}`)
	s.want("delete", o, "Deleted.")
	select {
	case n := <-s.signals:
		t.Errorf("signal after Unsubscribe: %s %s", n.Method, n.Params)
	default:
	}
}

func checkCalculator(_ *testing.T, s realServer) {
	o, _ := s.call("server/discover", "")
	s.want("discover", o, `"calculator"`)
	o, _ = s.call("tools/call", `"name":"factorise","arguments":{"n":360}`)
	s.want("factorise", o, "2 × 2 × 2 × 3 × 3 × 5")
	o, _ = s.call("tools/call", `"name":"sum_primes","arguments":{"limit":100000}`)
	s.want("primes", o, "454396537")
	o = s.roundTrip(`"name":"convert_temperature","arguments":{"celsius":100}`, `{"unit":"fahrenheit"}`)
	s.want("convert", o, "212.00 °F")
}
