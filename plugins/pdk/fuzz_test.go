package pdk_test

import (
	"encoding/json"
	"io"
	"os"
	"testing"
)

// FuzzHandle checks that any message gets one well-formed answer.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{"method":"server/discover","params":{"_meta":{}}}`,
		`{"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}`,
		`{"method":"tools/call","params":{"name":"name","inputResponses":{"who":{"action":"accept","content":{"name":"x"}}},"_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":null}}}}}`,
		`{"method":"tools/call","params":{"name":"twice","requestState":"pdk1:{\"a\":1}","_meta":{"progressToken":{}}}}`,
		`{"method":"resources/read","params":{"uri":"test://%/x"}}`,
		`{"method":"prompts/get","params":{"name":"p","arguments":{"x":"1"}}}`,
		`{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"x"}}}`,
		`{"method":"ext/echo","params":[1]}`,
		`[]`, `{`, ``,
	} {
		f.Add([]byte(seed))
	}
	s, asks := sample(), asking()
	quietStderr(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, raw := range [][]byte{s.Handle(t.Context(), message), asks.Handle(t.Context(), message)} {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(raw, &members); err != nil || len(members) != 1 || members["result"] == nil && members["error"] == nil {
				t.Fatalf("answer %s to %q: want one object with either result or error (%v)", raw, message, err)
			}
		}
	})
}

// quietStderr keeps the report of the sample's panic, which fuzzing calls often,
// from the terminal.
func quietStderr(f *testing.F) {
	devNull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		f.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = devNull
	f.Cleanup(func() { os.Stderr = old; _ = io.Closer(devNull).Close() })
}
