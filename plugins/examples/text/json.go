package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

type formatIn struct {
	JSON   string `json:"json"`
	Indent *int   `json:"indent" jsonschema:"spaces for each level; 0 removes white space" minimum:"0" maximum:"8" default:"2"`
}

// checkJSON says where a text stops being JSON.
func checkJSON(name, text string) error {
	var v json.RawMessage
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return nil
	}
	var e *json.SyntaxError
	if errors.As(err, &e) {
		before := text[:min(max(int(e.Offset)-1, 0), len(text))]
		line := strings.Count(before, "\n") + 1
		column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
		return fmt.Errorf("%s: line %d, column %d: %w", name, line, column, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func formatJSON(_ context.Context, in formatIn) (textOut, error) {
	if err := checkJSON("json", in.JSON); err != nil {
		return textOut{}, err
	}
	spaces := 2
	if in.Indent != nil {
		spaces = *in.Indent
	}
	var b bytes.Buffer
	var err error
	if spaces == 0 {
		err = json.Compact(&b, []byte(in.JSON))
	} else {
		err = json.Indent(&b, []byte(strings.TrimSpace(in.JSON)), "", strings.Repeat(" ", spaces))
	}
	if err != nil {
		return textOut{}, err
	}
	if b.Len() > maxText {
		return textOut{}, fmt.Errorf("the result is larger than %d bytes: indent less", maxText)
	}
	return textOut{b.String()}, nil
}

type queryIn struct {
	JSON    string `json:"json"`
	Pointer string `json:"pointer" jsonschema:"RFC 6901, e.g. /users/0/name; empty for the whole"`
}

type queryOut struct {
	Value json.RawMessage `json:"value"`
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func queryJSON(_ context.Context, in queryIn) (queryOut, error) {
	if err := checkJSON("json", in.JSON); err != nil {
		return queryOut{}, err
	}
	if in.Pointer != "" && in.Pointer[0] != '/' {
		return queryOut{}, fmt.Errorf("pointer: %q: begin with a slash, such as /%s", in.Pointer, in.Pointer)
	}
	value := json.RawMessage(strings.TrimSpace(in.JSON))
	place := ""
	for _, token := range strings.Split(in.Pointer, "/")[1:] {
		next, err := step(value, unescape.Replace(token))
		if err != nil {
			return queryOut{}, fmt.Errorf("pointer: at %q: %w", place, err)
		}
		value, place = next, place+"/"+token
	}
	return queryOut{value}, nil
}

func step(v json.RawMessage, token string) (json.RawMessage, error) {
	switch v[0] {
	case '{':
		var o map[string]json.RawMessage
		if err := json.Unmarshal(v, &o); err != nil {
			return nil, err
		}
		if next, ok := o[token]; ok {
			return next, nil
		}
		return nil, fmt.Errorf("the object has no member %q", token)
	case '[':
		var a []json.RawMessage
		if err := json.Unmarshal(v, &a); err != nil {
			return nil, err
		}
		i, err := strconv.Atoi(token)
		if err != nil || strconv.Itoa(i) != token || i < 0 || i >= len(a) {
			return nil, fmt.Errorf("the array of %d elements has no element %q", len(a), token)
		}
		return a[i], nil
	}
	return nil, fmt.Errorf("%.40s is neither an object nor an array", v)
}

type mergeIn struct {
	JSON  string `json:"json"`
	Patch string `json:"patch" jsonschema:"RFC 7396: members to set; null removes one"`
}

func mergeJSON(_ context.Context, in mergeIn) (queryOut, error) {
	if err := checkJSON("json", in.JSON); err != nil {
		return queryOut{}, err
	}
	if err := checkJSON("patch", in.Patch); err != nil {
		return queryOut{}, err
	}
	v, err := merge(json.RawMessage(strings.TrimSpace(in.JSON)), json.RawMessage(strings.TrimSpace(in.Patch)))
	return queryOut{v}, err
}

// merge applies a merge patch. Values that it does not touch keep their bytes.
func merge(target, patch json.RawMessage) (json.RawMessage, error) {
	if patch[0] != '{' {
		return patch, nil
	}
	var changes map[string]json.RawMessage
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	o := map[string]json.RawMessage{}
	if len(target) > 0 && target[0] == '{' {
		if err := json.Unmarshal(target, &o); err != nil {
			return nil, err
		}
	}
	for name, change := range changes {
		if string(change) == "null" {
			delete(o, name)
			continue
		}
		v, err := merge(o[name], change)
		if err != nil {
			return nil, err
		}
		o[name] = v
	}
	return json.Marshal(o)
}
