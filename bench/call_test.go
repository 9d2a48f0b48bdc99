package bench

import (
	"errors"
	"testing"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins/examples/stdio/bench/benchserver"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// guests are servers with the tools echo and digest, by shape and SDK.
var guests = []struct {
	name, file string
	lifetimes  []runtime.Lifetime
}{
	{"reactor-pdk", "bench.wasm", []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess}},
	{"reactor-mcpgo", "mcpgo-reactor.wasm", []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess}},
	{"reactor-gosdk", "gosdk-reactor.wasm", []runtime.Lifetime{runtime.LifetimeCall, runtime.LifetimeSession, runtime.LifetimeProcess}},
	{"stdio-mcpgo", "stdio-bench.wasm", []runtime.Lifetime{runtime.LifetimeSession, runtime.LifetimeProcess}},
}

// BenchmarkCall measures one client that makes one call after the other. For
// each transport and tool, server=native is mcp-go in this process without
// mcpwasm, and comes right before what is compared with it.
func BenchmarkCall(b *testing.B) {
	for _, via := range transports {
		b.Run("via="+via.name, func(b *testing.B) {
			for _, r := range requests(b) {
				b.Run("tool="+r.name, func(b *testing.B) { benchmarkServers(b, via, r) })
			}
		})
	}
}

func benchmarkServers(b *testing.B, via transport, r request) {
	run(b, "server=native", r, func(*testing.B) (client, func() error) {
		return via.native(benchserver.New())
	})
	for _, g := range guests {
		for _, life := range g.lifetimes {
			run(b, "server="+g.name+"/lifetime="+string(life), r, func(b *testing.B) (client, func() error) {
				h := openHost(b, g.file, life)
				call, hangUp := via.hosted(h)
				return call, func() error { return errors.Join(hangUp(), h.Close()) }
			})
		}
	}
}

// run measures a request at a server that is opened once, however often the
// benchmark is repeated to find its length.
func run(b *testing.B, name string, r request, open func(*testing.B) (client, func() error)) {
	var call client
	hangUp := func() error { return nil }
	b.Run(name, func(b *testing.B) {
		if call == nil {
			call, hangUp = open(b)
		}
		measure(b, func() error {
			answer, err := call(r)
			if err != nil {
				return err
			}
			return r.check(answer)
		})
	})
	if err := hangUp(); err != nil {
		b.Errorf("%s: %v", name, err)
	}
}

func openHost(b *testing.B, file string, life runtime.Lifetime) *host.Host {
	b.Helper()
	h, err := host.New(b.Context(), host.Config{
		CacheDir: sharedCache(b),
		Servers:  []host.Server{{Name: "bench", Source: built(b, "plugins", file), Lifetime: life}},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range h.Status() {
		if s.Err != nil {
			b.Fatal(s.Err)
		}
	}
	return h
}
