package main

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

type countIn struct {
	Text string `json:"text"`
	Find string `json:"find,omitempty" jsonschema:"also count how often this occurs"`
}

type countOut struct {
	Bytes      int `json:"bytes" jsonschema:"in UTF-8"`
	Characters int `json:"characters" jsonschema:"Unicode code points"`
	Words      int `json:"words" jsonschema:"separated by white space"`
	Lines      int `json:"lines"`
	Found      int `json:"found" jsonschema:"occurrences that do not overlap"`
}

func count(_ context.Context, in countIn) (countOut, error) {
	out := countOut{Bytes: len(in.Text), Characters: utf8.RuneCountInString(in.Text), Words: len(strings.Fields(in.Text)), Lines: len(lines(in.Text))}
	if in.Find != "" {
		out.Found = strings.Count(in.Text, in.Find)
	}
	return out, nil
}

// lines splits a text; a newline at its end ends the last line.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

type matchIn struct {
	Text    string `json:"text"`
	Pattern string `json:"pattern" jsonschema:"regular expression in RE2 syntax, e.g. (?i)(\\w+)@(?P<host>\\w+)"`
	Most    int    `json:"most,omitempty" jsonschema:"return at most so many" minimum:"1" maximum:"1000" default:"100"`
}

type matchOut struct {
	Matches []found `json:"matches"`
	More    bool    `json:"more" jsonschema:"whether there are more matches"`
}

type found struct {
	Text   string            `json:"text"`
	Offset int               `json:"offset" jsonschema:"in characters"`
	Groups map[string]string `json:"groups,omitempty" jsonschema:"by number and by name; groups that took no part are missing"`
}

func compile(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

func match(_ context.Context, in matchIn) (matchOut, error) {
	re, err := compile(in.Pattern)
	if err != nil {
		return matchOut{}, err
	}
	most := in.Most
	if most == 0 {
		most = 100
	}
	all := re.FindAllStringSubmatchIndex(in.Text, most+1)
	out := matchOut{Matches: []found{}, More: len(all) > most}
	characters, at := 0, 0
	for _, m := range all[:min(len(all), most)] {
		characters += utf8.RuneCountInString(in.Text[at:m[0]])
		at = m[0]
		out.Matches = append(out.Matches, found{Text: in.Text[m[0]:m[1]], Offset: characters, Groups: groups(re, in.Text, m)})
	}
	return out, nil
}

func groups(re *regexp.Regexp, text string, m []int) map[string]string {
	if len(m) == 2 {
		return nil
	}
	out := map[string]string{}
	for i, name := range re.SubexpNames()[1:] {
		from, to := m[2*i+2], m[2*i+3]
		if from < 0 {
			continue
		}
		out[fmt.Sprint(i+1)] = text[from:to]
		if name != "" {
			out[name] = text[from:to]
		}
	}
	return out
}

type textOut struct {
	Text string `json:"text"`
}

type replaceIn struct {
	Text    string `json:"text"`
	Pattern string `json:"pattern" jsonschema:"regular expression in RE2 syntax"`
	With    string `json:"with" jsonschema:"the replacement; $$ is a dollar sign"`
}

// maxText is the largest text that a tool makes, in bytes.
const maxText = 4 << 20

func replace(_ context.Context, in replaceIn) (textOut, error) {
	re, err := compile(in.Pattern)
	if err != nil {
		return textOut{}, err
	}
	var b []byte
	at := 0
	for _, m := range re.FindAllStringSubmatchIndex(in.Text, -1) {
		b = re.ExpandString(append(b, in.Text[at:m[0]]...), in.With, in.Text, m)
		at = m[1]
		if len(b) > maxText {
			return textOut{}, fmt.Errorf("the result is larger than %d bytes: replace less at a time", maxText)
		}
	}
	return textOut{string(append(b, in.Text[at:]...))}, nil
}

type encodeIn struct {
	Text   string `json:"text"`
	Form   string `json:"form" enum:"base64,base64url,hex,percent"`
	Decode bool   `json:"decode,omitempty" jsonschema:"read instead of write"`
}

func encode(_ context.Context, in encodeIn) (textOut, error) {
	if in.Decode {
		return decode(in)
	}
	b := []byte(in.Text)
	switch in.Form {
	case "base64":
		return textOut{base64.StdEncoding.EncodeToString(b)}, nil
	case "base64url":
		return textOut{base64.RawURLEncoding.EncodeToString(b)}, nil
	case "hex":
		return textOut{hex.EncodeToString(b)}, nil
	}
	return textOut{url.QueryEscape(in.Text)}, nil
}

func decode(in encodeIn) (textOut, error) {
	var b []byte
	var err error
	switch in.Form {
	case "base64":
		b, err = base64.StdEncoding.DecodeString(in.Text)
	case "base64url":
		b, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(in.Text, "="))
	case "hex":
		b, err = hex.DecodeString(in.Text)
	default:
		var s string
		s, err = url.QueryUnescape(in.Text)
		b = []byte(s)
	}
	if err != nil {
		return textOut{}, fmt.Errorf("text: no %s: %w", in.Form, err)
	}
	if !utf8.Valid(b) {
		return textOut{}, fmt.Errorf("text: holds %d bytes that are no UTF-8 text", len(b))
	}
	return textOut{string(b)}, nil
}

type hashIn struct {
	Text      string `json:"text"`
	Algorithm string `json:"algorithm,omitempty" enum:"sha256,sha512,sha1,md5" default:"sha256"`
}

func hash(_ context.Context, in hashIn) (textOut, error) {
	b := []byte(in.Text)
	switch in.Algorithm {
	case "md5": // for comparing with what others published, not for security
		return textOut{fmt.Sprintf("%x", md5.Sum(b))}, nil
	case "sha1":
		return textOut{fmt.Sprintf("%x", sha1.Sum(b))}, nil
	case "sha512":
		return textOut{fmt.Sprintf("%x", sha512.Sum512(b))}, nil
	}
	return textOut{fmt.Sprintf("%x", sha256.Sum256(b))}, nil
}
