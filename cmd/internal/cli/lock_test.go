package cli_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
)

// keyPassword is the one of the keys in the scripts.
const keyPassword = "a password for tests"

// TestLockScripts runs the scripts about packages that are approved. Each has a
// registry of its own at $REGISTRY, keys acme.key and other.key with their public
// halves, and a configuration that trusts packages below $REGISTRY/acme by the
// first.
func TestLockScripts(t *testing.T) {
	cache, hello := filepath.Dir(cacheDir(t)), sample(t, "hello")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "lock"),
		Setup: func(e *testscript.Env) error {
			server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
			e.Defer(server.Close)
			e.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
			e.Setenv("HELLO", hello)
			for _, name := range []string{"XDG_CACHE_HOME", "LocalAppData", "HOME"} {
				e.Setenv(name, cache)
			}
			e.Setenv("MCPWASM_KEY_PASSWORD", keyPassword)
			e.Setenv("MCPWASM_CONFIG", filepath.Join(e.WorkDir, "mcpwasm.yaml"))
			e.Setenv("DOCKER_CONFIG", filepath.Join(e.WorkDir, "docker"))
			if err := writeKeys(e.WorkDir, "acme", "other"); err != nil {
				return err
			}
			return writeConfig(filepath.Join(e.WorkDir, "mcpwasm.yaml"), e.Getenv("REGISTRY"), "")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "publish": publish, "configure": configure,
		},
	})
}

func writeKeys(dir string, names ...string) error {
	for _, name := range names {
		key, err := sign.GenerateKey(sign.ECDSA)
		if err != nil {
			return err
		}
		private, err := sign.MarshalPrivateKey(key, []byte(keyPassword))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".key"), private, 0o600)
		}
		if err != nil {
			return err
		}
		public, err := sign.MarshalPublicKey(key.Public())
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".pub"), public, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeConfig writes the configuration of the scripts, with more at its end.
func writeConfig(path, registry, more string) error {
	return os.WriteFile(path, []byte(`registries:
  `+registry+`: {plainHTTP: true}
trust:
  rules:
    - repositories: [`+registry+`/acme/*]
      signers: [{key: acme.pub}, {key: other.pub}]
      capabilities: any
`+strings.ReplaceAll(more, "$REGISTRY", registry)), 0o600)
}

// configure writes the configuration again, with a file at its end.
func configure(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: configure [FILE]")
	}
	more := ""
	if len(args) > 0 {
		more = ts.ReadFile(args[0])
	}
	ts.Check(writeConfig(ts.MkAbs("mcpwasm.yaml"), ts.Getenv("REGISTRY"), more))
}

// publish pushes a package of hello.wasm and signs it: publish acme/hello:1.0.0
// [MANIFEST.json] [KEY...]. What the manifest leaves out is filled in: the version is the
// tag. A manifest "-" is none, and leaves a bare module.
func publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: publish REPOSITORY:TAG MANIFEST.json|- [KEY.key...]")
	}
	ref, err := oci.ParseReference(ts.Getenv("REGISTRY") + "/" + args[0])
	ts.Check(err)
	wasm, err := os.ReadFile(ts.Getenv("HELLO"))
	ts.Check(err)
	remotes, err := oci.NewRemotes(oci.Config{DockerConfig: "-", Registries: map[string]oci.Registry{ref.Registry: {PlainHTTP: true}}})
	ts.Check(err)
	to := remotes.Repository(ref)
	ctx := context.Background()
	var pushed oci.Descriptor
	if args[1] == "-" {
		pushed, err = pushBare(ctx, to, wasm)
	} else {
		pushed, err = pushPackage(ctx, to, wasm, []byte(ts.ReadFile(args[1])), ref.Tag)
	}
	ts.Check(err)
	for _, name := range args[2:] {
		ts.Check(attach(ctx, to, pushed, []byte(ts.ReadFile(name))))
	}
	ts.Check(to.Tag(ctx, pushed, ref.Tag))
	ts.Setenv("DIGEST", pushed.Digest)
}

func pushPackage(ctx context.Context, to oci.Target, wasm, manifest []byte, version string) (oci.Descriptor, error) {
	m := &plugins.Manifest{Contract: 1, Name: "io.github.acme/hello", Version: version}
	if err := json.Unmarshal(manifest, m); err != nil {
		return oci.Descriptor{}, err
	}
	p, err := pack.Build(wasm, m, pack.Options{})
	if err != nil {
		return oci.Descriptor{}, err
	}
	return p.Descriptor, p.Push(ctx, to, "")
}

// pushBare pushes a module as oras does.
func pushBare(ctx context.Context, to oci.Target, wasm []byte) (oci.Descriptor, error) {
	config := []byte("{}")
	manifest := oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: oci.Describe(pack.MediaTypeConfig, config),
		Layers: []oci.Descriptor{oci.Describe(pack.MediaTypeWasm, wasm)}}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return oci.Descriptor{}, err
	}
	d := oci.Describe(oci.MediaTypeManifest, raw)
	return d, errors.Join(
		to.Push(ctx, manifest.Config, strings.NewReader(string(config))),
		to.Push(ctx, manifest.Layers[0], strings.NewReader(string(wasm))),
		to.Push(ctx, d, strings.NewReader(string(raw))))
}

func attach(ctx context.Context, to oci.Target, subject oci.Descriptor, pem []byte) error {
	key, err := sign.ParsePrivateKey(pem, func() ([]byte, error) { return []byte(keyPassword), nil })
	if err != nil {
		return err
	}
	signer, err := sign.KeySigner(key.(crypto.Signer))
	if err != nil {
		return err
	}
	_, err = sign.Attach(ctx, to, subject, sign.PredicateSignature, nil, signer)
	return err
}
