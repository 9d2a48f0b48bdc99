package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
	"github.com/mcpwasm/mcpwasm/plugins/pdk/kv"
)

type addIn struct {
	Title string   `json:"title" jsonschema:"a line that says what it is about" minLength:"1" maxLength:"200"`
	Text  string   `json:"text" jsonschema:"the note, in Markdown" maxLength:"100000"`
	Tags  []string `json:"tags,omitempty" jsonschema:"words to find it by" maxItems:"20"`
}

func add(ctx context.Context, in addIn) (*Note, error) {
	n := &Note{Title: in.Title, Text: in.Text, Tags: in.Tags}
	return n, create(ctx, n)
}

type idIn struct {
	ID string `json:"id" jsonschema:"the note's id" minLength:"1" maxLength:"40"`
}

func get(ctx context.Context, in idIn) (*Note, error) { return load(ctx, in.ID) }

type editIn struct {
	ID      string    `json:"id" jsonschema:"the note's id" minLength:"1" maxLength:"40"`
	Version string    `json:"version" jsonschema:"the version that the change was made from, as get_note returned it" minLength:"1"`
	Title   *string   `json:"title,omitempty" jsonschema:"the new title" minLength:"1" maxLength:"200"`
	Text    *string   `json:"text,omitempty" jsonschema:"the new text, all of it" maxLength:"100000"`
	Tags    *[]string `json:"tags,omitempty" jsonschema:"the new tags, all of them" maxItems:"20"`
}

func edit(ctx context.Context, in editIn) (*Note, error) {
	n, err := load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Title != nil {
		n.Title = *in.Title
	}
	if in.Text != nil {
		n.Text = *in.Text
	}
	if in.Tags != nil {
		n.Tags = *in.Tags
	}
	n.Updated = time.Now().UTC().Truncate(time.Millisecond)
	if err := store(ctx, n, in.Version); err != nil {
		return nil, changed(in.ID, err)
	}
	return n, pdk.ResourceUpdated(ctx, "notes://"+in.ID)
}

// changed says what a conflict means to the model.
func changed(id string, err error) error {
	if errors.Is(err, pdk.ErrConflict) {
		return fmt.Errorf("note %q has changed since that version: read it again with get_note, and try again with what it is now", id)
	}
	return err
}

type removeIn struct {
	ID      string `json:"id" jsonschema:"the note's id" minLength:"1" maxLength:"40"`
	Version string `json:"version,omitempty" jsonschema:"remove it only if it still has this version"`
}

type removed struct {
	Removed bool `json:"removed" jsonschema:"whether there was such a note"`
}

func remove(ctx context.Context, in removeIn) (removed, error) {
	if in.Version != "" {
		err := kv.CompareAndDelete(ctx, prefix+in.ID, in.Version)
		return removed{err == nil}, changed(in.ID, err)
	}
	existed, err := kv.Delete(ctx, prefix+in.ID)
	return removed{existed}, err
}

type listIn struct {
	Tag   string `json:"tag,omitempty" jsonschema:"only notes with this tag"`
	After string `json:"after,omitempty" jsonschema:"only notes behind this id: the next value of the page before"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many at most" minimum:"1" maximum:"200" default:"50"`
}

type page struct {
	Notes []*Note `json:"notes"`
	Next  string  `json:"next,omitempty" jsonschema:"give it as after to get more; missing on the last page"`
}

func list(ctx context.Context, in listIn) (page, error) {
	return collect(ctx, in, func(n *Note) bool { return n.hasTag(in.Tag) })
}

type searchIn struct {
	Query string `json:"query" jsonschema:"words, all of which a note must contain" minLength:"1"`
	listIn
}

func search(ctx context.Context, in searchIn) (page, error) {
	words := strings.Fields(strings.ToLower(in.Query))
	return collect(ctx, in.listIn, func(n *Note) bool {
		text := strings.ToLower(n.Title + "\n" + n.Text)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return n.hasTag(in.Tag)
	})
}

// collect returns a page of the notes that match, without their texts.
func collect(ctx context.Context, in listIn, match func(*Note) bool) (page, error) {
	if in.Limit == 0 {
		in.Limit = 50
	}
	p := page{Notes: []*Note{}}
	err := each(ctx, in.After, func(n *Note) bool {
		if !match(n) {
			return true
		}
		if len(p.Notes) == in.Limit {
			p.Next = p.Notes[in.Limit-1].ID
			return false
		}
		n.Text = ""
		p.Notes = append(p.Notes, n)
		return true
	})
	return p, err
}

// readNote reads the resource notes://ID.
func readNote(ctx context.Context, _ string, variables map[string]string) ([]pdk.ResourceContents, error) {
	n, err := load(ctx, variables["id"])
	if errors.Is(err, pdk.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []pdk.ResourceContents{{Text: n.markdown()}}, nil
}

// review is the prompt review_notes: the notes, and the request.
func review(ctx context.Context, arguments map[string]string) (*pdk.PromptResult, error) {
	var b strings.Builder
	b.WriteString("Summarise these notes in a few lines, then list what they leave to do.\n\n")
	err := each(ctx, "", func(n *Note) bool {
		if n.hasTag(arguments["tag"]) {
			b.WriteString(n.markdown() + "\n")
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return &pdk.PromptResult{Messages: []pdk.PromptMessage{pdk.User(pdk.Text(b.String()))}}, nil
}
