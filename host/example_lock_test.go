package host_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/lock"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/pack"
	"github.com/mcpwasm/mcpwasm/registry/sign"
	"github.com/mcpwasm/mcpwasm/registry/trust"
)

// Run a package exactly as it was approved. The entry usually comes from the file
// that mcpwasm add writes: lock.Load("mcpwasm.lock").
func ExampleLocked() {
	ctx := context.Background()
	client, ref := publishHello(ctx)
	entry := approve(ctx, client, "hello", ref)

	server, err := host.Locked(ctx, host.Config{}, client, "hello", entry, ".")
	if err != nil {
		log.Fatal(err)
	}
	h, err := host.New(ctx, host.Config{CacheDir: exampleCache(), Servers: []host.Server{server}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	fmt.Println(len(server.Signers), server.Registry, server.Repository) // what policies see
	definitions, err := h.Definitions(ctx, "hello")
	fmt.Println(definitions.Tools.Items[0].Key, err)

	entry.Definitions.Tools["greet"] = entry.Definitions.About // somebody approved another tool
	_, err = host.Locked(ctx, host.Config{}, client, "hello", entry, ".")
	fmt.Println(err != nil)
	// Output:
	// 1 registry.example registry.example/acme/hello
	// greet <nil>
	// true
}

// approve is what mcpwasm add does once somebody has said yes.
func approve(ctx context.Context, client *registry.Client, name string, ref oci.Reference) lock.Entry {
	p, err := client.Verify(ctx, ref)
	if err != nil {
		log.Fatal(err)
	}
	entry, err := lock.Of(p)
	if err != nil {
		log.Fatal(err)
	}
	entry.Approved = time.Now().UTC().Truncate(time.Second)
	if entry, err = lock.Seal(name, entry); err != nil {
		log.Fatal(err)
	}
	return entry
}

// publishHello puts a signed package into a repository in memory, and returns a
// client that trusts its signer.
func publishHello(ctx context.Context) (*registry.Client, oci.Reference) {
	wasm, err := os.ReadFile(helloWasm())
	if err != nil {
		log.Fatal(err)
	}
	p, err := pack.Build(wasm, &plugins.Manifest{
		Contract: plugins.ContractVersion, Name: "hello", Version: "1.0.0",
		Definitions: plugins.Definitions{Tools: plugins.List{Items: []plugins.Definition{
			{Key: "greet", Raw: json.RawMessage(`{"name":"greet","inputSchema":{"type":"object"}}`)},
		}}},
	}, pack.Options{})
	if err != nil {
		log.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sign.KeySigner(key)
	if err != nil {
		log.Fatal(err)
	}
	repository := ocitest.New()
	if err := p.Push(ctx, repository, "1.0.0"); err != nil {
		log.Fatal(err)
	}
	if _, err := sign.Attach(ctx, repository, p.Descriptor, sign.PredicateSignature, nil, signer); err != nil {
		log.Fatal(err)
	}
	verifier, err := sign.NewKeyVerifier("acme.pub", key.Public())
	if err != nil {
		log.Fatal(err)
	}
	client, err := registry.NewClient(registry.ClientConfig{
		Repository: func(oci.Reference) oci.Target { return repository },
		Trust: trust.Policy{Rules: []trust.Rule{{
			Repositories: []string{"registry.example/acme/*"}, Signers: []sign.Verifier{verifier},
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return client, oci.Reference{Registry: "registry.example", Repository: "acme/hello", Tag: "1.0.0"}
}
