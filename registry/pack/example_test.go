package pack_test

import (
	"context"
	"fmt"
	"log"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
	"github.com/mcpwasm/mcpwasm/registry/pack"
)

// wasm is a module that ends at once.
const wasm = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00\x0a\x04\x01\x02\x00\x0b"

func Example() {
	ctx := context.Background()
	built, err := pack.Build([]byte(wasm), &plugins.Manifest{Contract: 1, Name: "io.github.someone/weather", Version: "1.2.0"}, pack.Options{})
	if err != nil {
		log.Fatal(err)
	}
	repository := ocitest.New() // in its place: a registry's, or a layout folder
	if err := built.Push(ctx, repository, "1.2.0"); err != nil {
		log.Fatal(err)
	}

	d, err := repository.Resolve(ctx, "1.2.0")
	if err != nil {
		log.Fatal(err)
	}
	found, err := pack.Read(ctx, repository, d, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	module, err := found.Module(ctx, repository, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Layout, found.Plugin.Name, found.Plugin.Version, len(module), "bytes")
	// Output: mcpwasm io.github.someone/weather 1.2.0 50 bytes
}
