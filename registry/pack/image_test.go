package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/registry/oci/ocitest"
)

// entry is one of a tar's.
type entry struct {
	header  tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}, content}
}

func special(name string, kind byte) entry {
	return entry{tar.Header{Name: name, Typeflag: kind, Linkname: "elsewhere"}, ""}
}

// tarOf writes a tar. It takes no *testing.T, so that tables can use it.
func tarOf(entries ...entry) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.header); err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func zipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(content)) // to memory
	_ = w.Close()
	return b.String()
}

var imageConfigPart = part{typeImageConfig, `{"architecture":"amd64","os":"linux"}`}

// readImage reads the module of an image of layers, the lowest first.
func readImage(t testing.TB, layers ...string) ([]byte, error) {
	t.Helper()
	var parts []part
	for _, l := range layers {
		kind := typeTar
		if strings.HasPrefix(l, "\x1f\x8b") {
			kind = typeTarGzip
		}
		parts = append(parts, part{kind, l})
	}
	to := ocitest.New()
	_, wasm, err := readAll(t, to, artifact(t, to, "", imageConfigPart, parts...))
	return wasm, err
}

func TestImage(t *testing.T) {
	wasm, other := string(stdioModule), string(reactorModule)
	long := strings.Repeat("long/", 60) + "name"
	tests := []struct {
		name   string
		layers []string
	}{
		{"plain", []string{tarOf(file("plugin.wasm", wasm))}},
		{"gzip", []string{zipped(tarOf(file("plugin.wasm", wasm)))}},
		{"gzip in two members", []string{zipped(tarOf(file("plugin.wasm", wasm))[:700]) + zipped(tarOf(file("plugin.wasm", wasm))[700:])}},
		{"absolute", []string{tarOf(file("/plugin.wasm", wasm))}},
		{"from here", []string{tarOf(file("./plugin.wasm", wasm))}},
		{"among others", []string{tarOf(special("bin", tar.TypeSymlink), special("etc/", tar.TypeDir), file("etc/plugin.wasm", other), special("dev/x", tar.TypeChar), file(long, "x"), file("plugin.wasm", wasm), file("z", "z"))}},
		{"the last layer wins", []string{tarOf(file("plugin.wasm", other)), tarOf(file("plugin.wasm", wasm)), tarOf(file("README", "x"))}},
		{"put again after it was removed", []string{tarOf(file("plugin.wasm", other)), tarOf(file(".wh.plugin.wasm", "")), tarOf(file("plugin.wasm", wasm))}},
		{"what a layer removes is below it", []string{tarOf(file("plugin.wasm", other)), tarOf(file("plugin.wasm", wasm), file(".wh.plugin.wasm", ""))}},
		{"a removal elsewhere", []string{tarOf(file("plugin.wasm", wasm)), tarOf(file("etc/.wh.plugin.wasm", ""), file("etc/.wh..wh..opq", ""))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readImage(t, tt.layers...)
			if err != nil || string(got) != wasm {
				t.Errorf("%d bytes, %v; want the module", len(got), err)
			}
		})
	}
}

func TestImageRefuses(t *testing.T) {
	wasm := string(stdioModule)
	good := tarOf(file("plugin.wasm", wasm))
	tests := []struct {
		name   string
		layers []string
		want   string
	}{
		{"not there", []string{tarOf(file("other.wasm", wasm))}, "no layer of the image has /plugin.wasm"},
		{"in a folder", []string{tarOf(file("bin/plugin.wasm", wasm))}, "no layer of the image has"},
		{"symbolic link", []string{tarOf(special("plugin.wasm", tar.TypeSymlink))}, "not a regular file"},
		{"hard link", []string{tarOf(file("a", wasm), special("plugin.wasm", tar.TypeLink))}, "not a regular file"},
		{"device", []string{tarOf(special("plugin.wasm", tar.TypeBlock))}, "not a regular file"},
		{"pipe", []string{tarOf(special("plugin.wasm", tar.TypeFifo))}, "not a regular file"},
		{"folder", []string{tarOf(special("plugin.wasm/", tar.TypeDir))}, "strange name"},
		{"sneaking in", []string{tarOf(file("etc/../plugin.wasm", wasm))}, "leads upwards"},
		{"sneaking out", []string{tarOf(file("plugin.wasm", wasm), file("../x", ""))}, "leads upwards"},
		{"strange name", []string{tarOf(file("././plugin.wasm", wasm))}, "strange name"},
		{"strange slashes", []string{tarOf(file("//plugin.wasm", wasm))}, "strange name"},
		{"twice", []string{tarOf(file("plugin.wasm", wasm), file("plugin.wasm", wasm))}, "two entries"},
		{"twice under two names", []string{tarOf(file("plugin.wasm", wasm), file("/plugin.wasm", wasm))}, "two entries"},
		{"removed", []string{good, tarOf(file(".wh.plugin.wasm", ""))}, "layer 2 of the image removes /plugin.wasm"},
		{"removed with all else", []string{good, tarOf(file("./.wh..wh..opq", ""))}, "removes"},
		{"not a module", []string{tarOf(file("plugin.wasm", "#!/bin/sh"))}, "not a module"},
		{"empty", []string{tarOf(file("plugin.wasm", ""))}, "not a module"},
		{"too large", []string{zipped(tarOf(file("plugin.wasm", strings.Repeat("x", 1<<20+1))))}, "more than the 1048576 allowed"},
		{"cut off", []string{good[:550]}, "unexpected EOF"},
		{"header cut off", []string{good[:100]}, "unexpected EOF"},
		{"gzip cut off", []string{zipped(good)[:40]}, "unexpected EOF"},
		{"wrong checksum", []string{flipLast(zipped(good))}, "gzip"},
		{"not a tar", []string{"hello"}, "EOF"},
		{"zstd", []string{"\x28\xb5\x2f\xfdxxxx"}, "zstd"},
		{"sparse", []string{sparse(wasm)}, "not a regular file"},
		{"bomb", []string{zipped(tarOf(file("zero", strings.Repeat("\x00", 40<<20)), file("plugin.wasm", wasm)))}, "unpacks to more than is allowed"},
		{"bomb behind the end", []string{zipped(good + strings.Repeat("\x00", 40<<20))}, "unpacks to more than is allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readImage(t, tt.layers...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

// sparse writes a tar with a file in the GNU form for files with holes, version
// 1.0, which [tar.Writer] does not write.
func sparse(content string) string {
	pieces := fmt.Sprintf("1\n0\n%d\n", len(content))
	e := file("x", pieces+strings.Repeat("\x00", 512-len(pieces))+content)
	e.header.PAXRecords = map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "plugin.wasm", "XXX.sparse.realsize": strconv.Itoa(len(content))}
	return strings.ReplaceAll(tarOf(e), "XXX.sparse", "GNU.sparse")
}

// flipLast damages the length that gzip keeps of its content.
func flipLast(s string) string { return s[:len(s)-1] + string(s[len(s)-1]^1) }

// TestImageBounds counts the bytes of layers that have nothing against the bound
// of all.
func TestImageBounds(t *testing.T) {
	layer := []byte(tarOf(file("x", strings.Repeat("x", 5000))))
	if _, used, err := findPlugin(t.Context(), layer, 1<<20, int64(len(layer))); err != nil || used != int64(len(layer)) {
		t.Errorf("at the bound: %d of %d bytes, %v", used, len(layer), err)
	}
	if _, _, err := findPlugin(t.Context(), layer, 1<<20, int64(len(layer))-1); err == nil {
		t.Error("above the bound: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := findPlugin(ctx, layer, 1<<20, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
