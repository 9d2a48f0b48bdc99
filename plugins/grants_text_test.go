package plugins

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// parsed is a text with what it is read as and how that is written again; "" is
// as it was.
type parsed[T any] struct {
	text string
	want T
	back string
}

func testParse[T fmt.Stringer](t *testing.T, parse func(string) (T, error), tests []parsed[T]) {
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("have %+v, want %+v", got, tt.want)
			}
			back := tt.back
			if back == "" {
				back = tt.text
			}
			if got.String() != back {
				t.Errorf("written as %q, want %q", got, back)
			}
		})
	}
}

// refused is a text with a part of its error.
type refused struct{ name, text, want string }

func testRefuses[T fmt.Stringer](t *testing.T, parse func(string) (T, error), tests []refused) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.text)
			if err == nil {
				t.Fatalf("%q is read as %q", tt.text, got)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: error %q, want one with %q", tt.text, err, tt.want)
			}
			var zero T
			if !reflect.DeepEqual(got, zero) {
				t.Errorf("%q: %+v beside the error", tt.text, got)
			}
		})
	}
}

// fuzzParse checks that what is read is written in a form that is read as the
// same, and that an error is one line.
func fuzzParse[T fmt.Stringer](f *testing.F, parse func(string) (T, error), seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		again, err := parse(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q is read as %+v, and from %q as %+v, %v", text, got, got, again, err)
		}
	})
}

func texts[T any](tests []parsed[T], bad []refused) []string {
	var all []string
	for _, tt := range tests {
		all = append(all, tt.text)
	}
	for _, tt := range bad {
		all = append(all, tt.text)
	}
	return all
}

var httpGrants = []parsed[HTTPGrant]{
	{"api.example.com", HTTPGrant{Host: "api.example.com"}, ""},
	{"API.Example.COM", HTTPGrant{Host: "api.example.com"}, "api.example.com"},
	{"*.example.com:8443/v1", HTTPGrant{Host: "*.example.com", Port: 8443, Path: "/v1"}, ""},
	{"a.*.example.com", HTTPGrant{Host: "a.*.example.com"}, ""},
	{"GET,POST https://api.example.com/v1", HTTPGrant{Methods: []string{"GET", "POST"}, Scheme: "https", Host: "api.example.com", Path: "/v1"}, ""},
	{"QUERY,VERSION-CONTROL a.example", HTTPGrant{Methods: []string{"QUERY", "VERSION-CONTROL"}, Host: "a.example"}, ""},
	{"10.0.0.1/8x", HTTPGrant{Host: "10.0.0.1", Path: "/8x"}, ""},
	{"10.0.0.1/129", HTTPGrant{Host: "10.0.0.1", Path: "/129"}, ""},
	{"10.0.0.1:443/8", HTTPGrant{Host: "10.0.0.1", Port: 443, Path: "/8"}, ""},
	{"a.example/8", HTTPGrant{Host: "a.example", Path: "/8"}, ""},
	{"GET *", HTTPGrant{Methods: []string{"GET"}, Host: "*"}, ""},
	{"*", HTTPGrant{Host: "*"}, ""},
	{"*:8443", HTTPGrant{Host: "*", Port: 8443}, ""},
	{"HTTP://127.0.0.1:8080", HTTPGrant{Scheme: "http", Host: "127.0.0.1", Port: 8080}, "http://127.0.0.1:8080"},
	{"https://[2001:DB8:0::1]", HTTPGrant{Scheme: "https", Host: "2001:db8::1"}, "https://[2001:db8::1]"},
	{"[::1]:3000/x", HTTPGrant{Host: "::1", Port: 3000, Path: "/x"}, ""},
	{"[::ffff:127.0.0.1]", HTTPGrant{Host: "127.0.0.1"}, "127.0.0.1"},
	{"localhost:3000", HTTPGrant{Host: "localhost", Port: 3000}, ""},
	{"xn--bcher-kva.example", HTTPGrant{Host: "xn--bcher-kva.example"}, ""},
	{"example.com/", HTTPGrant{Host: "example.com"}, "example.com"},
	{"example.com/v1/", HTTPGrant{Host: "example.com", Path: "/v1"}, "example.com/v1"},
	{"example.com/a/b@c:d", HTTPGrant{Host: "example.com", Path: "/a/b@c:d"}, ""},
	{"*:443/x", HTTPGrant{Host: "*", Port: 443, Path: "/x"}, ""},
	{"get", HTTPGrant{Host: "get"}, ""},
}

var badHTTPGrants = []refused{
	{"empty", "", "the host is missing"},
	{"methods alone", "GET,POST", "the host is missing behind GET,POST: GET,POST api.example.com"},
	{"method that is mistyped", "GTE example.com", "method \"GTE\": did you mean \"GET\"?"},
	{"method that is none", "FROBNICATE example.com", "want methods of HTTP in upper case"},
	{"method that makes tunnels", "CONNECT example.com", "method \"CONNECT\""},
	{"empty segments alone", "a.example//", "write it without empty"},
	{"network", "10.0.0.0/8", "\"10.0.0.0/8\" reads like a network: a grant is for one address; for the path /8 of 10.0.0.0 write the port, too"},
	{"network with a slash", "http://10.0.0.0/8/", "reads like a network"},
	{"network of IPv6", "[2001:db8::]/128", "reads like a network"},
	{"method in lower case", "get example.com", `method "get": did you mean "GET"?`},
	{"spaces between methods", "GET, POST example.com", `method "": want methods`},
	{"method twice", "GET,GET example.com", "method GET stands twice"},
	{"two spaces", "GET  example.com", "one space parts the methods"},
	{"space at the end", "GET example.com ", "one space parts the methods"},
	{"tab", "example.com\t", "one space"},
	{"other scheme", "ftp://example.com", `scheme "ftp": want https or http`},
	{"no scheme before ://", "://example.com", `scheme "": want`},
	{"scheme alone", "https://", "the host is missing"},
	{"user", "https://me:pw@example.com", "a grant names no user"},
	{"user and query", "https://me:pw@example.com?x", "a grant names no user"},
	{"query", "example.com/v1?x=1", "a grant ends with the path"},
	{"fragment", "example.com#x", "a grant ends with the path"},
	{"port alone", ":8080", "the host is missing"},
	{"port 0", "example.com:0", `port "0": want a number from 1 to 65535`},
	{"port too large", "example.com:65536", `port "65536"`},
	{"port with zero", "example.com:080", `port "080"`},
	{"port with sign", "example.com:+80", `port "+80"`},
	{"port missing", "example.com:", `port ""`},
	{"port as a word", "example.com:https", `port "https"`},
	{"wildcard port", "example.com:*", `port "*"`},
	{"IPv6 without brackets", "2001:db8::1", "an IPv6 address is written in brackets"},
	{"IPv6 with port, without brackets", "::1:8080", "an IPv6 address is written in brackets"},
	{"open bracket", "[::1", "IPv6"},
	{"closing bracket", "::1]", "want an IPv6 address in brackets"},
	{"text behind the bracket", "[::1]x", "want an IPv6 address in brackets"},
	{"IPv4 in brackets", "[127.0.0.1]", "want an IPv6 address in brackets"},
	{"zone", "[fe80::1%eth0]", "an address has no zone (\"%eth0\") here"},
	{"zone as in a URL", "[fe80::1%25eth0]", "an address has no zone"},
	{"unspecified IPv4", "0.0.0.0:80", "nothing has this address"},
	{"unspecified IPv6", "[::]", "nothing has this address"},
	{"unspecified, mapped", "[::ffff:0.0.0.0]", "nothing has this address"},
	{"short IPv4", "127.1", "want an address of four decimal numbers"},
	{"decimal IPv4", "2130706433", "want an address of four decimal numbers"},
	{"octal IPv4", "0177.0.0.1", "want an address of four decimal numbers"},
	{"hexadecimal IPv4", "0x7f.0.0.1", "want an address of four decimal numbers"},
	{"hexadecimal at the end", "example.0x7F", "want an address of four decimal numbers"},
	{"one hexadecimal number", "0x7f000001", "want an address of four decimal numbers"},
	{"five numbers", "1.2.3.4.5", "want an address of four decimal numbers"},
	{"number too large", "1.2.3.256", "want an address of four decimal numbers"},
	{"wildcard in an address", "127.0.*.1", "want an address of four decimal numbers"},
	{"wildcard at an address's end", "127.0.0.*", "the last label of a name cannot be a wildcard"},
	{"only wildcards", "*.*", "the last label of a name cannot be a wildcard"},
	{"part of a label", "api-*.example.com", "a * stands for one whole label"},
	{"two stars", "**.example.com", "a * stands for one whole label"},
	{"not ASCII", "bücher.example", "write the name in ASCII, as punycode"},
	{"Kelvin sign", "\u212aiosk.example", "as punycode"},
	{"full stop of another script", "example。com", "as punycode"},
	{"dot at the end", "example.com.", "without the dot at its end"},
	{"dot at the start", ".example.com", "want labels of letters, digits and inner dashes"},
	{"two dots", "example..com", "want labels"},
	{"dash at the end of a label", "a-.example.com", "want labels"},
	{"underscore", "a_b.example.com", "want labels"},
	{"long label", strings.Repeat("a", 64) + ".com", "1 to 63 each"},
	{"long name", strings.Repeat("a.", 127) + "com", "longer than 253 characters"},
	{"percent in the host", "ex%61mple.com", "want labels"},
	{"backslash", `example.com\v1`, "want labels"},
	{"NUL", "example.com\x00", "want labels"},
	{"relative path", "example.com/../x", `without empty, "." and ".." segments: "/x"`},
	{"dot segment", "example.com/./x", "segments"},
	{"empty segment", "example.com//x", "segments"},
	{"scheme in the path", "example.com/x://y", "segments"},
	{"two slashes at the end", "example.com/x//", `path "/x/": write it without`},
	{"escape", "example.com/%2e%2e/x", "without escapes"},
	{"wildcard in the path", "example.com/v1/*", "it has no wildcards"},
	{"path with other letters", "example.com/ü", "without escapes"},
	{"path with backslash", `example.com/a\b`, "without escapes"},
	{"path with control", "example.com/a\x1b", "without escapes"},
	{"long path", "example.com/" + strings.Repeat("x", maxURL), "path: longer than"},
}

func TestParseHTTPGrant(t *testing.T)        { testParse(t, ParseHTTPGrant, httpGrants) }
func TestParseHTTPGrantRefuses(t *testing.T) { testRefuses(t, ParseHTTPGrant, badHTTPGrants) }

func TestHTTPGrantSchemes(t *testing.T) {
	for text, want := range map[string]string{
		"a.example": "https", "http://a.example": "http", "*": "https", "https://localhost": "https",
		"localhost": "https http", "127.8.9.10:3000": "https http", "[::1]": "https http", "10.0.0.1": "https",
	} {
		for _, g := range must(t, ParseHTTPGrant, text) {
			if have := strings.Join(g.Schemes(), " "); have != want {
				t.Errorf("%s: have %s, want %s", text, have, want)
			}
		}
	}
}

func FuzzParseHTTPGrant(f *testing.F) {
	fuzzParse(f, ParseHTTPGrant, texts(httpGrants, badHTTPGrants)...)
}

var mountGrants = []parsed[MountGrant]{
	{"./notes:/data", MountGrant{Source: "./notes", Path: "/data", Access: ReadOnly}, "./notes:/data:ro"},
	{"/srv/x:/data:ro", MountGrant{Source: "/srv/x", Path: "/data", Access: ReadOnly}, ""},
	{"/srv/x:/data/in:rw:10MiB", MountGrant{Source: "/srv/x", Path: "/data/in", Access: ReadWrite, QuotaBytes: 10 << 20}, ""},
	{`C:\x:/data`, MountGrant{Source: `C:\x`, Path: "/data", Access: ReadOnly}, `C:\x:/data:ro`},
	{`C:/x:/data:rw`, MountGrant{Source: "C:/x", Path: "/data", Access: ReadWrite}, ""},
	{"/a:/b:/c:rw", MountGrant{Source: "/a:/b", Path: "/c", Access: ReadWrite}, ""},
	{"x y:/with space:rw:1B", MountGrant{Source: "x y", Path: "/with space", Access: ReadWrite, QuotaBytes: 1}, ""},
	{"rw:/ro:rw", MountGrant{Source: "rw", Path: "/ro", Access: ReadWrite}, ""},
	{"/:/", MountGrant{Source: "/", Path: "/", Access: ReadOnly}, "/:/:ro"},
	{"./C:/data", MountGrant{Source: "./C", Path: "/data", Access: ReadOnly}, "./C:/data:ro"},
}

var badMountGrants = []refused{
	{"empty", "", "want HOSTDIR:GUESTDIR[:ro|rw][:QUOTA]"},
	{"one folder", "/data", "the guest's folder is missing behind \"/data\""},
	{"one folder and access", "/data:rw", "the guest's folder is missing behind \"/data\""},
	{"home", "~/notes:/data", "~ is not expanded: write the whole path, or ./~/notes"},
	{"only home", "~:/data", "~ is not expanded"},
	{"no host folder", ":/data", "the host's folder is missing"},
	{"no guest folder", "/srv:rw", "want HOSTDIR:GUESTDIR"},
	{"relative guest folder", "/srv:data", "the guest's folder begins with a slash"},
	{"drive alone", "C:/data", `"C" reads like a drive without a guest's folder: write C:/data:/data, or ./C`},
	{"drive and a line's end", "C:/\r", "control character"},
	{"drive with access", "c:/data:rw", `"c" reads like a drive`},
	{"unknown access", "/srv:/data:wr", `"wr" behind the guest's folder: want ro or rw`},
	{"access in upper case", "/srv:/data:RW", "want ro or rw"},
	{"quota before access", "/srv:/data:1MiB:rw", `"1MiB" behind the guest's folder: want ro or rw, and then a quota`},
	{"quota without unit", "/srv:/data:rw:10", `quota "10": want a size`},
	{"quota of nothing", "/srv:/data:rw:0MiB", "want a size"},
	{"huge quota", "/srv:/data:rw:1024TiB", "want less than 1024TiB"},
	{"read-only with quota", "/srv:/data:ro:10MiB", "a quota bounds what is written, and the mount is read-only"},
	{"quota without access", "/srv:/data:10MiB", "a quota bounds what is written"},
	{"dots", "/srv:/data/../etc", "want an absolute path"},
	{"the scratch folder", "/srv:/tmp", "/tmp is where the guest has its scratch folder"},
	{"slash at the end", "/srv:/data/", "or a slash at its end"},
	{"empty segment", "/srv://data", "want an absolute path"},
	{"NUL", "/srv:/da\x00ta", "control characters"},
	{"control in the source", "/s\x1brv:/data", "control characters"},
	{"long", "/srv:/" + strings.Repeat("x", maxURL), "longer than"},
}

func TestParseMountGrant(t *testing.T) {
	testParse(t, ParseMountGrant, mountGrants)
	if s := (MountGrant{Source: "a", Path: "/b"}).String(); s != "./a:/b:ro" {
		t.Errorf("a folder with one letter is written %q", s)
	}
}
func TestParseMountGrantRefuses(t *testing.T) { testRefuses(t, ParseMountGrant, badMountGrants) }

func FuzzParseMountGrant(f *testing.F) {
	fuzzParse(f, ParseMountGrant, texts(mountGrants, badMountGrants)...)
}

var kvGrants = []parsed[KVGrant]{
	{"rw", KVGrant{Access: ReadWrite}, ""},
	{"ro", KVGrant{Access: ReadOnly}, ""},
	{"10MiB", KVGrant{Access: ReadWrite, QuotaBytes: 10 << 20}, "rw:10MiB"},
	{"rw:1GiB", KVGrant{Access: ReadWrite, QuotaBytes: 1 << 30}, ""},
	{"ro:1500B", KVGrant{Access: ReadOnly, QuotaBytes: 1500}, ""},
}

var badKVGrants = []refused{
	{"a word", "yes", `"yes": want ro, rw, a quota such as 10MiB, or both: ro:10MiB`},
	{"without unit", "10", `quota "10": want a size`},
	{"nothing behind the colon", "ro:", `quota "": want a size`},
	{"nothing before the colon", ":10MiB", "want ro, rw"},
	{"the wrong way round", "10MiB:ro", `quota "10MiB:ro": want a size`},
	{"of nothing", "ro:0B", "want a size"},
	{"too large", "2048TiB", "want less than 1024TiB"},
}

func TestParseKVGrant(t *testing.T) {
	testParse(t, ParseKVGrant, kvGrants)
	if g, err := ParseKVGrant(""); err != nil || g != (KVGrant{Access: ReadWrite}) || g.String() != "rw" {
		t.Errorf("the default is %+v, %v", g, err)
	}
}
func TestParseKVGrantRefuses(t *testing.T) { testRefuses(t, ParseKVGrant, badKVGrants) }

func FuzzParseKVGrant(f *testing.F) { fuzzParse(f, ParseKVGrant, texts(kvGrants, badKVGrants)...) }

var secretGrants = []parsed[SecretGrant]{
	{"TOKEN=store:github@api.github.com", SecretGrant{Name: "TOKEN", Provider: "store", Ref: "github", Hosts: []string{"api.github.com"}}, ""},
	{
		"KEY=command:pass show me@work: x=1 in=a@API.example.com,[::1]:8080 in=header,body",
		SecretGrant{Name: "KEY", Provider: "command", Ref: "pass show me@work: x=1 in=a", Hosts: []string{"api.example.com", "[::1]:8080"}, In: []string{"header", "body"}},
		"KEY=command:pass show me@work: x=1 in=a@api.example.com,[::1]:8080 in=header,body",
	},
	{`F-1=file:C:\k.txt@127.0.0.1:8080`, SecretGrant{Name: "F-1", Provider: "file", Ref: `C:\k.txt`, Hosts: []string{"127.0.0.1:8080"}}, ""},
	{"e_1=env:A=B@localhost in=query", SecretGrant{Name: "e_1", Provider: "env", Ref: "A=B", Hosts: []string{"localhost"}, In: []string{"query"}}, ""},
	{"a=env:X@[::ffff:127.0.0.1]", SecretGrant{Name: "a", Provider: "env", Ref: "X", Hosts: []string{"127.0.0.1"}}, "a=env:X@127.0.0.1"},
}

var badSecretGrants = []refused{
	{"empty", "", "want NAME=PROVIDER:REF@HOST"},
	{"name alone", "TOKEN", "want NAME=PROVIDER:REF@HOST"},
	{"no name", "=env:X@example.com", `name "": a secret's name has 1 to 64 letters`},
	{"name with a dot", "a.b=env:X@example.com", `name "a.b"`},
	{"long name", strings.Repeat("a", 65) + "=env:X@example.com", "1 to 64"},
	{"the value", "TOKEN=hunter2", "the value itself is never written here"},
	{"the value, with a host", "TOKEN=hunter2@example.com", "the value itself is never written here"},
	{"no host", "TOKEN=env:TOKEN", "the host is missing"},
	{"empty host", "TOKEN=env:TOKEN@", "the host is missing"},
	{"empty among hosts", "TOKEN=env:TOKEN@example.com,", "the host is missing"},
	{"unknown provider", "TOKEN=vault:x@example.com", `provider "vault": want store, env, file or command`},
	{"no provider", "TOKEN=:x@example.com", `provider "": want store`},
	{"no ref", "TOKEN=file:@example.com", "nothing behind file: say which path"},
	{"space before ref", "TOKEN=command: pass@example.com", "the command has control characters, or space around it"},
	{"line end in ref", "TOKEN=file:a\nb@example.com", "the path has control characters"},
	{"wildcard", "TOKEN=env:X@*.example.com", "a secret is not for hosts that a wildcard stands for"},
	{"wildcard alone", "TOKEN=env:X@*", "a secret is not for hosts that a wildcard stands for"},
	{"scheme", "TOKEN=env:X@https://example.com", `host "https://example.com": want HOST or HOST:PORT`},
	{"path", "TOKEN=env:X@example.com/v1", "without scheme, path and spaces"},
	{"line end in a zone", "TOKEN=env:X@[::1%a\nb]", "an address has no zone"},
	{"line end in a place", "TOKEN=env:X@a.example in=a\nb", `"a\nb"`},
	{"bad address", "TOKEN=env:X@127.1", "want an address of four decimal numbers"},
	{"port", "TOKEN=env:X@example.com:0", `port "0"`},
	{"host twice", "TOKEN=env:X@example.com,EXAMPLE.com", "host example.com stands twice"},
	{"unknown place", "TOKEN=env:X@example.com in=cookie", `in=: "cookie": want header, query, body`},
	{"no place", "TOKEN=env:X@example.com in=", `in=: "": want header`},
	{"place twice", "TOKEN=env:X@example.com in=body,body", "in=: body stands twice"},
	{"something else behind", "TOKEN=env:X@example.com on=header", "without scheme, path and spaces"},
}

func TestParseSecretGrant(t *testing.T) { testParse(t, ParseSecretGrant, secretGrants) }
func TestParseSecretGrantRefuses(t *testing.T) {
	testRefuses(t, func(text string) (SecretGrant, error) {
		g, err := ParseSecretGrant(text)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the secret: %v", err)
		}
		return g, err
	}, badSecretGrants)
}

func FuzzParseSecretGrant(f *testing.F) {
	fuzzParse(f, ParseSecretGrant, texts(secretGrants, badSecretGrants)...)
}

// toolAccess is the result of ParseToolAccess with a text form.
type toolAccess struct {
	tool   string
	access Access
}

func (a toolAccess) String() string { return a.tool + "=" + string(a.access) }

func parseToolAccess(text string) (toolAccess, error) {
	tool, access, err := ParseToolAccess(text)
	return toolAccess{tool, access}, err
}

var toolAccesses = []parsed[toolAccess]{
	{"greet=ro", toolAccess{"greet", ReadOnly}, ""},
	{"a/b.c=rw", toolAccess{"a/b.c", ReadWrite}, ""},
	{"x=y=ro", toolAccess{"x=y", ReadOnly}, ""},
}

var badToolAccesses = []refused{
	{"empty", "", "want TOOL=ro or TOOL=rw"},
	{"tool alone", "greet", `"greet": want TOOL=ro or TOOL=rw`},
	{"no tool", "=ro", "the tool's name is missing"},
	{"no access", "greet=", `"": want ro or rw`},
	{"unknown access", "greet=write", `"write": want ro or rw`},
	{"control", "gr\x1beet=ro", "control characters"},
}

func TestParseToolAccess(t *testing.T)        { testParse(t, parseToolAccess, toolAccesses) }
func TestParseToolAccessRefuses(t *testing.T) { testRefuses(t, parseToolAccess, badToolAccesses) }

func FuzzParseToolAccess(f *testing.F) {
	fuzzParse(f, parseToolAccess, texts(toolAccesses, badToolAccesses)...)
}
