package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkForeign checks what an entry has of a server that is no package of ours.
func (e *Entry) checkForeign() error {
	if e.Container != nil {
		if err := e.Container.check(); err != nil {
			return fmt.Errorf("container: %w", err)
		}
	}
	if len(e.Remotes) > maxHints {
		return tooMany("remotes", len(e.Remotes), maxHints)
	}
	for i := range e.Remotes {
		if err := e.Remotes[i].check(); err != nil {
			return fmt.Errorf("remotes[%d]: %w", i, err)
		}
	}
	if len(e.Others) > maxHints {
		return tooMany("others", len(e.Others), maxHints)
	}
	for i, o := range e.Others {
		at := fmt.Sprintf("others[%d]", i)
		if !formType.MatchString(o.Type) {
			return fmt.Errorf("%s.type: %q: want a kind of package such as npm", at, o.Type)
		}
		if err := firstError(needed(at+".identifier", o.Identifier), text(at+".identifier", o.Identifier, maxURL),
			text(at+".version", o.Version, maxVersion)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Container) check() error {
	if c.Image == "" && c.Type != "poci" {
		return fmt.Errorf("image: missing")
	}
	if err := firstError(text("image", c.Image, maxURL), text("type", c.Type, maxTag), text("user", c.User, maxText),
		text("prefix", c.Prefix, maxTag), arguments("command", c.Command), arguments("volumes", c.Volumes),
		arguments("allowHosts", c.AllowHosts), arguments("extraHosts", c.ExtraHosts), variables("env", c.Env)); err != nil {
		return err
	}
	if len(c.Secrets) > maxList {
		return tooMany("secrets", len(c.Secrets), maxList)
	}
	for i, s := range c.Secrets {
		at := fmt.Sprintf("secrets[%d]", i)
		if err := firstError(needed(at+".name", s.Name), needed(at+".env", s.Env), text(at+".name", s.Name, maxName), text(at+".env", s.Env, maxName),
			text(at+".example", s.Example, maxText), text(at+".description", s.Description, maxText)); err != nil {
			return err
		}
	}
	if c.Transport != nil {
		if err := c.Transport.check(); err != nil {
			return fmt.Errorf("transport: %w", err)
		}
	}
	return firstError(list("config", c.Config), list("tools", c.Tools), object("oauth", c.OAuth),
		list("runtimeArguments", c.RuntimeArguments), list("packageArguments", c.PackageArguments))
}

func (r *Remote) check() error {
	if r.Transport != "streamable-http" && r.Transport != "sse" {
		return fmt.Errorf("transport: %q: want streamable-http or sse", r.Transport)
	}
	return firstError(needed("url", r.URL), text("url", r.URL, maxURL), variables("headers", r.Headers),
		object("variables", r.Variables), object("oauth", r.OAuth))
}

// arguments checks texts that a program gets: they may have line ends and may be
// empty, and have no NUL.
func arguments(field string, list []string) error {
	if len(list) > maxList {
		return tooMany(field, len(list), maxList)
	}
	for i, s := range list {
		if err := argument(fmt.Sprintf("%s[%d]", field, i), s); err != nil {
			return err
		}
	}
	return nil
}

func argument(field, s string) error {
	switch {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return fmt.Errorf("%s: has a NUL character or is not valid UTF-8", field)
	case utf8.RuneCountInString(s) > maxText:
		return fmt.Errorf("%s: longer than %d characters", field, maxText)
	}
	return nil
}

func variables(field string, list []Variable) error {
	if len(list) > maxList {
		return tooMany(field, len(list), maxList)
	}
	for i, v := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := firstError(needed(at+".name", v.Name), text(at+".name", v.Name, maxName), argument(at+".value", v.Value),
			argument(at+".default", v.Default), text(at+".description", v.Description, maxText),
			arguments(at+".choices", v.Choices), object(at+".variables", v.Variables)); err != nil {
			return err
		}
	}
	return nil
}

func needed(field, s string) error {
	if s == "" {
		return fmt.Errorf("%s: missing", field)
	}
	return nil
}

func list(field string, raw json.RawMessage) error {
	if len(raw) > 0 && raw[0] != '[' {
		return fmt.Errorf("%s: want a list", field)
	}
	return nil
}

func object(field string, raw json.RawMessage) error {
	if len(raw) > 0 && raw[0] != '{' {
		return fmt.Errorf("%s: want an object", field)
	}
	return nil
}

// tidy makes one line of a foreign text for people, of at most limit characters:
// control characters become spaces, and what is too long is cut.
func tidy(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > limit {
		return strings.TrimRight(string(r[:limit-1]), " ") + "…"
	}
	return string(r)
}

// tidyTags leaves out what is no tag.
func tidyTags(tags ...string) []string {
	var kept []string
	for _, t := range tags {
		if t = tidy(t, maxTag); t != "" && len(kept) < maxTags {
			kept = append(kept, t)
		}
	}
	return kept
}

// tidyLink returns a URL that can be shown, or "".
func tidyLink(s string) string {
	if link("homepage", s) != nil {
		return ""
	}
	return s
}
