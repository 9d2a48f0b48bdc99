package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// grants are what a server is given, each in the form of its flag.
type grants struct {
	HTTP    []string          `yaml:"http"`
	Mounts  []string          `yaml:"mounts"`
	KV      string            `yaml:"kv"`
	Secrets map[string]string `yaml:"secrets"`
	Tools   map[string]string `yaml:"tools"`
	Clock   Precision         `yaml:"clock"`
}

// HTTP bounds a server's requests. Zero is the default.
type HTTP struct {
	// Timeout is for one request, up to the end of its response.
	Timeout time.Duration
	// RequestBytes and ResponseBytes bound the bodies.
	RequestBytes, ResponseBytes int64
}

// grants reads a server's grants and reports everything that is wrong with them.
// path is the server's entry, env its environment. What depends on a part that
// cannot be read is not checked: its problems would be made up.
func (d *decoder) grants(path string, e grants, env []string) plugins.Grants {
	at := path + ".grants"
	g := plugins.Grants{}
	var http, mounts, kv, secrets, tools bool
	g.HTTP, http = readList(d, at+".http", e.HTTP, plugins.ParseHTTPGrant)
	g.Mounts, mounts = readList(d, at+".mounts", e.Mounts, plugins.ParseMountGrant)
	for i, m := range g.Mounts {
		g.Mounts[i].Source = d.besideFile(m.Source)
	}
	g.KV, kv = d.kv(at+".kv", e.KV)
	g.Secrets, secrets = d.secrets(at+".secrets", e.Secrets)
	g.Tools, tools = d.tools(at+".tools", e.Tools)
	checked := g
	whole := !d.HasProblem(path) && !d.HasProblem(at) // no key was mistyped
	if !whole || !mounts || !kv || !tools {
		checked.Tools = nil
	}
	if !whole || !http {
		checked.Secrets = nil
	}
	if checked.Secrets == nil && len(e.Secrets) > 0 || !whole || !secrets {
		env = nil
	}
	var problems plugins.GrantProblems
	if errors.As(checked.Validate(env), &problems) {
		for _, p := range problems {
			d.At(path+"."+p.Path, "%v", p.Err)
		}
	}
	return g
}

// besideFile joins a relative path to the file's folder.
func (d *decoder) besideFile(path string) string { return beside(d.File, path) }

// beside joins a relative path to the folder of a file.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
}

// readText gives the text at a path to a parser, and reports its error; what was
// no text has been reported.
func readText[T any](d *decoder, path, text string, parse func(string) (T, error)) (T, bool) {
	var zero T
	if d.HasProblem(path) {
		return zero, false
	}
	n := len(d.Problems)
	text = d.plain(path, text)
	if len(d.Problems) > n {
		return zero, false
	}
	v, err := parse(text)
	if err != nil {
		d.At(path, "%v", err)
		return zero, false
	}
	return v, true
}

// readList is readText for a list. ok says that all could be read; otherwise the
// list is nil, since places in a part of it would be other ones.
func readList[T any](d *decoder, path string, texts []string, parse func(string) (T, error)) (list []T, ok bool) {
	ok = !d.HasProblemIn(path)
	for i, text := range texts {
		v, good := readText(d, fmt.Sprintf("%s[%d]", path, i), text, parse)
		list, ok = append(list, v), ok && good
	}
	if !ok {
		return nil, false
	}
	return list, true
}

func (d *decoder) kv(path, text string) (*plugins.KVGrant, bool) {
	if !d.Given(path) {
		return nil, true
	}
	if d.HasProblemIn(path) {
		return nil, false
	}
	g, ok := readText(d, path, text, plugins.ParseKVGrant)
	if !ok {
		return nil, false
	}
	return &g, true
}

func (d *decoder) secrets(path string, entries map[string]string) (list []plugins.SecretGrant, ok bool) {
	ok = !d.HasProblemIn(path)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		g, good := readText(d, path+"."+name, entries[name], func(text string) (plugins.SecretGrant, error) {
			return plugins.ParseSecretSource(name, text)
		})
		if g.Provider == "file" {
			g.Ref = d.besideFile(g.Ref)
		}
		list, ok = append(list, g), ok && good
	}
	if !ok {
		return nil, false
	}
	return list, true
}

func (d *decoder) tools(path string, entries map[string]string) (tools map[string]plugins.Access, ok bool) {
	ok = !d.HasProblemIn(path)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		access, good := readText(d, path+"."+name, entries[name], plugins.ParseAccess)
		if tools == nil {
			tools = map[string]plugins.Access{}
		}
		tools[name], ok = access, ok && good
	}
	return tools, ok
}
