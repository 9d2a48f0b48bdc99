package plugins

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// must reads the texts of grants, which are good.
func must[T any](t *testing.T, parse func(string) (T, error), texts ...string) []T {
	t.Helper()
	var all []T
	for _, text := range texts {
		g, err := parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, g)
	}
	return all
}

// written are grants as texts.
type written struct {
	http, mounts, secrets []string
	kv                    string // "" is none
	tools                 map[string]Access
	env                   []string
}

func (w written) grants(t *testing.T) Grants {
	t.Helper()
	g := Grants{
		HTTP: must(t, ParseHTTPGrant, w.http...), Mounts: must(t, ParseMountGrant, w.mounts...),
		Secrets: must(t, ParseSecretGrant, w.secrets...), Tools: w.tools,
	}
	if w.kv != "" {
		g.KV = &must(t, ParseKVGrant, w.kv)[0]
	}
	return g
}

func TestValidateGrants(t *testing.T) {
	tests := []struct {
		name string
		written
		want []string // parts of the problems, in order
	}{
		{"nothing", written{}, nil},
		{"everything", written{
			http:    []string{"api.example.com", "GET *", "http://127.0.0.1:8080", "*.example.org"},
			mounts:  []string{"aa:/a:rw:1MiB", "bb:/b", "bb:/c"},
			secrets: []string{"TOKEN=env:X@api.example.com,127.0.0.1:8080", "B=store:b@x.example.org:443"},
			kv:      "10MiB",
			tools:   map[string]Access{"x": ReadOnly, "y": ReadWrite},
			env:     []string{"A=secret:TOKEN", "B=plain", "C=not a secret:X"},
		}, nil},

		{"http twice", written{http: []string{"a.example", "A.EXAMPLE/"}}, []string{"grants.http[1]: a.example is granted twice"}},
		{"http twice but for the order", written{http: []string{"GET,POST a.example", "POST,GET a.example"}}, []string{"grants.http[1]: POST,GET a.example is granted twice"}},
		{"http narrower and wider", written{http: []string{"GET a.example", "a.example/v1", "a.example:8443", "https://a.example"}}, nil},

		{"mount twice", written{mounts: []string{"aa:/x", "aa:/x:ro"}}, []string{"grants.mounts[1]: aa:/x:ro is mounted twice"}},
		{"two folders at one", written{mounts: []string{"aa:/x", "bb:/x"}}, []string{"grants.mounts[1]: at /x is aa already, by aa:/x:ro"}},
		{"two accesses at one", written{mounts: []string{"aa:/x", "aa:/x:rw"}}, []string{"grants.mounts[1]: at /x is aa already, by aa:/x:ro"}},
		{"a mount in another", written{mounts: []string{"aa:/x", "bb:/x/y"}}, []string{"grants.mounts[1]: the guest's folder /x/y overlaps with /x of aa:/x:ro: mount"}},
		{"a mount around another", written{mounts: []string{"aa:/x/y", "bb:/"}}, []string{"grants.mounts[1]: the guest's folder / overlaps with /x/y of aa:/x/y:ro: mount"}},
		{"siblings with a prefix", written{mounts: []string{"aa:/x", "bb:/x-y"}}, nil},
		{"one folder ro and rw", written{mounts: []string{"aa:/x", "./aa/:/y:rw"}}, []string{"grants.mounts[1]: ./aa/ is mounted for writing here and read-only by aa:/x:ro"}},
		{"one folder rw twice", written{mounts: []string{"aa:/x:rw", "aa:/y:rw"}}, []string{"grants.mounts[1]: aa is mounted for writing twice, so that neither quota holds; the other is aa:/x:rw"}},
		{"read-only in what is written", written{mounts: []string{"aa/b:/x", "aa:/y:rw"}}, []string{"grants.mounts[1]: aa overlaps with aa/b of aa/b:/x:ro"}},
		{"written in what is written", written{mounts: []string{"aa:/x:rw", "aa/b:/y:rw"}}, []string{"grants.mounts[1]: aa/b overlaps with aa of aa:/x:rw"}},
		{"written in what is read", written{mounts: []string{"aa:/x", "aa/b:/y:rw"}}, nil},
		{"one folder read twice", written{mounts: []string{"aa:/x", "aa:/y"}}, nil},
		{"folders with a prefix", written{mounts: []string{"aa:/x", "aa-b:/y:rw", "../aa:/z:rw"}}, nil},

		{"secret twice", written{http: []string{"*"}, secrets: []string{"T=env:X@a.example", "T=env:Y@b.example"}}, []string{"grants.secrets.T: the secret is granted twice"}},
		{"secret without the port", written{http: []string{"127.0.0.1:8091"}, secrets: []string{"T=env:X@127.0.0.1"}}, []string{"grants.secrets.T: no http grant covers 127.0.0.1, only 127.0.0.1:8091: write the port: @127.0.0.1:8091"}},
		{"secret with another port", written{http: []string{"*.example:8443"}, secrets: []string{"T=env:X@a.example:9"}}, []string{"no http grant covers a.example:9, only a.example:8443"}},
		{"secret without http", written{secrets: []string{"T=env:X@a.example"}}, []string{"grants.secrets.T: no http grant covers a.example over https"}},
		{"one of two hosts without http", written{http: []string{"a.example"}, secrets: []string{"T=env:X@a.example,b.example:8443"}}, []string{"covers b.example:8443 over https"}},
		{"secret for another port", written{http: []string{"a.example:8443"}, secrets: []string{"T=env:X@a.example"}}, []string{"grants.secrets.T"}},
		{"secret for http elsewhere", written{http: []string{"http://a.example", "http://a.example:443"}, secrets: []string{"T=env:X@a.example"}}, []string{"grants.secrets.T"}},
		{"secret for http here", written{http: []string{"http://localhost", "http://[::1]:80"}, secrets: []string{"T=env:X@localhost,[::1]"}}, nil},
		{"secret under a wildcard", written{http: []string{"*.a.example"}, secrets: []string{"T=env:X@b.a.example,a.example,c.b.a.example"}}, []string{"covers a.example over", "covers c.b.a.example over"}},
		{"an address is no name", written{http: []string{"*"}, secrets: []string{"T=env:X@127.0.0.1,localhost"}}, []string{"covers 127.0.0.1 over", "covers localhost over"}},

		{"rw without anything", written{tools: map[string]Access{"x": ReadWrite}}, []string{"grants.tools.x: rw widens no grant"}},
		{"rw with reading only", written{mounts: []string{"aa:/x"}, kv: "ro", tools: map[string]Access{"x": ReadWrite}}, []string{"grants.tools.x"}},
		{"unknown access", written{kv: "rw", tools: map[string]Access{"x": "rx", "": ReadOnly}}, []string{"grants.tools.: the tool's name is missing", `grants.tools.x: "rx": want ro or rw`}},

		{"env without secret", written{env: []string{"A=secret:T"}}, []string{`env.A: names the secret "T", which is not granted: no secret is`}},
		{"env with another secret", written{http: []string{"*"}, secrets: []string{"T=env:X@a.example", "U=env:X@a.example"}, env: []string{"A=secret:t"}}, []string{`env.A: names the secret "t", which is not granted: the secrets are T, U`}},
		{"env without a name", written{env: []string{"A=secret:"}}, []string{`env.A: names the secret ""`}},
		{"env twice", written{env: []string{"A=1", "A=1"}}, []string{"env.A: the variable is given twice"}},

		{"all at once", written{
			http: []string{"a.example", "a.example"}, mounts: []string{"aa:/x", "bb:/x", "bb:/y", "cc:/y"}, secrets: []string{"T=env:X@b.example"},
			tools: map[string]Access{"x": ReadWrite}, env: []string{"A=secret:U"},
		}, []string{"grants.http[1]", "grants.mounts[1]", "grants.mounts[3]", "grants.secrets.T", "grants.tools.x", "env.A"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantProblems(t, tt.grants(t).Validate(tt.env), tt.want)
		})
	}
}

func wantProblems(t *testing.T, err error, want []string) {
	t.Helper()
	var problems GrantProblems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("an error of type %T", err)
	}
	if len(problems) != len(want) {
		t.Fatalf("problems\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	for i, p := range problems {
		if !strings.Contains(p.Error(), want[i]) {
			t.Errorf("problem %q, want one with %q", p, want[i])
		}
	}
}

// TestValidateGrantsInGo checks grants that no text is read as.
func TestValidateGrantsInGo(t *testing.T) {
	many := slices.Repeat([]HTTPGrant{{Host: "a.example"}}, maxEntries+1)
	tests := []struct {
		name   string
		grants Grants
		want   []string
	}{
		{"defaults", Grants{
			HTTP: []HTTPGrant{{Methods: []string{}, Host: "a.example"}}, Mounts: []MountGrant{{Source: "a", Path: "/a"}}, KV: &KVGrant{},
			Secrets: []SecretGrant{{Name: "T", Provider: "env", Ref: "X", Hosts: []string{"a.example"}, In: []string{}}},
		}, nil},
		{"host in upper case", Grants{HTTP: []HTTPGrant{{Host: "A.example"}}}, []string{"grants.http[0]: is not in its one form, which is a.example"}},
		{"host with a path", Grants{HTTP: []HTTPGrant{{Host: "a.example/x"}}}, []string{"is not in its one form"}},
		{"host with a port", Grants{HTTP: []HTTPGrant{{Host: "a.example:80"}}}, []string{"want an IPv6 address"}},
		{"host with methods", Grants{HTTP: []HTTPGrant{{Host: "GET a.example"}}}, []string{"is not in its one form"}},
		{"no host", Grants{HTTP: []HTTPGrant{{}}}, []string{"the host is missing"}},
		{"mapped address", Grants{HTTP: []HTTPGrant{{Host: "::ffff:127.0.0.1"}}}, []string{"which is 127.0.0.1"}},
		{"negative port", Grants{HTTP: []HTTPGrant{{Host: "a.example", Port: -1}}}, []string{`port "-1"`}},
		{"too many", Grants{HTTP: many}, []string{"grants.http: more than 100 entries"}},
		{"mount without a source", Grants{Mounts: []MountGrant{{Path: "/a"}}}, []string{"the host's folder is missing"}},
		{"mount of a folder with one letter", Grants{Mounts: []MountGrant{{Source: "a", Path: "/a"}}}, nil},
		{"mount at a path with a colon", Grants{Mounts: []MountGrant{{Source: "a", Path: "/a:ro"}}}, []string{"want an absolute path without a colon"}},
		{"mount in the scratch folder", Grants{Mounts: []MountGrant{{Source: "a", Path: "/tmp/x"}}}, []string{"/tmp is where the guest has its scratch folder"}},
		{"mount at a path with dots", Grants{Mounts: []MountGrant{{Source: "a", Path: "/a/.."}}}, []string{"want an absolute path"}},
		{"mount with another access", Grants{Mounts: []MountGrant{{Source: "a", Path: "/a", Access: "rx"}}}, []string{`"rx": want ro or rw`}},
		{"mount with a negative quota", Grants{Mounts: []MountGrant{{Source: "a", Path: "/a", Access: ReadWrite, QuotaBytes: -1}}}, []string{"a quota of -1 bytes"}},
		{"kv with another access", Grants{KV: &KVGrant{Access: "rx"}}, []string{"grants.kv: "}},
		{"kv with a negative quota", Grants{KV: &KVGrant{QuotaBytes: -1}}, []string{"grants.kv: "}},
		{"secret without hosts", Grants{Secrets: []SecretGrant{{Name: "T", Provider: "env", Ref: "X"}}}, []string{"grants.secrets.T: the host is missing"}},
		{"secret with a host in upper case", Grants{HTTP: []HTTPGrant{{Host: "*"}}, Secrets: []SecretGrant{{Name: "T", Provider: "env", Ref: "X", Hosts: []string{"A.example"}}}},
			[]string{"grants.secrets.T: is not in its one form, with the hosts a.example"}},
		{"secret with two hosts in one", Grants{HTTP: []HTTPGrant{{Host: "*"}}, Secrets: []SecretGrant{{Name: "T", Provider: "env", Ref: "X", Hosts: []string{"a.example,b.example"}}}},
			[]string{"is not in its one form"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantProblems(t, tt.grants.Validate(nil), tt.want) })
	}
}

func TestGrantProblems(t *testing.T) {
	cause := errors.New("cause")
	var err error = GrantProblems{{"grants.kv", errors.New("one")}, {"env.A", cause}}
	if err.Error() != "grants.kv: one\nenv.A: cause" {
		t.Errorf("text %q", err)
	}
	p, ok := errors.AsType[*GrantProblem](err)
	if !ok || p.Path != "grants.kv" || !errors.Is(err, cause) {
		t.Errorf("%v, %v", p, ok)
	}
}
