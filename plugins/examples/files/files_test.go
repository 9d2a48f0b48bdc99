package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

var client pdktest.Client

// folder makes a folder with files, by their names, and serves it. Where an
// answer has the folder's path, the tests see /root.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.ToSlash(t.TempDir())
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := roots
	roots = func() []string { return []string{dir} }
	t.Cleanup(func() { roots = before })
	return dir
}

func content(t *testing.T, p string) string {
	t.Helper()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadFile(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.txt": "one\ntwo\r\nthree\nfour", "empty": "", "bin": "a\x00b", "latin": "M\xfcll", "p.png": "\x89PNG",
		"large": strings.Repeat("x\n", maxText), "long": strings.Repeat("x", 2*maxText),
	})
	tests := []struct {
		name string
		in   map[string]any
		want string
	}{
		{"all", map[string]any{"path": "a.txt"}, "one\ntwo\r\nthree\nfour"},
		{"absolute", map[string]any{"path": dir + "/./a.txt", "head": 1}, "one\n"},
		{"head", map[string]any{"path": "a.txt", "head": 2}, "one\ntwo\r\n"},
		{"tail", map[string]any{"path": "a.txt", "tail": 2}, "three\nfour"},
		{"offset", map[string]any{"path": "a.txt", "offset": 1, "head": 1}, "two\r\n"},
		{"behind the end", map[string]any{"path": "a.txt", "offset": 9}, ""},
		{"empty", map[string]any{"path": "empty"}, ""},
		{"tail of a large one", map[string]any{"path": "large", "tail": 2}, "x\nx\n"},
		{"large", map[string]any{"path": "large"}, "more than 1048576 bytes"},
		{"long line", map[string]any{"path": "long"}, "a line of more than 1048576 bytes"},
		{"head and tail", map[string]any{"path": "a.txt", "head": 1, "tail": 1}, "tail goes neither with head"},
		{"binary", map[string]any{"path": "bin"}, "not a text file"},
		{"not UTF-8", map[string]any{"path": "latin"}, "not a text file"},
		{"not there", map[string]any{"path": "none"}, "no such file"},
		{"outside", map[string]any{"path": "../x"}, "is outside of the folders"},
		{"beside", map[string]any{"path": dir + "x"}, "is outside of the folders"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := client.CallTool(t, "read_file", tt.in)
			if got := a.Text(); got != tt.want && (!a.IsError() || !strings.Contains(got, tt.want)) {
				t.Errorf("got %.200s, want %q", a.Raw, tt.want)
			}
		})
	}
	if a := client.CallTool(t, "read_file", map[string]any{"path": "p.png"}); !strings.Contains(string(a.Raw), `"mimeType":"image/png"`) {
		t.Errorf("image: %s", a.Raw)
	}
}

func TestChanges(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "one two two", "d/b.txt": "b"})
	type args map[string]any
	steps := []struct {
		name, tool string
		in         args
		fails      string // "" for success
		file, want string // what a file holds afterwards
	}{
		{"new", "write_file", args{"path": "x/y/z.txt", "text": "new"}, "", "x/y/z.txt", "new"},
		{"again", "write_file", args{"path": "x/y/z.txt", "text": "newer"}, "", "x/y/z.txt", "newer"},
		{"onto a directory", "write_file", args{"path": "d", "text": ""}, "is a directory", "d/b.txt", "b"},
		{"edit", "edit_file", args{"path": "a.txt", "edits": []args{{"old": "one ", "new": "1 "}, {"old": "1 two", "new": "1"}}}, "", "a.txt", "1 two"},
		{"edit nothing", "edit_file", args{"path": "a.txt", "edits": []args{{"old": "1", "new": "2"}, {"old": "none", "new": ""}}}, "edit 2: its old text stands in the file 0 times", "a.txt", "1 two"},
		{"move", "move_file", args{"from": "d", "to": "e"}, "", "e/b.txt", "b"},
		{"move onto", "move_file", args{"from": "a.txt", "to": "e/b.txt"}, "is there already", "e/b.txt", "b"},
		{"directory", "make_directory", args{"path": "m/n"}, "", "e/b.txt", "b"},
		{"delete a full one", "delete_file", args{"path": "e"}, "not empty", "e/b.txt", "b"},
		{"delete a folder", "delete_file", args{"path": dir, "all": true}, "is one of the folders", "e/b.txt", "b"},
		{"delete", "delete_file", args{"path": "x", "all": true}, "", "e/b.txt", "b"},
		{"delete again", "delete_file", args{"path": "x", "all": true}, "no such file", "e/b.txt", "b"},
	}
	for _, s := range steps {
		a := client.CallTool(t, s.tool, s.in)
		if a.IsError() != (s.fails != "") || s.fails != "" && !strings.Contains(a.Text(), s.fails) {
			t.Errorf("%s: got %s, want %q", s.name, a.Raw, s.fails)
		}
		if got := content(t, filepath.Join(dir, s.file)); got != s.want {
			t.Errorf("%s: %s holds %q, want %q", s.name, s.file, got, s.want)
		}
	}
	var l listing
	if err := json.Unmarshal([]byte(client.CallTool(t, "list_directory", map[string]any{"path": "."}).Text()), &l); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range l.Entries {
		names = append(names, e.Type+" "+strings.TrimPrefix(e.Path, dir))
	}
	if got := strings.Join(names, ", "); got != "file /a.txt, directory /e, directory /m" {
		t.Errorf("left are %s", got)
	}
}

func TestSearch(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.md": "Milk\nand milk\n", "b.txt": "milk", "d/c.md": "nothing", "d/e/f.md": "MILK", "bin.md": "\x00milk",
	})
	tests := []struct {
		name string
		in   map[string]any
		want string
	}{
		{"name", map[string]any{"glob": "*.md"}, "/a.md /bin.md /d/c.md /d/e/f.md"},
		{"one level", map[string]any{"glob": "d/*"}, "/d/c.md /d/e"},
		{"any levels", map[string]any{"glob": "**/e/*"}, "/d/e/f.md"},
		{"stars for nothing", map[string]any{"glob": "**/a.md"}, "/a.md"},
		{"text", map[string]any{"text": "milk"}, "/a.md:1 /a.md:2 /b.txt:1 /d/e/f.md:1"},
		{"both", map[string]any{"glob": "*.md", "text": "Milk", "path": "d"}, "/d/e/f.md:1"},
		{"limit", map[string]any{"text": "milk", "limit": 2}, "/a.md:1 /a.md:2 …"},
		{"none", map[string]any{"glob": "*.go"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m matches
			a := client.CallTool(t, "search_files", tt.in)
			if err := json.Unmarshal([]byte(a.Text()), &m); err != nil {
				t.Fatalf("%s: %v", a.Raw, err)
			}
			var got []string
			for _, f := range m.Matches {
				at := strings.TrimPrefix(f.Path, dir)
				if f.Line > 0 {
					at += ":" + string(rune('0'+f.Line))
				}
				got = append(got, at)
			}
			if m.More {
				got = append(got, "…")
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
		})
	}
	for _, in := range []map[string]any{{}, {"glob": "["}, {"glob": "*", "path": "/"}} {
		if a := client.CallTool(t, "search_files", in); !a.IsError() {
			t.Errorf("search %v: %s", in, a.Raw)
		}
	}
}

func TestResource(t *testing.T) {
	dir := folder(t, map[string]string{"a b.txt": "text", "bin": "\x00"})
	tests := []struct{ name, uri, want string }{
		{"text", "file://" + dir + "/a%20b.txt", `"text":"text"`},
		{"bytes", "file://" + dir + "/bin", `"blob":"AA=="`},
		{"not there", "file://" + dir + "/none", `Resource not found`},
		{"outside", "file:///etc/passwd", `Resource not found`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := client.Call(t, "resources/read", map[string]any{"uri": tt.uri}); !strings.Contains(string(a.Raw), tt.want) {
				t.Errorf("got %s, want %s", a.Raw, tt.want)
			}
		})
	}
}

func TestNoFolders(t *testing.T) {
	if a := client.CallTool(t, "list_roots", nil); a.Text() != `{"roots":[]}` {
		t.Errorf("roots: %s", a.Raw)
	}
	if a := client.CallTool(t, "read_file", map[string]any{"path": "a"}); !strings.Contains(a.Text(), "--mount") {
		t.Errorf("got %s, want that it names what is missing", a.Raw)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("**/*.md", "a/b.md")
	f.Add("[a-", "a")
	f.Add("**/**/**", "a/b/c/d")
	f.Fuzz(func(t *testing.T, glob, p string) {
		if globMatches(glob, p) && globMatches("**/"+glob, p) == false && strings.Contains(glob, "/") {
			t.Errorf("%q matches %q, but not behind **/", glob, p)
		}
	})
}
