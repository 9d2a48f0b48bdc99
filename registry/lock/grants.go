package lock

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// NewGrants writes grants in the forms of the lock file. env are the variables,
// "KEY=value" or "KEY" alone. Folders and files are written absolute, or relative
// to dir, the lock file's folder, where they are in it: so a lock file that is kept with
// what it is about is the same wherever that is. Relative ones are relative to the working
// directory.
func NewGrants(g plugins.Grants, env []string, clock time.Duration, dir string) (Grants, error) {
	out := Grants{Env: slices.Sorted(slices.Values(env))}
	for _, h := range g.HTTP {
		out.HTTP = append(out.HTTP, h.String())
	}
	for _, m := range g.Mounts {
		source, err := shorten(m.Source, dir)
		if err != nil {
			return Grants{}, err
		}
		m.Source = source
		out.Mounts = append(out.Mounts, m.String())
	}
	slices.Sort(out.HTTP)
	slices.Sort(out.Mounts)
	if g.KV != nil {
		out.KV = g.KV.String()
	}
	for _, s := range g.Secrets {
		if s.Provider == "file" {
			ref, err := shorten(s.Ref, dir)
			if err != nil {
				return Grants{}, err
			}
			s.Ref = ref
		}
		if out.Secrets == nil {
			out.Secrets = map[string]string{}
		}
		out.Secrets[s.Name] = strings.TrimPrefix(s.String(), s.Name+"=")
	}
	for tool, access := range g.Tools {
		if out.Tools == nil {
			out.Tools = map[string]string{}
		}
		out.Tools[tool] = string(access)
	}
	if clock != 0 {
		out.Clock = clock.String()
	}
	return out, nil
}

// shorten returns a path relative to dir, with slashes, where it is in dir, else
// absolute.
func shorten(path, dir string) (string, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil && !utf8.ValidString(abs) {
		err = errors.New("its name is not valid UTF-8, which a lock file has to be")
	}
	if err != nil {
		return "", fmt.Errorf("the folder or file %q: %w", path, err)
	}
	if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel), nil
	}
	return abs, nil
}

// Parse reads the grants; relative paths are taken as relative to dir. It is
// the reverse of [NewGrants].
func (g Grants) Parse(dir string) (grants plugins.Grants, clock time.Duration, err error) {
	grants, clock, err = g.parse()
	if err != nil {
		return plugins.Grants{}, 0, err
	}
	for i, m := range grants.Mounts {
		grants.Mounts[i].Source = lengthen(m.Source, dir)
	}
	for i, s := range grants.Secrets {
		if s.Provider == "file" {
			grants.Secrets[i].Ref = lengthen(s.Ref, dir)
		}
	}
	return grants, clock, nil
}

func lengthen(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// parse reads the texts, and refuses one that is not in its one form.
func (g Grants) parse() (out plugins.Grants, clock time.Duration, err error) {
	var errs []error
	note := func(path, text string, form fmt.Stringer, err error) {
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		case form.String() != text:
			errs = append(errs, fmt.Errorf("%s: is not in its one form", path))
		}
	}
	for i, text := range g.HTTP {
		h, err := plugins.ParseHTTPGrant(text)
		note(fmt.Sprintf("http[%d]", i), text, h, err)
		out.HTTP = append(out.HTTP, h)
	}
	for i, text := range g.Mounts {
		m, err := plugins.ParseMountGrant(text)
		note(fmt.Sprintf("mounts[%d]", i), text, m, err)
		out.Mounts = append(out.Mounts, m)
	}
	if g.KV != "" {
		kv, err := plugins.ParseKVGrant(g.KV)
		note("kv", g.KV, kv, err)
		out.KV = &kv
	}
	for _, name := range slices.Sorted(maps.Keys(g.Secrets)) {
		s, err := plugins.ParseSecretSource(name, g.Secrets[name])
		note("secrets."+name, name+"="+g.Secrets[name], s, err)
		out.Secrets = append(out.Secrets, s)
	}
	for _, tool := range slices.Sorted(maps.Keys(g.Tools)) {
		access, err := plugins.ParseAccess(g.Tools[tool])
		if err != nil {
			errs = append(errs, fmt.Errorf("tools.%s: %w", tool, err))
		}
		if out.Tools == nil {
			out.Tools = map[string]plugins.Access{}
		}
		out.Tools[tool] = access
	}
	if g.Clock != "" {
		clock, err = time.ParseDuration(g.Clock)
		note("clock", g.Clock, clock, err)
	}
	if len(errs) == 0 {
		errs = append(errs, out.Validate(g.Env))
	}
	return out, clock, errors.Join(errs...)
}

// MissingEnv are the variables whose values stand in the configuration file only.
func (g Grants) MissingEnv() []string {
	return slices.DeleteFunc(slices.Clone(g.Env), func(kv string) bool { return strings.Contains(kv, "=") })
}
