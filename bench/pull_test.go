package bench

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

// pulledBytes is the size of the package that is pulled. It does not compress.
const pulledBytes = 10_000_000

// BenchmarkPull measures two processes by turns, oras and mcpwasm, that fetch the
// same signed package from the same registry on loopback into an empty folder: oras
// into files, mcpwasm, which verifies it by a key, into its cache, from which it is
// run. The time of an operation is that of both; ratio is that of the medians,
// mcpwasm's over oras's.
func BenchmarkPull(b *testing.B) {
	oras, err := filepath.Abs("../.cache/tools/oras")
	if err == nil {
		_, err = os.Stat(oras)
	}
	if err != nil {
		b.Fatalf("%v: run the benchmarks with make bench, which builds it", err)
	}
	ref := publish(b)
	home := b.TempDir()
	config := sign(b, home, ref)
	clients := []struct {
		name    string
		command func(dir string) []string
		took    []time.Duration
	}{
		{"oras", func(dir string) []string { return []string{oras, "pull", "--plain-http", "--output", dir, ref} }, nil},
		{"mcpwasm", func(dir string) []string {
			return []string{built(b, "mcpwasm"), "pull", "--config", config, "--cache-dir", dir, ref}
		}, nil},
	}
	for b.Loop() {
		for i := range clients {
			c := &clients[i]
			b.StopTimer()
			dir := b.TempDir()
			args := c.command(dir)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CONFIG_HOME="+home)
			b.StartTimer()
			start := time.Now()
			out, err := cmd.CombinedOutput()
			c.took = append(c.took, time.Since(start))
			if err != nil {
				b.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
	var medians []float64
	for _, c := range clients {
		slices.Sort(c.took)
		medians = append(medians, float64(percentile(c.took, 50).Microseconds())/1e3)
		b.ReportMetric(medians[len(medians)-1], c.name+"-p50-ms")
	}
	b.ReportMetric(medians[1]/medians[0], "ratio")
}

// sign signs a package with a new key, and returns a configuration that trusts it.
func sign(b *testing.B, dir, ref string) (config string) {
	b.Helper()
	registry, _, _ := strings.Cut(ref, "/")
	config = filepath.Join(dir, "mcpwasm.yaml")
	err := os.WriteFile(config, fmt.Appendf(nil, `
registries: {"%[1]s": {plainHTTP: true}}
trust: {rules: [{repositories: ["%[1]s/*"], signers: [{key: acme.pub}]}]}
`, registry), 0o600)
	if err != nil {
		b.Fatal(err)
	}
	key := filepath.Join(dir, "acme")
	for _, args := range [][]string{
		{"keygen", "--no-password", "-o", key},
		{"sign", "--config", config, "--key", key + ".key", ref},
	} {
		if out, err := exec.Command(built(b, "mcpwasm"), args...).CombinedOutput(); err != nil {
			b.Fatalf("mcpwasm %s: %v\n%s", args[0], err, out)
		}
	}
	return config
}

// publish starts a registry and puts a package into it, as others push it: a module
// that was filled up with random bytes, in a section that means nothing.
func publish(b *testing.B) (ref string) {
	b.Helper()
	server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
	b.Cleanup(server.Close)
	wasm, err := os.ReadFile(built(b, "plugins", "hello.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	section := make([]byte, pulledBytes-len(wasm))
	_, _ = rand.Read(section)                              // never fails
	copy(section, []byte{6, 'f', 'i', 'l', 'l', 'e', 'r'}) // its name
	wasm = append(wasm, 0)                                 // a custom section
	wasm = append(binary.AppendUvarint(wasm, uint64(len(section))), section...)
	add := func(method, path, mediaType string, content []byte) map[string]any {
		sum := sha256.Sum256(content)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		req, err := http.NewRequest(method, server.URL+strings.ReplaceAll(path, "DIGEST", url.QueryEscape(digest)), bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", mediaType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
			b.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
		}
		return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(content)}
	}
	const blobs = "/v2/bench/pull/blobs/uploads/?digest=DIGEST"
	config := add(http.MethodPost, blobs, "application/vnd.wasm.config.v0+json", []byte(`{"architecture":"wasm","os":"wasip1","layerDigests":[]}`))
	layer := add(http.MethodPost, blobs, "application/wasm", wasm)
	layer["annotations"] = map[string]string{"org.opencontainers.image.title": "module.wasm"}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []any{layer}})
	if err != nil {
		b.Fatal(err)
	}
	add(http.MethodPut, "/v2/bench/pull/manifests/1", manifestType, manifest)
	return fmt.Sprintf("%s/bench/pull:1", strings.TrimPrefix(server.URL, "http://"))
}
