package plugins

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestNarrow(t *testing.T) {
	secret := func(hosts ...string) *Requests {
		return &Requests{Secrets: []SecretRequest{{Name: "T", Hosts: hosts}}}
	}
	all := written{http: []string{"a.example"}, mounts: []string{"aa:/a:rw", "bb:/b"}, secrets: []string{"T=env:X@a.example"}, kv: "rw:1MiB", tools: map[string]Access{"x": ReadOnly}}
	tests := []struct {
		name     string
		granted  written
		asked    *Requests
		held     written
		withheld []string
	}{
		{"asks for nothing", all, nil, written{tools: all.tools}, []string{
			"http: the package asks for no requests", "mount /a: the package does not ask for it", "mount /b: the package does not ask for it",
			"kv: the package does not ask for it", "secret T: the package does not ask for it",
		}},
		{"granted nothing", written{}, &Requests{
			HTTP: []HTTPRequest{{Host: "a.example"}}, Files: []FilesRequest{{Path: "/a", Access: "rw"}}, KV: &KVRequest{}, Secrets: secret("a.example").Secrets,
		}, written{}, nil},
		{"http is decided by request", written{http: []string{"a.example", "b.example"}}, &Requests{HTTP: []HTTPRequest{{Host: "a.example"}}},
			written{http: []string{"a.example", "b.example"}}, nil},

		{"mount as asked", written{mounts: []string{"aa:/a:rw:1MiB"}}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rw", QuotaBytes: 5}}}, written{mounts: []string{"aa:/a:rw:1MiB"}}, nil},
		{"mount asked for reading", written{mounts: []string{"aa:/a:rw:1MiB"}}, &Requests{Files: []FilesRequest{{Path: "/a"}}}, written{mounts: []string{"aa:/a"}}, []string{"mount /a: the package asks for reading only"}},
		{"mount granted for reading", written{mounts: []string{"aa:/a"}}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rw"}}}, written{mounts: []string{"aa:/a"}}, nil},
		{"mount below what is asked", written{mounts: []string{"aa:/a/b:rw"}}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rw"}}}, written{mounts: []string{"aa:/a/b:rw"}}, nil},
		{"mount above what is asked", written{mounts: []string{"aa:/a"}}, &Requests{Files: []FilesRequest{{Path: "/a/b"}}}, written{}, []string{"mount /a: the package does not ask for it"}},
		{"mount beside what is asked", written{mounts: []string{"aa:/ab"}}, &Requests{Files: []FilesRequest{{Path: "/a"}}}, written{}, []string{"mount /ab"}},
		{"the nearest request counts", written{mounts: []string{"aa:/a/b:rw"}}, &Requests{Files: []FilesRequest{{Path: "/a", Access: "rw"}, {Path: "/a/b"}, {Path: "/", Access: "rw"}}},
			written{mounts: []string{"aa:/a/b"}}, []string{"mount /a/b: the package asks for reading only"}},

		{"kv as asked", written{kv: "rw:1MiB"}, &Requests{KV: &KVRequest{QuotaBytes: 5}}, written{kv: "rw:1MiB"}, nil},
		{"kv asked for reading", written{kv: "rw:1MiB"}, &Requests{KV: &KVRequest{Access: "ro"}}, written{kv: "ro:1MiB"}, []string{"kv: the package asks for reading only"}},
		{"kv granted for reading", written{kv: "ro"}, &Requests{KV: &KVRequest{Access: "rw"}}, written{kv: "ro"}, nil},
		{"kv for reading, both", written{kv: "ro"}, &Requests{KV: &KVRequest{Access: "ro"}}, written{kv: "ro"}, nil},

		{"secret for the header", written{secrets: []string{"T=env:X@a.example"}}, secret("a.example"), written{secrets: []string{"T=env:X@a.example in=header"}}, nil},
		{"secret's hosts", written{secrets: []string{"T=env:X@a.example,b.example in=header"}}, secret("B.example", "c.example"),
			written{secrets: []string{"T=env:X@b.example in=header"}}, []string{"secret T: the package does not ask to send it to a.example"}},
		{"none of its hosts", written{secrets: []string{"T=env:X@a.example"}}, secret("b.example"), written{}, []string{"secret T: the package does not ask to send it to a.example"}},
		{"port of https", written{secrets: []string{"T=env:X@a.example in=header"}}, secret("a.example:443"), written{secrets: []string{"T=env:X@a.example:443 in=header"}}, nil},
		{"granted port of https", written{secrets: []string{"T=env:X@a.example:443 in=header"}}, secret("a.example"), written{secrets: []string{"T=env:X@a.example:443 in=header"}}, nil},
		{"the same rather than the narrower", written{secrets: []string{"T=env:X@localhost in=header"}}, secret("localhost:443", "localhost"), written{secrets: []string{"T=env:X@localhost in=header"}}, nil},
		{"another port", written{secrets: []string{"T=env:X@a.example:8443"}}, secret("a.example", "a.example:443"), written{}, []string{"to a.example:8443"}},
		{"address in another form", written{secrets: []string{"T=env:X@[2001:db8::1] in=header"}}, secret("[2001:DB8:0::1]"), written{secrets: []string{"T=env:X@[2001:db8::1] in=header"}}, nil},
		{"what is no address here", written{secrets: []string{"T=env:X@127.0.0.1"}}, secret("127.1"), written{}, []string{"to 127.0.0.1"}},
		{"secret's places", written{secrets: []string{"T=env:X@a.example in=query,body"}}, &Requests{Secrets: []SecretRequest{{Name: "T", Hosts: []string{"a.example"}, In: []string{"body", "header"}}}},
			written{secrets: []string{"T=env:X@a.example in=body"}}, []string{"secret T: the package does not ask for it in the query"}},
		{"none of its places", written{secrets: []string{"T=env:X@a.example in=query"}}, secret("a.example"), written{}, []string{"secret T: the package does not ask for it in the query"}},
		{"places are the package's", written{secrets: []string{"T=env:X@a.example"}}, &Requests{Secrets: []SecretRequest{{Name: "T", Hosts: []string{"a.example"}, In: []string{"query"}}}},
			written{secrets: []string{"T=env:X@a.example in=query"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			held, withheld := tt.granted.grants(t).Narrow(tt.asked)
			if want := tt.held.grants(t); !reflect.DeepEqual(held, want) {
				t.Errorf("held\n%+v\nwant\n%+v", held, want)
			}
			if len(withheld) != len(tt.withheld) {
				t.Fatalf("withheld %q, want %q", withheld, tt.withheld)
			}
			for i, w := range withheld {
				if !strings.Contains(w, tt.withheld[i]) {
					t.Errorf("withheld %q, want %q", w, tt.withheld[i])
				}
			}
		})
	}
}

// TestNarrowKeeps makes sure that what a guest holds cannot change what was granted.
func TestNarrowKeeps(t *testing.T) {
	w := written{http: []string{"a.example"}, mounts: []string{"aa:/a:rw:1MiB"}, secrets: []string{"T=env:X@a.example,b.example"}, kv: "rw"}
	granted := w.grants(t)
	held, _ := granted.Narrow(&Requests{Files: []FilesRequest{{Path: "/a"}}, KV: &KVRequest{}, Secrets: []SecretRequest{{Name: "T", Hosts: []string{"b.example"}}}})
	held.KV.Access, held.Mounts[0].Path, held.Secrets[0].Hosts[0] = ReadOnly, "/changed", "changed"
	if want := w.grants(t); !reflect.DeepEqual(granted, want) {
		t.Errorf("granted became\n%+v\nfrom\n%+v", granted, want)
	}
}

func TestNarrowEnv(t *testing.T) {
	env := []string{"A=1", "B=secret:T", "C"}
	tests := []struct {
		name           string
		asked          *Requests
		held, withheld []string
	}{
		{"nothing", nil, nil, []string{"A", "B", "C"}},
		{"some", &Requests{Env: []EnvRequest{{Name: "B"}, {Name: "C"}, {Name: "D"}}}, []string{"B=secret:T", "C"}, []string{"A"}},
		{"case counts", &Requests{Env: []EnvRequest{{Name: "a"}}}, nil, []string{"A", "B", "C"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			held, withheld := tt.asked.NarrowEnv(env)
			if !slices.Equal(held, tt.held) || !slices.Equal(withheld, tt.withheld) {
				t.Errorf("held %q, withheld %q", held, withheld)
			}
		})
	}
}
