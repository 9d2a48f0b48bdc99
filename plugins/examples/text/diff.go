package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

type diffIn struct {
	A       string `json:"a" jsonschema:"the old text"`
	B       string `json:"b" jsonschema:"the new text"`
	Context *int   `json:"context" jsonschema:"unchanged lines around a change" minimum:"0" maximum:"100" default:"3"`
}

type diffOut struct {
	Diff    string `json:"diff" jsonschema:"empty when the texts are the same"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
}

// maxCells bounds the table of the comparison: about 5,000 by 5,000 changed lines.
const maxCells = 25_000_000

// edit is a line of a comparison: kept ' ', removed '-' or added '+'.
type edit struct {
	kind byte
	text string
}

func diff(_ context.Context, in diffIn) (diffOut, error) {
	around := 3
	if in.Context != nil {
		around = *in.Context
	}
	edits, err := compare(lines(in.A), lines(in.B))
	if err != nil {
		return diffOut{}, err
	}
	var out diffOut
	for _, e := range edits {
		switch e.kind {
		case '+':
			out.Added++
		case '-':
			out.Removed++
		}
	}
	out.Diff = unified(edits, around)
	return out, nil
}

// compare returns a shortest list of edits from a to b: what both begin and end
// with is kept, and the rest is compared by the longest common subsequence.
func compare(a, b []string) ([]edit, error) {
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, edit{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > maxCells {
		return nil, fmt.Errorf("the texts differ in %d and %d lines, which is too much to compare: compare parts", len(a), len(b))
	}
	edits := slices.Concat(head, middle(a, b))
	for i := len(tail) - 1; i >= 0; i-- {
		edits = append(edits, tail[i])
	}
	return edits, nil
}

func middle(a, b []string) []edit {
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width) // common[i,j]: of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	var edits []edit
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			edits = append(edits, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			edits = append(edits, edit{'-', a[i]})
			i++
		default:
			edits = append(edits, edit{'+', b[j]})
			j++
		}
	}
	return edits
}

// unified writes edits as a unified diff with the given number of lines around.
func unified(edits []edit, around int) string {
	var out strings.Builder
	oldLine, newLine := 1, 1
	for at := 0; at < len(edits); {
		from, to := nextHunk(edits, at, around)
		for _, e := range edits[at:from] {
			oldLine, newLine = advance(e, oldLine, newLine)
		}
		if from == to {
			break
		}
		oldEnd, newEnd := oldLine, newLine
		var body strings.Builder
		for _, e := range edits[from:to] {
			oldEnd, newEnd = advance(e, oldEnd, newEnd)
			body.WriteByte(e.kind)
			body.WriteString(e.text)
			body.WriteByte('\n')
		}
		fmt.Fprintf(&out, "@@ -%s +%s @@\n%s", span(oldLine, oldEnd), span(newLine, newEnd), body.String())
		oldLine, newLine, at = oldEnd, newEnd, to
	}
	return out.String()
}

// nextHunk returns the range of the first hunk from at on; an empty one at the
// end means none.
func nextHunk(edits []edit, at, around int) (from, to int) {
	first := at
	for first < len(edits) && edits[first].kind == ' ' {
		first++
	}
	if first == len(edits) {
		return first, first
	}
	last := first
	for i := first; i < len(edits) && i-last <= 2*around; i++ {
		if edits[i].kind != ' ' {
			last = i
		}
	}
	return max(at, first-around), min(len(edits), last+around+1)
}

func advance(e edit, oldLine, newLine int) (int, int) {
	switch e.kind {
	case '-':
		return oldLine + 1, newLine
	case '+':
		return oldLine, newLine + 1
	}
	return oldLine + 1, newLine + 1
}

// span writes a range of lines; an empty one names the line before it.
func span(from, to int) string {
	if n := to - from; n == 0 {
		return fmt.Sprintf("%d,0", from-1)
	} else if n != 1 {
		return fmt.Sprintf("%d,%d", from, n)
	}
	return fmt.Sprint(from)
}
