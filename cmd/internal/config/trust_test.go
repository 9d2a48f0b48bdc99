package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

const packages = `registries:
  localhost:5000: {plainHTTP: true}
  ghcr.io: {mirrors: [mirror.example.com/ghcr, localhost:5000], ca: certs/ca.pem}
  old.example.com: {skipVerify: true}
trust:
  root: trusted_root.json
  rules:
    - repositories: [ghcr.io/acme/*, quay.io/acme/weather]
      names: [io.github.acme/*, weather]
      signers:
        - key: keys/acme.pub
        - identity: https://github.com/acme/weather/.github/workflows/release.yml@refs/heads/main
          issuer: https://token.actions.githubusercontent.com
        - identityPattern: https://github\.com/acme/.*
          issuerPattern: https://token\.actions\.githubusercontent\.com
      threshold: 2
      attestations:
        - {type: slsa, signers: [{key: keys/ci.pub}]}
        - type: https://example.com/review/v1
      capabilities:
        http: ["GET api.example.com", "*.example.org/v1"]
        files: ro
        kv: rw
        secrets: [TOKEN, "*"]
        env: [LANG]
    - repositories: ["*"]
      signers: [{key: keys/me.pub}]
      capabilities: any
  lock: {signers: [{key: keys/me.pub}]}
cache: {size: 3GiB}
`

func TestParsePackages(t *testing.T) {
	f, err := Parse(filepath.Join("conf", "m.yaml"), []byte(packages), lookup)
	if err != nil {
		t.Fatal(err)
	}
	registries := map[string]oci.Registry{
		"localhost:5000":  {PlainHTTP: true},
		"ghcr.io":         {CA: filepath.Join("conf", "certs", "ca.pem"), Mirrors: []string{"mirror.example.com/ghcr", "localhost:5000"}},
		"old.example.com": {SkipVerify: true},
	}
	if !reflect.DeepEqual(f.Registries, registries) {
		t.Errorf("registries\n%+v\nwant\n%+v", f.Registries, registries)
	}
	if f.CacheBytes != 3<<30 || len(f.Servers) != 0 {
		t.Errorf("cache %d, servers %v", f.CacheBytes, f.Servers)
	}
	ceiling := &plugins.Ceiling{
		HTTP:  []plugins.HTTPGrant{{Methods: []string{"GET"}, Host: "api.example.com"}, {Host: "*.example.org", Path: "/v1"}},
		Files: plugins.ReadOnly, KV: plugins.ReadWrite, Secrets: []string{"TOKEN", "*"}, Env: []string{"LANG"},
	}
	if got := f.trust.Rules[0].ceiling; !reflect.DeepEqual(got, ceiling) {
		t.Errorf("capabilities\n%+v\nwant\n%+v", got, ceiling)
	}
	if got := f.trust.Rules[1].ceiling; !reflect.DeepEqual(got, &plugins.Ceiling{Any: true}) {
		t.Errorf("capabilities %+v, want any", got)
	}
	guarded := []string{"m.yaml", "certs/ca.pem", "keys/acme.pub", "keys/ci.pub", "keys/me.pub", "trusted_root.json"}
	for i, path := range guarded {
		guarded[i] = filepath.Join("conf", filepath.FromSlash(path))
	}
	if got := f.Guarded(); !reflect.DeepEqual(got, guarded) {
		t.Errorf("guarded\n%q\nwant\n%q", got, guarded)
	}
	if err := bySchema(t, packages); err != nil {
		t.Errorf("schema: %v", err)
	}
}

// TestNoCeiling: what a rule does not say, packages may not ask for.
func TestNoCeiling(t *testing.T) {
	for name, capabilities := range map[string]string{"missing": "", "empty": ", capabilities: {}"} {
		f, err := Parse("m.yaml", []byte("trust: {rules: [{repositories: ['*'], signers: [{key: k}]"+capabilities+"}]}\n"), lookup)
		if err != nil {
			t.Fatal(err)
		}
		asked := &plugins.Requests{Env: []plugins.EnvRequest{{Name: "A"}}}
		if got := f.trust.Rules[0].ceiling.Exceeded(asked); len(got) != 1 {
			t.Errorf("%s: exceeded %q", name, got)
		}
	}
}

func TestParsePackagesRefuses(t *testing.T) {
	rule := func(lines ...string) string {
		return "trust:\n  root: r.json\n  rules:\n    - repositories: [ghcr.io/a/*]\n      signers: [{key: k}]\n" + indent("      ", lines)
	}
	signer := func(text string) string {
		return "trust:\n  rules:\n    - repositories: [ghcr.io/a/*]\n      signers: [" + text + "]\n"
	}
	rooted := func(text string) string { return signer(text) + "  root: r.json\n" }
	const at = "m.yaml:4:17: trust.rules[0].signers[0]: "
	tests := []struct {
		name, doc, want string
		schema          bool // whether the schema can see it, too
	}{
		{"unknown key", "trust: {rulez: []}\n", `m.yaml:1:9: trust: unknown key "rulez": did you mean "rules"?`, true},
		{"unknown key of a rule", rule("treshold: 2"), `m.yaml:6:7: trust.rules[0]: unknown key "treshold": did you mean "threshold"?`, true},
		{"rules as a mapping", "trust: {rules: {}}\n", "m.yaml:1:16: trust.rules: want a list, have a mapping", true},
		{"no repositories", "trust: {rules: [{signers: [{key: k}]}]}\n", "m.yaml:1:17: trust.rules[0]: repositories are missing: say which packages the rule is for, such as ghcr.io/acme/*", true},
		{"no pattern", "trust: {rules: [{repositories: [ghcr.io], signers: [{key: k}]}]}\n", `m.yaml:1:33: trust.rules[0].repositories[0]: pattern "ghcr.io": want HOST/REPOSITORY, HOST/PREFIX/* or "*"`, true},
		{"pattern with a tag", "trust: {rules: [{repositories: ['ghcr.io/a:1'], signers: [{key: k}]}]}\n", `m.yaml:1:33: trust.rules[0].repositories[0]: pattern "ghcr.io/a:1": it has no tag and no digest: want HOST/REPOSITORY, HOST/PREFIX/* or "*"`, true},
		{"variable in a pattern", "trust: {rules: [{repositories: ['ghcr.io/${TOKEN}'], signers: [{key: k}]}]}\n", `m.yaml:1:33: trust.rules[0].repositories[0]: ${TOKEN}: variables are replaced in the values of env only; a plain ${ is written $${`, true},
		{"pattern without quotes", "trust: {rules: [{repositories: [*], signers: []}]}\n", `m.yaml:1:34: not valid YAML: did not find expected alphabetic or numeric character; a value that begins with * stands in quotes: "*.example.com"`, false},
		{"pattern twice", rule() + "    - {repositories: [quay.io/*, 'GHCR.io:443/a/*'], signers: [{key: k}]}\n", "m.yaml:6:34: trust.rules[1].repositories[1]: ghcr.io/a/* stands in trust.rules[0].repositories[0] already: one rule decides", false},

		{"no signers", "trust: {rules: [{repositories: [ghcr.io/a]}]}\n", "m.yaml:1:17: trust.rules[0]: signers are missing: name who may vouch for these packages: {key: FILE}, or {identity: …, issuer: …}", true},
		{"empty signers", "trust: {rules: [{repositories: [ghcr.io/a], signers: []}]}\n", "m.yaml:1:17: trust.rules[0]: signers are missing: name who may vouch for these packages: {key: FILE}, or {identity: …, issuer: …}", true},
		{"signer of nothing", signer("{}"), at + "want {key: FILE}, or {identity: …, issuer: …}", true},
		{"signer as text", signer("k"), at + "want a mapping (key: value), have a plain value", true},
		{"key and identity", rooted("{key: k, identity: a, issuer: b}"), at + "a signer is a key or an identity, not both", true},
		{"key and issuer", rooted("{key: k, issuer: b}"), at + "a signer is a key or an identity, not both", true},
		{"issuer alone", rooted("{issuer: b}"), at + "an issuer alone stands for everybody who has an account there: add identity", true},
		{"identity alone", rooted("{identity: a}"), at + "issuer is missing: without it, any issuer could vouch for the identity", true},
		{"two identities", rooted("{identity: a, identityPattern: a, issuer: b}"), at + "identity is exact, and identityPattern a pattern: decide for one", true},
		{"two issuers", rooted("{identity: a, issuer: b, issuerPattern: b}"), at + "issuer is exact, and issuerPattern a pattern: decide for one", true},
		{"identity without a root", signer("{identity: a, issuer: b}"), at + "an identity needs trust.root, the file that says whose certificates are believed: root: trusted_root.json", false},
		{"bad pattern", rooted("{identityPattern: 'a(', issuer: b}"), at + "identityPattern: error parsing regexp: missing closing ): `a(`", false},
		{"pattern that closes a group", rooted("{identityPattern: 'a)|(.*', issuer: b}"), at + "identityPattern: error parsing regexp: unexpected ): `a)|(.*`", false},
		{"pattern for anybody", rooted("{identityPattern: '.*', issuer: b}"), at + `identityPattern: ".*" stands for anybody, strangers included: name at least the host and the owner`, false},
		{"pattern for any address", rooted("{identityPattern: '.+@.+', issuer: b}"), at + `identityPattern: ".+@.+" stands for anybody, strangers included: name at least the host and the owner`, false},
		{"pattern for any issuer", rooted("{identity: a, issuerPattern: 'https://.*'}"), at + `issuerPattern: "https://.*" stands for anybody, strangers included: name at least the host and the owner`, false},
		{"signer twice", signer("{key: k}, {key: k}"), "m.yaml:4:27: trust.rules[0].signers[1]: stands twice", false},
		{"empty root", "trust: {root: '', rules: []}\n", "m.yaml:1:9: trust.root: want the file with sigstore's trusted root", true},

		{"no names", rule("names: []"), "m.yaml:6:7: trust.rules[0].names: want names of packages, or leave names out for any", true},
		{"name that is none", rule("names: [weather, we*]"), `m.yaml:6:24: trust.rules[0].names[1]: name "we*": want a package's name, PREFIX/* or "*"`, true},
		{"threshold of none", rule("threshold: 0"), `m.yaml:6:18: trust.rules[0].threshold: "0": want a whole number from 1 to 100000`, true},
		{"threshold beyond reach", rule("threshold: 2"), "m.yaml:6:7: trust.rules[0].threshold: 2 signers must vouch, and the rule names 1", false},
		{"attestation without a type", rule("attestations: [{}]"), `m.yaml:6:22: trust.rules[0].attestations[0]: type "": want slsa, spdx, cyclonedx or the URI of a predicate type`, true},
		{"unknown attestation", rule("attestations: [{type: sbom}]"), `m.yaml:6:23: trust.rules[0].attestations[0].type: type "sbom": want slsa, spdx, cyclonedx or the URI of a predicate type`, true},
		{"signature as an attestation", rule("attestations: [{type: https://sigstore.dev/cosign/sign/v1}]"), "m.yaml:6:23: trust.rules[0].attestations[0].type: type https://sigstore.dev/cosign/sign/v1 is that of signatures, which signers and threshold are for", false},
		{"attestation by nobody", rule("attestations: [{type: slsa, signers: []}]"), "m.yaml:6:22: trust.rules[0].attestations[0]: signers are missing: name who may vouch for it, or leave signers out for those of the rule: {key: FILE}, or {identity: …, issuer: …}", true},

		{"capabilities in another word", rule("capabilities: all"), `m.yaml:6:21: trust.rules[0].capabilities: "all": want any, or a mapping of http, files, kv, secrets and env`, true},
		{"capabilities without a value", rule("capabilities:"), "m.yaml:6:20: trust.rules[0].capabilities: want a mapping (key: value), have nothing", true},
		{"unknown capability", rule("capabilities: {sockets: any}"), `m.yaml:6:22: trust.rules[0].capabilities: unknown key "sockets": did you mean "secrets"?`, true},
		{"capabilities for http", rule("capabilities: {http: [a b]}"), `m.yaml:6:29: trust.rules[0].capabilities.http[0]: method "a": want methods of HTTP in upper case, parted by commas: GET,POST`, true},
		{"capabilities for files", rule("capabilities: {files: rx}"), `m.yaml:6:22: trust.rules[0].capabilities.files: "rx": want ro or rw`, true},
		{"capabilities for keys", rule("capabilities: {kv: ''}"), `m.yaml:6:22: trust.rules[0].capabilities.kv: "": want ro or rw`, true},
		{"capabilities for secrets", rule("capabilities: {secrets: [a*]}"), `m.yaml:6:32: trust.rules[0].capabilities.secrets[0]: "a*": want a secret's name, of 1 to 64 letters, digits, _ and -, or "*" for every one`, true},
		{"capabilities for variables", rule("capabilities: {env: [A-B]}"), `m.yaml:6:28: trust.rules[0].capabilities.env[0]: "A-B": want a variable's name, or "*" for every one`, true},

		{"lock without signers", "trust: {lock: {}}\n", "m.yaml:1:9: trust.lock: signers are missing: name who may sign mcpwasm.lock: {key: FILE}, or {identity: …, issuer: …}", true},
		{"lock by an identity without a root", "trust: {lock: {signers: [{identity: a, issuer: b}]}}\n", "m.yaml:1:26: trust.lock.signers[0]: an identity needs trust.root, the file that says whose certificates are believed: root: trusted_root.json", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refuses(t, tt.doc, tt.want, tt.schema) })
	}
}

// indent returns lines with spaces before them.
func indent(spaces string, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(spaces + l + "\n")
	}
	return b.String()
}

func refuses(t *testing.T, doc, want string, schema bool) {
	t.Helper()
	_, err := Parse("m.yaml", []byte(doc), lookup)
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	if schema && bySchema(t, doc) == nil {
		t.Error("the schema accepts it")
	}
}

func TestParseRegistriesRefuses(t *testing.T) {
	tests := []struct {
		name, doc, want string
		schema          bool
	}{
		{"scheme", "registries: {'https://ghcr.io': {}}\n", `m.yaml:1:14: registries.https://ghcr.io: "https://ghcr.io": want a registry as references have it: HOST or HOST:PORT, without a scheme and a path`, true},
		{"path", "registries: {ghcr.io/acme: {}}\n", `m.yaml:1:14: registries.ghcr.io/acme: "ghcr.io/acme": want a registry as references have it: HOST or HOST:PORT, without a scheme and a path`, true},
		{"upper case", "registries: {GHCR.io: {}}\n", `m.yaml:1:14: registries.GHCR.io: "GHCR.io": write the host in lower case: ghcr.io`, true},
		{"unknown key", "registries: {ghcr.io: {plainHttp: true}}\n", `m.yaml:1:24: registries.ghcr.io: unknown key "plainHttp": did you mean "plainHTTP"?`, true},
		{"no truth", "registries: {ghcr.io: {plainHTTP: yes}}\n", `m.yaml:1:35: registries.ghcr.io.plainHTTP: "yes": want true or false`, true},
		{"certificates without TLS", "registries: {ghcr.io: {plainHTTP: true, ca: ca.pem}}\n", "m.yaml:1:14: registries.ghcr.io: plainHTTP has no certificates: leave skipVerify and ca out", false},
		{"some and any certificate", "registries: {ghcr.io: {skipVerify: true, ca: ca.pem}}\n", "m.yaml:1:14: registries.ghcr.io: skipVerify accepts any certificate, and ca some: decide for one", false},
		{"empty ca", "registries: {ghcr.io: {ca: ''}}\n", "m.yaml:1:24: registries.ghcr.io.ca: want a file with PEM certificates", true},
		{"mirror with a scheme", "registries: {ghcr.io: {mirrors: ['https://m.example']}}\n", `m.yaml:1:34: registries.ghcr.io.mirrors[0]: "https://m.example": want HOST[:PORT][/PREFIX], without a scheme`, true},
		{"its own mirror", "registries: {ghcr.io: {mirrors: [ghcr.io]}}\n", "m.yaml:1:34: registries.ghcr.io.mirrors[0]: ghcr.io is the registry itself, which is asked after its mirrors", false},
		{"mirror twice", "registries: {ghcr.io: {mirrors: [m.example, m.example]}}\n", "m.yaml:1:45: registries.ghcr.io.mirrors[1]: m.example stands twice", true},
		{"cache without unit", "cache: {size: 2}\n", `m.yaml:1:15: cache.size: "2": want a size such as 64KiB or 256MiB`, true},
		{"nothing", "{}\n", "m.yaml: the file is empty: it needs servers, or trust for packages", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refuses(t, tt.doc, tt.want, tt.schema) })
	}
}

func TestSources(t *testing.T) {
	tests := []struct {
		source, want string
		isPackage    bool
	}{
		{"ghcr.io/acme/weather:1.0", "ghcr.io/acme/weather:1.0", true},
		{"localhost:5000/weather", "localhost:5000/weather", true},
		{"oci://ghcr.io/acme/weather", "oci://ghcr.io/acme/weather", true},
		{"bin/hello.wasm", "conf/bin/hello.wasm", false},
		{"ghcr.io/hello.wasm", "conf/ghcr.io/hello.wasm", false},
		{"./ghcr.io/acme/weather", "conf/ghcr.io/acme/weather", false},
		{"../weather", "weather", false},
		{"weather", "conf/weather", false},
		{"acme/weather", "conf/acme/weather", false},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			f, err := Parse("conf/m.yaml", []byte("servers: {a: {source: '"+tt.source+"'}}\n"), lookup)
			if err != nil {
				t.Fatal(err)
			}
			if s := f.Servers[0]; filepath.ToSlash(s.Source) != tt.want || s.Package != tt.isPackage {
				t.Errorf("%q, package %v", s.Source, s.Package)
			}
		})
	}
	refuses(t, "servers: {a: {source: 'oci://weather'}}\n", `m.yaml:1:15: servers.a.source: reference "oci://weather": the registry is missing: want HOST/REPOSITORY, the host with a dot or a port`, false)
}
