package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// fuzzServer answers the handshake with one line and a call with arbitrary
// bytes, after which it ends. It is the peer's writer.
type fuzzServer struct {
	out    *io.PipeWriter
	hello  string
	output []byte
}

func (s *fuzzServer) Write(line []byte) (int, error) {
	switch {
	case bytes.Contains(line, []byte(`"id":1,`)):
		go func() { _, _ = io.WriteString(s.out, s.hello+"\n") }()
	case bytes.Contains(line, []byte(`"method":"tools/call"`)):
		go func() {
			_, _ = s.out.Write(s.output)
			_ = s.out.Close()
		}()
	}
	return len(line), nil
}

func (s *fuzzServer) Close() error { return nil }

// FuzzServerOutput has a server answer a call with arbitrary bytes, in either
// era, and end: whatever it was, Handle returns, with an answer that is one or
// an error, and what it delivers is bounded.
func FuzzServerOutput(f *testing.F) {
	for _, line := range seedLines(f) {
		f.Add(true, []byte(line))
		f.Add(false, []byte(line))
	}
	f.Fuzz(func(t *testing.T, modern bool, output []byte) {
		hello := `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-03-26","capabilities":{"logging":{}}}}`
		if modern {
			hello = `{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}`
		}
		r, w := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		limits := runtime.Limits{AnswerBytes: 4 << 10, NotifyBytes: 4 << 10, CancelGrace: time.Millisecond}
		p, err := Connect(ctx, Config{Server: "fuzz", Legacy: !modern, Limits: limits}, r, &fuzzServer{w, hello, output})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		notified := 0
		a, err := p.Handle(ctx, runtime.Call{
			Message: plugins.Message{Method: plugins.MethodCallTool, Params: json.RawMessage(`{"name":"t","_meta":{"progressToken":"p","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{},"roots":{}}}}`)},
			Notify:  func(n plugins.Notification) { notified += len(n.Params) },
		})
		switch {
		case ctx.Err() != nil:
			t.Fatal("Handle hangs")
		case err == nil && (a.Result == nil) == (a.Error == nil):
			t.Fatalf("no answer: %+v", a)
		case err == nil && a.Result != nil && !json.Valid(a.Result):
			t.Fatalf("result is no JSON: %s", a.Result)
		case notified > limits.NotifyBytes:
			t.Fatalf("%d bytes of notifications", notified)
		}
		<-p.Done()
	})
}

// seedLines are the lines that servers write in the transcripts.
func seedLines(f *testing.F) []string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts: %v", err)
	}
	var lines []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if s, ok := strings.CutPrefix(line, "< "); ok {
				lines = append(lines, expand(s))
			}
		}
	}
	return append(lines, string(bytes.Repeat([]byte("{\n"), 300)), "\xff\xfe\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"a\":\"\xff\"}}\n")
}
