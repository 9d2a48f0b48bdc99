package main

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// list writes the items of a list, nested ones indented.
func (w *writer) list(n *html.Node, depth int) {
	w.flush()
	w.tight = w.indent != "" && !strings.HasSuffix(w.indent, "> ") // a list in an item
	number := 0
	for c := range n.ChildNodes() {
		if c.Type != html.ElementNode || hidden(c) {
			continue
		}
		number++
		marker := "- "
		if n.DataAtom == atom.Ol {
			marker = fmt.Sprintf("%d. ", number)
		}
		before := w.out.Len()
		w.within(c, depth+1, strings.Repeat(" ", len(marker)), w.indent+marker)
		w.tight = w.out.Len() > before
	}
	w.tight = false
}

// table writes a table whose cells are single lines. One that is there for the
// layout, with blocks in its cells, is written as what it holds.
func (w *writer) table(n *html.Node, depth int) {
	var rows [][]string
	width := 0
	for tr := range n.Descendants() {
		if tr.Type != html.ElementNode || tr.DataAtom != atom.Tr {
			continue
		}
		var row []string
		for c := range tr.ChildNodes() {
			if c.DataAtom != atom.Td && c.DataAtom != atom.Th {
				continue
			}
			if find(c, atom.Table) != nil || find(c, atom.P) != nil || find(c, atom.Ul) != nil {
				w.plain(n, depth)
				return
			}
			row = append(row, strings.ReplaceAll(inlineText(c), "|", `\|`))
		}
		rows = append(rows, row)
		width = max(width, len(row))
	}
	if width < 2 {
		w.plain(n, depth)
		return
	}
	w.block(tableText(rows, width))
}

func tableText(rows [][]string, width int) string {
	var b strings.Builder
	for i, row := range rows {
		for len(row) < width {
			row = append(row, "")
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", width) + "|\n")
		}
	}
	return b.String()
}

// link writes [text](URL). A link that leads nowhere else, or has no text, is
// written as what it holds.
func (w *writer) link(n *html.Node, depth int) {
	text, target := inlineText(n), w.absolute(attribute(n, "href"))
	if text == "" || target == "" || w.inLink || hasBlocks(n, depth) {
		w.inLink = true
		w.children(n, depth)
		w.inLink = false
		return
	}
	fmt.Fprintf(&w.line, "[%s](%s)", text, target)
}

// image writes ![what it shows](URL); one that says nothing is left out.
func (w *writer) image(n *html.Node) {
	alt, source := strings.Join(strings.Fields(attribute(n, "alt")), " "), w.absolute(attribute(n, "src"))
	if alt != "" && source != "" {
		fmt.Fprintf(&w.line, "![%s](%s)", alt, source)
	}
}

// absolute resolves a reference; "" where it is no place to go to.
func (w *writer) absolute(ref string) string {
	if ref == "" || strings.HasPrefix(ref, "#") {
		return ""
	}
	u, err := w.base.Parse(strings.TrimSpace(ref))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return ""
	}
	return strings.NewReplacer("(", "%28", ")", "%29", " ", "%20").Replace(u.String())
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// find returns the first element of a kind within n, or nil.
func find(n *html.Node, a atom.Atom) *html.Node {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && c.DataAtom == a && c.Namespace == "" {
			return c
		}
	}
	return nil
}

// inlineText returns the text of an element on one line.
func inlineText(n *html.Node) string { return strings.Join(strings.Fields(rawText(n)), " ") }

// rawText returns the text of an element as it is.
func rawText(n *html.Node) string {
	var b strings.Builder
	collect(&b, n, 0)
	return b.String()
}

func collect(b *strings.Builder, n *html.Node, depth int) {
	for c := range n.ChildNodes() {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.Type != html.ElementNode || depth > maxDepth:
		case c.DataAtom == atom.Br:
			b.WriteByte('\n')
		case !hidden(c):
			collect(b, c, depth+1)
		}
	}
}
