package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const canary = "c4n4ry-7f3a9be25d"

func attackerConfig(t *testing.T, grants string) string {
	t.Helper()
	return "servers:\n" + server("attacker", built(t, "plugins", "hostile.wasm"),
		"    limits: {memory: 64MiB, deadline: 2s}\n"+grants) + server("neighbour", built(t, "plugins", "hello.wasm"), "")
}

func runAll(t *testing.T, group string, p *process, attacks []attack) {
	t.Helper()
	ready(t, p, "attacker__ok")
	for _, a := range attacks {
		t.Run(group+"/"+a.name, func(t *testing.T) {
			a.tool, a.quick = "attacker__"+a.tool, true
			a.kept = 1 // a connection that is kept for the next request, to a destination that is granted
			if a.deadline == 0 {
				a.deadline = 2 * time.Second
			}
			a.run(t, p)
		})
	}
}

func TestEnvironment(t *testing.T) {
	p := start(t, attackerConfig(t, "    args: [--given]\n    env: {GIVEN: value}\n"), "HOST_CANARY="+canary)
	runAll(t, "environment", p, []attack{
		{name: "variables, arguments, folder", tool: "environment",
			want: []string{`env ["GIVEN=value"] args ["attacker" "--given"] cwd ""`}, never: []string{canary, "mcpwasm.yaml", os.TempDir()}},
		{name: "clocks no finer than a millisecond", tool: "clock", want: []string{"step 1000000"}},
		{name: "coarser clocks", tool: "ok", want: []string{"ok"}},
	})
	coarse := start(t, attackerConfig(t, "    grants: {clock: 20ms}\n"))
	runAll(t, "environment", coarse, []attack{{name: "clocks as coarse as configured", tool: "clock", want: []string{"step 20000000"}}})
}

func pathArgument(path string) string {
	b, _ := json.Marshal(map[string]string{"path": path}) // a string always encodes
	return string(b)
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	data, evil := filepath.Join(dir, "data"), filepath.Join(dir, "data-evil")
	for _, d := range []string{data, evil} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(evil, "secret")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(secret, []byte(canary), 0o600))
	must(os.WriteFile(filepath.Join(data, "mine"), []byte("mine"), 0o600))
	must(os.Symlink(secret, filepath.Join(data, "host-link")))
	must(os.Symlink("../data-evil/secret", filepath.Join(data, "host-relative")))
	must(os.Symlink("chain2", filepath.Join(data, "chain1")))
	must(os.Symlink("../data-evil", filepath.Join(data, "chain2")))
	must(os.Symlink("nowhere", filepath.Join(data, "dangling")))
	makeSpecial(t, filepath.Join(data, "fifo"))
	device := makeDevice(filepath.Join(data, "device"))
	p := start(t, attackerConfig(t, "    grants: {mounts: ['"+data+":/data:rw:1MiB']}\n"))
	read := func(name, path string) attack {
		return attack{name: name, tool: "read", arguments: pathArgument(path), want: []string{"error"}, never: []string{canary}}
	}
	with := func(name, tool, arguments string, want ...string) attack {
		return attack{name: name, tool: tool, arguments: arguments, want: want, never: []string{canary}}
	}
	runAll(t, "files", p, []attack{
		with("what is granted works", "read", `{"path":"/data/mine"}`, "mine"),
		read("dot dot", "/data/../data-evil/secret"),
		read("dot dot inside", "/data/x/../../data-evil/secret"),
		read("absolute path of the host", secret),
		read("/etc/passwd", "/etc/passwd"),
		read("prefix sibling", "/data-evil/secret"),
		read("link made by the host", "/data/host-link"),
		read("relative link made by the host", "/data/host-relative"),
		read("chain of links", "/data/chain1/secret"),
		read("dangling link", "/data/dangling"),
		read("trailing slash", "/data/mine/"),
		read("NUL in a name", "/data/mine\x00"),
		read("FIFO", "/data/fifo"),
		with("link made by the guest", "link-read", fmt.Sprintf(`{"path":"/data/own","to":%q}`, secret), "error"),
		with("relative link made by the guest", "link-read", `{"path":"/data/own2","to":"../data-evil/secret"}`, "error"),
		with("hard link", "hard-link", `{"path":"/data/hard","to":"/data/../data-evil/secret"}`, "error"),
		with("hard link to the host's link", "hard-link", `{"path":"/data/hard2","to":"/data/host-link"}`, "error"),
		with("rename out", "rename", `{"path":"/data/../out","to":"/data/mine"}`, "error"),
		with("rename race", "race", fmt.Sprintf(`{"path":"/data","to":%q,"data":"secret"}`, evil), "escaped 0 times"),
		with("quota of bytes", "write", `{"path":"/data/big","size":4000000}`, "error"),
		with("open files", "open-files", `{"path":"/data/mine"}`, "opened"),
	})
	if device == nil {
		runAll(t, "files", p, []attack{read("device node", "/data/device")})
	} else {
		impossible(t, "files/device node", device)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != canary {
		t.Errorf("the file next door: %q, %v", b, err)
	}
}

// impossible has a line in the table for an attack that this machine is not able
// to make.
func impossible(t *testing.T, name string, why error) {
	t.Run(name, func(t *testing.T) {
		row{attack: strings.ReplaceAll(name, " ", "_"), outcome: "not possible here: " + why.Error()}.keep(t)
	})
}

// TestManyFiles makes files in the scratch folder until the host refuses, which
// takes longer than the other attacks on files are given.
func TestManyFiles(t *testing.T) {
	config := strings.Replace(attackerConfig(t, "    grants: {mounts: ['"+t.TempDir()+":/data']}\n"), "deadline: 2s", "deadline: 20s", 1)
	runAll(t, "files", start(t, config), []attack{{
		name: "quota of files", tool: "many-files", arguments: `{"path":"/tmp","size":100000}`,
		want: []string{"error: open /tmp/10000: Quota exceeded"}, deadline: 20 * time.Second,
	}})
}

func TestNetwork(t *testing.T) {
	var hits atomic.Int64
	forbidden := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = io.WriteString(w, canary)
	}))
	defer forbidden.Close()
	var host atomic.Value
	granted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.Store(r.Host)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		case "/slow":
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "granted")
		}
	}))
	defer granted.Close()
	port := forbidden.URL[strings.LastIndex(forbidden.URL, ":")+1:]
	private, unknown := privateName()
	byName := ""
	if unknown == nil {
		byName = ", 'http://" + private + ":" + port + "'"
	}
	p := start(t, attackerConfig(t, "    grants: {http: ['"+granted.URL+"'"+byName+"]}\n"),
		"HTTP_PROXY="+forbidden.URL, "HTTPS_PROXY="+forbidden.URL, "http_proxy="+forbidden.URL, "ALL_PROXY="+forbidden.URL)
	fetch := func(name, target string, want ...string) attack {
		b, _ := json.Marshal(map[string]any{"url": target, "redirects": 5})
		if want == nil {
			want = []string{"error"}
		}
		return attack{name: name, tool: "fetch", arguments: string(b), want: want, never: []string{canary}}
	}
	header := func(name, key, value string) attack {
		b, _ := json.Marshal(map[string]any{"url": granted.URL, "headers": [][2]string{{key, value}}})
		return attack{name: name, tool: "fetch", arguments: string(b), want: []string{"error"}, never: []string{canary}}
	}
	list := []attack{
		fetch("what is granted works", granted.URL, "granted"),
		fetch("undeclared host", forbidden.URL),
		fetch("other port", "http://127.0.0.1:"+port),
		fetch("other scheme", strings.Replace(granted.URL, "http:", "ftp:", 1)),
		fetch("https on it", strings.Replace(granted.URL, "http:", "https:", 1)),
		fetch("file", "file:///etc/passwd"),
		fetch("metadata address", "http://169.254.169.254/latest/meta-data/"),
		fetch("userinfo", "http://127.0.0.1:1@127.0.0.1:"+port),
		fetch("endless response", granted.URL+"/endless"),
		fetch("slow response", granted.URL+"/slow", "limit deadline=2s"),
		header("Host", "Host", "evil.example"), header("Authorization", "Authorization", "Bearer x"),
		header("CR LF in a value", "X-A", "a\r\nX-B: b"), header("CR LF in a name", "X-A\r\nX-B", "a"),
		{name: "32,769 headers", tool: "fetch", arguments: fmt.Sprintf(`{"url":%q,"many":32769}`, granted.URL), want: []string{"error"}},
	}
	for _, form := range []string{"localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0", "[::]", "[::1%25lo]", "127.0.0.2", "%31%32%37.0.0.1", "１２７.0.0.1"} {
		list = append(list, fetch("address "+form, "http://"+form+":"+port))
	}
	for name, to := range map[string]string{"an undeclared host": forbidden.URL, "the metadata address": "http://169.254.169.254/", "a file": "file:///etc/passwd", "another form": "http://[::ffff:127.0.0.1]:" + port} {
		list = append(list, fetch("redirect to "+name, granted.URL+"/redirect?to="+url.QueryEscape(to)))
	}
	if unknown == nil {
		list = append(list, fetch("name that resolves to a private address", "http://"+private+":"+port, "which is not a public address"))
	} else {
		impossible(t, "network/name that resolves to a private address", unknown)
	}
	runAll(t, "network", p, list)
	if n := hits.Load(); n != 0 {
		t.Errorf("an undeclared destination was reached %d times", n)
	}
}

// privateName returns a name other than localhost that this machine resolves to
// 127.0.0.1, where the stand-ins listen.
func privateName() (string, error) {
	names, _ := net.LookupAddr("127.0.0.1") // there may be none
	if own, err := os.Hostname(); err == nil {
		names = append(names, own)
	}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		addresses, err := net.LookupHost(name)
		if err == nil && !strings.HasPrefix(name, "localhost") && slices.Contains(addresses, "127.0.0.1") {
			return name, nil
		}
	}
	return "", errors.New("no name but localhost is resolved to 127.0.0.1")
}

func TestMessages(t *testing.T) {
	p := start(t, attackerConfig(t, ""))
	ready(t, p, "attacker__ok")
	to := func(tool, arguments string) string {
		return `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `,` + meta + `}}`
	}
	call := func(arguments string) string { return to("neighbour__greet", arguments) }
	const numbers = `{"n":9007199254740993,"big":123456789012345678901234567890,"fraction":0.10000000000000000555,"huge":1e400}`
	for _, m := range []struct{ name, line, want string }{
		{"duplicate key", call(`{"name":"a","name":"b"}`), `"error"`},
		{"keys that differ in case", call(`{"name":"a","NAME":"b"}`), `"error"`},
		{"keys that differ in a long s", call(`{"names":"a","name\u017f":"b"}`), `"error"`},
		{"keys that differ in a Kelvin sign", call(`{"k":"a","\u212a":"b"}`), `"error"`},
		{"depth of 10,000", call(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), `"error"`},
		{"invalid UTF-8", call("{\"name\":\"\xff\xfe\"}"), `"error"`},
		{"numbers beyond 2^53", to("attacker__exact", numbers), `"structuredContent":` + numbers},
		{"100 MB", call(`{"name":"` + strings.Repeat("x", 100<<20) + `"}`), `"error"`},
	} {
		t.Run("messages/"+m.name, func(t *testing.T) {
			c := make(chan response, 1)
			p.mu.Lock()
			p.pending[`"x"`] = c
			p.mu.Unlock()
			began, idle := time.Now(), p.status("VmRSS")
			p.resetPeak()
			r := row{attack: "messages/" + m.name, before: p.descriptors()}
			go func() { _, _ = io.WriteString(p.in, m.line+"\n") }()
			var a response
			select {
			case a = <-c:
			case a = <-p.loose:
			case <-time.After(patience):
				t.Fatal("no answer")
			}
			if r.outcome = a.text(); !strings.Contains(a.Line, m.want) {
				t.Errorf("answer %s", a.Line)
			}
			r.took, r.peak, r.after = time.Since(began), p.status("VmHWM")-idle, p.descriptors()
			attack{deadline: 5 * time.Second}.bars(t, &r)
			if alive := p.call(t, "neighbour__greet", `{"name":"you"}`); alive.Error != nil {
				t.Errorf("the host afterwards: %s", alive.text())
			}
			r.keep(t)
		})
	}
}
