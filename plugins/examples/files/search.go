package main

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

type searchIn struct {
	Path  string `json:"path,omitempty" jsonschema:"the directory to search; all folders if it is not given"`
	Glob  string `json:"glob,omitempty" jsonschema:"a pattern for the path below that directory: * and ? within a name, ** for any directories; without a slash, for the name alone"`
	Text  string `json:"text,omitempty" jsonschema:"a text that a line must contain, whatever its case"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many matches at most" minimum:"1" maximum:"1000" default:"100"`
}

type found struct {
	Path string `json:"path"`
	Line int    `json:"line,omitempty" jsonschema:"of a text, from 1"`
	Text string `json:"text,omitempty" jsonschema:"the line, cut if it is long"`
}

type matches struct {
	Matches []found `json:"matches"`
	More    bool    `json:"more" jsonschema:"whether there are others"`
}

// searcher walks over directories and collects what matches.
type searcher struct {
	in  searchIn
	out matches
}

func search(ctx context.Context, in searchIn) (matches, error) {
	if in.Glob == "" && in.Text == "" {
		return matches{}, errors.New("what to search for? Give glob, text or both")
	}
	if _, err := path.Match(in.Glob, ""); err != nil {
		return matches{}, errors.New("glob is malformed: a [ without a ]")
	}
	if in.Limit == 0 {
		in.Limit = 100
	}
	in.Text = strings.ToLower(in.Text)
	dirs := roots()
	if in.Path != "" || len(dirs) == 0 {
		p, err := resolve(in.Path)
		if err != nil {
			return matches{}, err
		}
		dirs = []string{p}
	}
	s := searcher{in: in, out: matches{Matches: []found{}}}
	for _, dir := range dirs {
		if err := s.walk(ctx, dir); err != nil {
			return matches{}, err
		}
	}
	return s.out, nil
}

func (s *searcher) walk(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		p = filepath.ToSlash(p)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case s.out.More:
			return fs.SkipAll
		case err != nil && p == dir:
			return err
		case err != nil, p == dir:
			return nil // what cannot be read is not found
		}
		below := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
		if s.in.Glob != "" && !globMatches(s.in.Glob, below) {
			return nil
		}
		if s.in.Text == "" {
			s.add(found{Path: p})
		} else if d.Type().IsRegular() {
			s.inFile(ctx, p)
		}
		return nil
	})
}

func (s *searcher) add(f found) {
	if len(s.out.Matches) == s.in.Limit {
		s.out.More = true
		return
	}
	s.out.Matches = append(s.out.Matches, f)
}

// inFile adds the lines of a file that have the text, up to the first that is
// none of a text file.
func (s *searcher) inFile(ctx context.Context, p string) {
	f, err := os.Open(p)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewReader(f)
	for n := 1; !s.out.More; n++ {
		line, err := nextLine(ctx, lines)
		if err != nil {
			return
		}
		if strings.Contains(strings.ToLower(line), s.in.Text) {
			s.add(found{p, n, cut(strings.TrimRight(line, "\r\n"), 200)})
		}
	}
}

// cut shortens a text to at most n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// globMatches matches a path by a pattern of path.Match, in which ** stands for
// any number of directories. A pattern without a slash is for the last name.
func globMatches(glob, p string) bool {
	if !strings.Contains(glob, "/") && glob != "**" {
		p = path.Base(p)
	}
	return partsMatch(strings.Split(glob, "/"), strings.Split(p, "/"))
}

// partsMatch keeps the set of places in the pattern that the path so far may have
// come to, so that the time is bounded by the product of the two lengths.
func partsMatch(glob, p []string) bool {
	at := skipStars(glob, map[int]bool{0: true})
	for _, name := range p {
		next := map[int]bool{}
		for i := range at {
			switch {
			case i == len(glob):
			case glob[i] == "**":
				next[i] = true
			default:
				if ok, err := path.Match(glob[i], name); ok && err == nil {
					next[i+1] = true
				}
			}
		}
		at = skipStars(glob, next)
	}
	return at[len(glob)]
}

// skipStars adds the places behind each ** that stands for nothing.
func skipStars(glob []string, at map[int]bool) map[int]bool {
	for i := range glob {
		if at[i] && glob[i] == "**" {
			at[i+1] = true
		}
	}
	return at
}
