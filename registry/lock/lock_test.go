package lock_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	signerA = "key:sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

// weather is an entry with something in every field.
func weather(t testing.TB, change func(*lock.Entry)) lock.Entry {
	t.Helper()
	e := lock.Entry{
		Reference: "ghcr.io/acme/weather:1.2.0",
		Digest:    digestA,
		Package:   &lock.Package{Name: "io.github.acme/weather", Version: "1.2.0"},
		Module:    lock.Module{Digest: digestB, Size: 3_000_000},
		Signers:   []string{"https://github.com/acme/w.yml@refs/heads/main https://token.actions.githubusercontent.com", signerA},
		Capabilities: &plugins.Requests{
			HTTP: []plugins.HTTPRequest{{Host: "api.example.com", PlainRequest: plugins.PlainRequest{Reason: "forecasts"}}},
			KV:   &plugins.KVRequest{PlainRequest: plugins.PlainRequest{Optional: true}},
		},
		Grants: lock.Grants{
			HTTP: []string{"GET,HEAD https://api.example.com"}, Mounts: []string{"notes:/notes:ro"}, KV: "rw:10MiB",
			Secrets: map[string]string{"TOKEN": "store:weather@api.example.com"}, Tools: map[string]string{"save": "rw"},
			Env: []string{"LANG", "UNITS=metric"}, Clock: "1ms",
		},
		Approved: time.Date(2026, 7, 28, 12, 0, 0, 0, time.UTC),
	}
	var err error
	e.Definitions, err = lock.HashDefinitions(plugins.Definitions{
		ServerInfo: json.RawMessage(`{"name":"weather"}`), Instructions: "Ask for the weather.",
		Tools: plugins.List{Items: []plugins.Definition{
			{Key: "forecast", Raw: json.RawMessage(`{"name":"forecast"}`)},
			{Key: "\u202ehostile\u001b[2J\u009b", Raw: json.RawMessage(`{"name":"x"}`)},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&e)
	}
	if e, err = lock.Seal("weather", e); err != nil {
		t.Fatal(err)
	}
	return e
}

func marshal(t testing.TB, e lock.Entry) []byte {
	t.Helper()
	f := lock.File{Servers: map[string]lock.Entry{"weather": e}}
	data, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRoundTrip(t *testing.T) {
	data := marshal(t, weather(t, nil))
	f, err := lock.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Marshal()
	if err != nil || string(again) != string(data) {
		t.Errorf("%v\n%s\nand then\n%s", err, data, again)
	}
	for _, r := range string(data) {
		if r != '\n' && (r < ' ' || r > '~') {
			t.Errorf("the file has %U as it is", r)
		}
	}
	if !strings.HasSuffix(string(data), "}\n") {
		t.Error("no line end at the end")
	}
}

// TestFlippedBytes flips every bit of a file in turn.
func TestFlippedBytes(t *testing.T) {
	data := marshal(t, weather(t, nil))
	for i := range data {
		for bit := range 8 {
			flipped := append([]byte{}, data...)
			flipped[i] ^= 1 << bit
			if _, err := lock.Parse(flipped); err == nil {
				t.Fatalf("bit %d of byte %d flipped, and accepted: %q for %q", bit, i, flipped[i], data[i])
			} else if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("error %q", err)
			}
			// A flip may be one of the form alone. What is written then is the original.
			if formatted, err := lock.Format(flipped); err == nil && string(formatted) != string(data) {
				t.Fatalf("bit %d of byte %d flipped, and formatted to\n%s", bit, i, formatted)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	data := marshal(t, weather(t, nil))
	for i := range data {
		if _, err := lock.Parse(data[:i]); err == nil {
			t.Fatalf("accepted with %d of %d bytes", i, len(data))
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(marshal(t, weather(t, nil)))
	replaced := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(good, old, replacement, 1)
	}
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "the file is empty"},
		{"space", " \n", "the file is empty"},
		{"no JSON", "servers:\n", "line 1: not valid JSON"},
		{"no version", `{"servers":{}}`, "version is missing"},
		{"newer version", `{"version":2,"strange":true}`, "version 2: this mcpwasm reads version 1: update mcpwasm"},
		{"version 0", `{"version":0,"servers":{}}`, "version 0: want 1"},
		{"fraction", `{"version":1.5,"servers":{}}`, "line 1: \"version\""},
		{"unknown at the top", replaced(`"version": 1`, `"version": 1, "more": 2`), `line 2: unknown key "more"`},
		{"unknown in an entry", replaced(`"digest":`, `"colour": 1, "digest":`), `unknown key "servers.weather.colour"`},
		{"other case", replaced(`"digest":`, `"Digest":`), `unknown key "servers.weather.Digest"`},
		{"duplicate", replaced(`"digest":`, `"reference": "x", "digest":`), `"servers.weather.reference" stands twice`},
		{"another kind", replaced(`"size": 3000000`, `"size": "3000000"`), `"servers.weather.module.size"`},
		{"changed", replaced(`3000000`, `3000001`), "servers.weather: the entry was changed since it was approved"},
		{"renamed", replaced(`"weather": {`, `"whether": {`), "servers.whether: the entry was changed"},
		{"more behind it", good + "{}", "not valid JSON"},
		{"line ends", strings.ReplaceAll(good, "\n", "\r\n"), "line 1: it is not in its one form: write it again with: mcpwasm lock fmt"},
		{"indented otherwise", strings.ReplaceAll(good, "  ", "\t"), "line 2: it is not in its one form"},
		{"no line end", strings.TrimSuffix(good, "\n"), "it is not in its one form"},
		{"escapes", replaced("weather:1.2.0", `\u0077eather:1.2.0`), "line 5: it is not in its one form"},
		{"merge", "{\n<<<<<<< HEAD\n  \"version\": 1,\n=======\n>>>>>>> theirs\n", "line 2: a merge left its marks: keep each server's entry from one side, whole, and then: mcpwasm lock fmt"},
		{"merge on Windows", "{\r\n  \"version\": 1,\r\n=======\r\n", "line 3: a merge left its marks"},
		{"null entry", `{"version":1,"servers":{"weather":null}}`, "servers.weather"},
		{"too large", strings.Repeat(" ", lock.MaxBytes+1), "larger than"},
		{"deep", `{"version":` + strings.Repeat("[", 100_000), "not valid JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := lock.Parse([]byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

// TestEntries seals entries that make no sense, as somebody might who computes
// the hash.
func TestEntries(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*lock.Entry)
		want   string
	}{
		{"no reference", func(e *lock.Entry) { e.Reference = "" }, "reference:"},
		{"no registry", func(e *lock.Entry) { e.Reference = "acme/weather:1" }, "reference:"},
		{"no tag", func(e *lock.Entry) { e.Reference = "ghcr.io/acme/weather" }, "not in its one form"},
		{"with a scheme", func(e *lock.Entry) { e.Reference = "oci://ghcr.io/acme/weather:1" }, "not in its one form"},
		{"tag and digest", func(e *lock.Entry) { e.Reference += "@" + digestA }, "not in its one form"},
		{"another digest", func(e *lock.Entry) { e.Reference = "ghcr.io/acme/weather@" + digestB }, "another digest"},
		{"digest", func(e *lock.Entry) { e.Digest = "sha512:12" }, "digest:"},
		{"module", func(e *lock.Entry) { e.Module.Digest = "" }, "module.digest:"},
		{"size", func(e *lock.Entry) { e.Module.Size = -1 }, "module.size:"},
		{"capabilities of nobody", func(e *lock.Entry) { e.Package = nil }, "capabilities:"},
		{"package name", func(e *lock.Entry) { e.Package.Name = "\x1b[2J" }, "package.name:"},
		{"version", func(e *lock.Entry) { e.Package.Version = "one" }, "package.version:"},
		{"no signers", func(e *lock.Entry) { e.Signers = nil }, "signers: there are none"},
		{"signed and not", func(e *lock.Entry) { e.Unsigned = true }, "signers: there are some"},
		{"signer twice", func(e *lock.Entry) { e.Signers = []string{"a", "a"} }, "each once"},
		{"order of signers", func(e *lock.Entry) { e.Signers = []string{"b", "a"} }, "ascending"},
		{"hidden signer", func(e *lock.Entry) { e.Signers = []string{"a\u202e"} }, "signers:"},
		{"no hash", func(e *lock.Entry) { e.Definitions.Digest = "" }, "definitions.digest:"},
		{"no hash of a tool", func(e *lock.Entry) { e.Definitions.Tools["forecast"] = "x" }, "no hash"},
		{"grant", func(e *lock.Entry) { e.Grants.HTTP = []string{"ftp://x"} }, "grants: http[0]:"},
		{"form of a grant", func(e *lock.Entry) { e.Grants.KV = "10MiB" }, "grants: kv: is not in its one form"},
		{"order of grants", func(e *lock.Entry) { e.Grants.HTTP = []string{"b.example", "a.example"} }, "ascending"},
		{"secret without http", func(e *lock.Entry) { e.Grants.HTTP = nil }, "no http grant covers"},
		{"variable", func(e *lock.Entry) { e.Grants.Env = []string{"1=2"} }, "grants.env:"},
		{"variable without its secret", func(e *lock.Entry) { e.Grants.Env = []string{"A=secret:NO"} }, "which is not granted"},
		{"clock", func(e *lock.Entry) { e.Grants.Clock = "soon" }, "clock:"},
		{"zone", func(e *lock.Entry) { e.Approved = e.Approved.In(time.FixedZone("", 3600)) }, "approved:"},
		{"fraction of a second", func(e *lock.Entry) { e.Approved = e.Approved.Add(1) }, "approved:"},
		{"no time", func(e *lock.Entry) { e.Approved = time.Time{} }, "approved:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := lock.File{Servers: map[string]lock.Entry{"weather": weather(t, tt.change)}}
			if _, err := f.Marshal(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestHashDefinitions(t *testing.T) {
	list := func(raws ...string) plugins.List {
		var l plugins.List
		for _, raw := range raws {
			var d struct{ Name string }
			if err := json.Unmarshal([]byte(raw), &d); err != nil {
				t.Fatal(err)
			}
			l.Items = append(l.Items, plugins.Definition{Key: d.Name, Raw: json.RawMessage(raw)})
		}
		return l
	}
	ttl := int64(5)
	base := plugins.Definitions{Tools: list(`{"name":"a","description":"x"}`), Instructions: "i"}
	for _, tt := range []struct {
		name  string
		other plugins.Definitions
		same  bool
	}{
		{"order and space", plugins.Definitions{Tools: list(`{ "description" : "\u0078", "name":"a"}`), Instructions: "i"}, true},
		{"text", plugins.Definitions{Tools: list(`{"name":"a","description":"y"}`), Instructions: "i"}, false},
		{"unknown member", plugins.Definitions{Tools: list(`{"name":"a","description":"x","z":1}`), Instructions: "i"}, false},
		{"instructions", plugins.Definitions{Tools: list(`{"name":"a","description":"x"}`), Instructions: "j"}, false},
		{"caching", plugins.Definitions{Tools: plugins.List{Items: base.Tools.Items, TTLMillis: &ttl}, Instructions: "i"}, false},
		{"a prompt", plugins.Definitions{Tools: list(`{"name":"a","description":"x"}`), Prompts: list(`{"name":"a","description":"x"}`), Instructions: "i"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := lock.HashDefinitions(base)
			if err != nil {
				t.Fatal(err)
			}
			b, err := lock.HashDefinitions(tt.other)
			if err != nil {
				t.Fatal(err)
			}
			if (a.Digest == b.Digest) != tt.same {
				t.Errorf("%+v and %+v", a, b)
			}
			if got := a.Match("tools", tt.other.Tools.Items[0]); got != (a.Tools["a"] == b.Tools["a"]) {
				t.Errorf("match = %t", got)
			}
		})
	}
	for _, raw := range []string{`{"name":"a","name":"b"}`, `{"name":"\ud800"}`, `{`} {
		if _, err := lock.HashDefinitions(plugins.Definitions{Tools: plugins.List{Items: []plugins.Definition{{Key: "a", Raw: json.RawMessage(raw)}}}}); err == nil {
			t.Errorf("%s has a hash", raw)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(marshal(f, weather(f, nil)))
	f.Add([]byte(`{"version":1,"servers":{}}`))
	f.Add([]byte("<<<<<<< a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := lock.Parse(data)
		if err != nil {
			return
		}
		again, err := file.Marshal()
		if err != nil || string(again) != string(data) {
			t.Errorf("%v: %q is written as %q", err, data, again)
		}
	})
}
