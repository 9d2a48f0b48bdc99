// Package config reads mcpwasm.yaml, the file that names the servers that
// mcpwasm serves, and that says which packages are trusted and how registries are
// reached.
//
// The file is read strictly: an unknown key, a key that stands twice, an anchor
// or a value of the wrong type is an error with the file, line and column and,
// where there is one, the name that was meant. All problems are reported at
// once. [Schema] describes the file for editors. Grants are checked as far as
// that can be done without looking at the host.
package config

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/yamlfile"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry"
	"github.com/mcpwasm/mcpwasm/registry/oci"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// DefaultName is the name of the file that is read when none is named; [Find]
// says in which folder.
const DefaultName = "mcpwasm.yaml"

// maxBytes bounds the file; a configuration is written by people.
const maxBytes = 1 << 20

// Schema returns the file's JSON Schema (2020-12).
func Schema() json.RawMessage { return []byte(schema) }

//go:embed mcpwasm.schema.json
var schema string

// Problem is one thing that is wrong with a file.
type Problem = yamlfile.Problem

// Errors are all problems of a file, in the order of its lines.
type Errors = yamlfile.Errors

// File is a configuration that was read and holds.
type File struct {
	// Path is the file's, as it was given.
	Path string
	// Policy is the file of the policy that decides calls and effects, already joined
	// to the file's folder; "" for the shipped one.
	Policy string
	// Servers are in ascending order of their names.
	Servers []Server
	// Registries are how registries are reached, by their names; the files in
	// them are already joined to the file's folder.
	Registries map[string]oci.Registry
	// CacheBytes is where the cache drops what was least recently used, 0 for the
	// default.
	CacheBytes int64

	trust     trustEntry // checked, its paths as they stand in the file
	positions map[string]yamlfile.Position
}

// Server is one entry under servers.
type Server struct {
	Name string
	// Source is what to run: the path of a .wasm file or a layout folder, relative
	// ones already joined to the file's folder, or a package's reference as it
	// stands in the file.
	Source string
	// Package is set where Source is a reference.
	Package bool
	// Manifest is the path of what its package asks for, "" for none.
	Manifest string
	Args     []string
	Env      []string // "KEY=value", in ascending order
	Lifetime runtime.Lifetime
	Limits   runtime.Limits
	HTTP     HTTP
	// Grants are checked ([plugins.Grants.Validate]); relative folders and
	// files in them are already joined to the file's folder.
	Grants plugins.Grants
	// Clock is the precision of the guest's clocks, 0 for a millisecond.
	Clock time.Duration
	// Labels and Tags are for policies. Tags are by the tool's name, in ascending order.
	Labels Labels
	Tags   map[string][]string
}

// document is the file as it is written. The tags are its keys; the schema has
// the same.
type document struct {
	Servers    map[string]serverEntry   `yaml:"servers"`
	Registries map[string]registryEntry `yaml:"registries"`
	Trust      trustEntry               `yaml:"trust"`
	Cache      cacheEntry               `yaml:"cache"`
	Policy     string                   `yaml:"policy"`
}

type serverEntry struct {
	Source   string            `yaml:"source"`
	Manifest string            `yaml:"manifest"`
	Args     []string          `yaml:"args"`
	Env      map[string]string `yaml:"env"`
	Lifetime lifetime          `yaml:"lifetime"`
	Limits   limits            `yaml:"limits"`
	Grants   grants            `yaml:"grants"`
	Labels   labels            `yaml:"labels"`
	Tags     map[string]words  `yaml:"tags"`
}

type limits struct {
	Memory        Size     `yaml:"memory"`
	Deadline      Duration `yaml:"deadline"`
	StartDeadline Duration `yaml:"startDeadline"`
	Compile       Duration `yaml:"compile"`
	Message       Size     `yaml:"message"`
	Answer        Size     `yaml:"answer"`
	Notifications Size     `yaml:"notifications"`
	Stderr        Size     `yaml:"stderr"`
	Concurrency   count    `yaml:"concurrency"`
	Queue         count    `yaml:"queue"`
	Sessions      count    `yaml:"sessions"`
	CancelGrace   Duration `yaml:"cancelGrace"`
	Park          Duration `yaml:"park"`
	HTTPTimeout   Duration `yaml:"httpTimeout"`
	HTTPRequest   Size     `yaml:"httpRequest"`
	HTTPResponse  Size     `yaml:"httpResponse"`
}

func (l limits) runtime() runtime.Limits {
	return runtime.Limits{
		MemoryBytes:   uint64(l.Memory),
		Deadline:      l.Deadline.Duration(),
		StartDeadline: l.StartDeadline.Duration(),
		Compile:       l.Compile.Duration(),
		MessageBytes:  int(l.Message),
		AnswerBytes:   int(l.Answer),
		NotifyBytes:   int(l.Notifications),
		StderrBytes:   int(l.Stderr),
		Concurrency:   int(l.Concurrency),
		Queue:         int(l.Queue),
		Sessions:      int(l.Sessions),
		CancelGrace:   l.CancelGrace.Duration(),
		Park:          l.Park.Duration(),
	}
}

func (l limits) http() HTTP {
	return HTTP{
		Timeout:       l.HTTPTimeout.Duration(),
		RequestBytes:  int64(l.HTTPRequest),
		ResponseBytes: int64(l.HTTPResponse),
	}
}

// Load reads a file. Variables are taken from lookup, usually [os.LookupEnv].
// The error is an [Errors] where the file's content is at fault.
func Load(path string, lookup func(string) (string, bool)) (*File, error) {
	data, err := ReadFile(path, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration %q: %w", path, err)
	}
	return Parse(path, data, lookup)
}

// missingError says for people what os.ErrNotExist is.
type missingError struct{}

func (missingError) Error() string { return "there is no such file" }
func (missingError) Unwrap() error { return os.ErrNotExist }

// ReadFile returns the content of a regular file of at most limit bytes. Its errors
// do not repeat the path; one of a file that is not there wraps [os.ErrNotExist].
func ReadFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, missingError{}
	case err == nil && !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case err == nil && info.Size() > limit:
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	var data []byte
	if err == nil {
		data, err = readBounded(path, limit)
	}
	if e, ok := errors.AsType[*os.PathError](err); ok {
		err = e.Err
	}
	return data, err
}

// readBounded reads no more than one byte beyond the limit, whatever the file has
// become since its size was asked for.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, err
}

// Parse reads the content of the file at path, which only names it and is what
// relative sources and folders are relative to.
func Parse(path string, data []byte, lookup func(string) (string, bool)) (*File, error) {
	d := decoder{Decoder: yamlfile.New(path), lookup: lookup}
	var doc document
	if len(data) > maxBytes {
		d.Problem(yamlfile.Position{}, "", "larger than %d bytes", maxBytes)
	} else {
		d.decode(data, &doc)
	}
	f := &File{Path: path, positions: d.Positions}
	if len(d.Problems) >= yamlfile.MaxProblems {
		doc = document{} // not all was read, and what is missing would be reported
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Servers)) {
		f.Servers = append(f.Servers, d.server(name, doc.Servers[name]))
	}
	f.Registries = d.registries(doc.Registries)
	f.CacheBytes = int64(doc.Cache.Size)
	f.trust = d.trust(doc.Trust)
	f.Policy = d.policy(doc.Policy)
	if len(d.Problems) > 0 {
		d.Sort()
		return nil, d.Problems
	}
	return f, nil
}

// policy resolves the path of the policy's file.
func (d *decoder) policy(text string) string {
	if !d.Given("policy") {
		return ""
	}
	path := d.plain("policy", text)
	if path == "" && !d.HasProblem("policy") {
		d.At("policy", "the file is missing: name one, or leave this out for the shipped policy")
		return ""
	}
	return d.besideFile(path)
}

// Has reports whether a server of the file has a name.
func (f *File) Has(name string) bool {
	return slices.ContainsFunc(f.Servers, func(s Server) bool { return s.Name == name })
}

// At returns a problem with a part of the file that was found later, with its
// position: At("servers.hello.source", err).
func (f *File) At(path string, err error) Problem {
	pos := f.positions[path]
	return Problem{File: f.Path, Line: pos.Line, Column: pos.Column, Path: path, Message: err.Error()}
}

// decoder reads a configuration and replaces variables in it.
type decoder struct {
	*yamlfile.Decoder
	lookup func(string) (string, bool)
}

const empty = "the file is empty: it needs servers, or trust for packages"

func (d *decoder) decode(data []byte, doc *document) {
	d.Decode(data, doc, empty)
	if len(d.Problems) == 0 {
		d.checkEmpty(doc)
	}
}

// checkEmpty refuses a file that says nothing, and servers without any: both
// would be mistakes.
func (d *decoder) checkEmpty(doc *document) {
	if d.Given("servers") && len(doc.Servers) == 0 {
		d.At("servers", "there are no servers: add one")
	} else if len(d.Positions) == 1 { // that of the file itself
		d.Problem(yamlfile.Position{}, "", empty)
	}
}

var formName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

var formEnvName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// server checks an entry and resolves its variables and paths.
func (d *decoder) server(name string, e serverEntry) Server {
	path := "servers." + name
	if !formName.MatchString(name) {
		d.At(path, "a server's name has 1 to 32 lower-case letters, digits and dashes and starts with a letter")
	}
	s := Server{
		Name: name, Lifetime: runtime.Lifetime(e.Lifetime), Limits: e.Limits.runtime(), HTTP: e.Limits.http(),
		Clock: e.Grants.Clock.Duration(),
	}
	s.Source = d.plain(path+".source", e.Source)
	source, err := registry.ParseSource(s.Source)
	s.Package = source.Kind == registry.SourceReference
	switch {
	case s.Source == "" && !d.HasProblem(path) && !d.HasProblem(path+".source"):
		d.At(path, "source is missing: name the .wasm file, or a package: ghcr.io/someone/server:1.0.0")
	case err != nil && strings.Contains(s.Source, "://"):
		d.At(path+".source", "%v", err)
	case !s.Package:
		s.Source = d.besideFile(s.Source)
	}
	for i, a := range e.Args {
		s.Args = append(s.Args, d.plain(fmt.Sprintf("%s.args[%d]", path, i), a))
	}
	for _, key := range slices.Sorted(maps.Keys(e.Env)) {
		at := path + ".env." + key
		if !formEnvName.MatchString(key) {
			d.At(at, "the name of a variable has letters, digits and _ and does not start with a digit")
		}
		s.Env = append(s.Env, key+"="+d.expand(at, e.Env[key]))
	}
	if s.Manifest = d.plain(path+".manifest", e.Manifest); s.Manifest != "" {
		s.Manifest = d.besideFile(s.Manifest)
	}
	s.Grants = d.grants(path, e.Grants, s.Env)
	s.Labels = d.labels(path, e.Labels, s.Grants)
	s.Tags = d.tags(path+".tags", e.Tags)
	return s
}
