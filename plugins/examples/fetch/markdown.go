package main

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxDepth bounds how deep elements are nested that are looked into.
const maxDepth = 500

// markdown turns a page into Markdown: headings, paragraphs, lists, tables, code,
// emphasis and links, which are made absolute. What is not there to be read,
// scripts and styles, is left out.
func markdown(text string, base *url.URL) (string, error) {
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", base, err)
	}
	w := &writer{base: base}
	if title := find(root, atom.Title); title != nil && find(root, atom.H1) == nil {
		w.block("# " + inlineText(title))
	}
	if b := find(root, atom.Base); b != nil {
		if u, err := base.Parse(attribute(b, "href")); err == nil {
			w.base = u
		}
	}
	w.children(root, 0)
	w.flush()
	return strings.TrimSpace(w.out.String()) + "\n", nil
}

// writer collects text into lines and writes them as blocks with an empty line
// between them.
type writer struct {
	base *url.URL
	out  strings.Builder
	line strings.Builder // the block that is open
	// indent stands before every line of a block, first instead of it before
	// the first one of a list's item.
	indent, first string
	tight         bool // the next block follows without an empty line
	inLink        bool // links do not nest
}

// block writes a block of its own.
func (w *writer) block(text string) {
	w.flush()
	w.line.WriteString(text)
	w.flush()
}

// flush ends the block that is open.
func (w *writer) flush() {
	text := strings.TrimSpace(w.line.String())
	w.line.Reset()
	if text == "" {
		return
	}
	if w.out.Len() > 0 && !w.tight {
		w.out.WriteString(strings.TrimRight(w.indent, " ") + "\n")
	}
	w.tight = false
	for i, l := range strings.Split(text, "\n") {
		prefix := w.indent
		if i == 0 && w.first != "" {
			prefix, w.first = w.first, ""
		}
		w.out.WriteString(strings.TrimRight(prefix+l, " ") + "\n")
	}
}

// within writes the children of n with a longer indent.
func (w *writer) within(n *html.Node, depth int, indent, first string) {
	w.flush()
	outer, outerFirst := w.indent, w.first
	if outerFirst != "" && first == "" {
		first = outerFirst + indent
	}
	w.first, w.indent = first, outer+indent
	w.children(n, depth)
	w.flush()
	w.indent = outer
	w.first = ""
}

func (w *writer) children(n *html.Node, depth int) {
	if depth > maxDepth {
		return
	}
	for c := range n.ChildNodes() {
		w.node(c, depth+1)
	}
}

func (w *writer) node(n *html.Node, depth int) {
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
	case html.ElementNode:
		if !hidden(n) {
			w.element(n, depth)
		}
	case html.DocumentNode:
		w.children(n, depth)
	}
}

// text adds text with its white space made single.
func (w *writer) text(s string) {
	words := strings.Join(strings.Fields(s), " ")
	sofar := w.line.String()
	if startsBlank(s) && sofar != "" && !strings.HasSuffix(sofar, " ") && !strings.HasSuffix(sofar, "\n") {
		w.line.WriteByte(' ')
	}
	w.line.WriteString(words)
	if words != "" && endsBlank(s) {
		w.line.WriteByte(' ')
	}
}

func startsBlank(s string) bool { return strings.TrimLeft(s, " \t\r\n\f") != s }
func endsBlank(s string) bool   { return strings.TrimRight(s, " \t\r\n\f") != s }

// hidden reports whether an element is not there to be read.
func hidden(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Head, atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Iframe, atom.Object, atom.Svg, atom.Select, atom.Button, atom.Dialog:
		return true
	}
	for _, a := range n.Attr {
		if a.Key == "hidden" || a.Key == "aria-hidden" && a.Val == "true" {
			return true
		}
	}
	return false
}

func (w *writer) element(n *html.Node, depth int) {
	switch n.DataAtom {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.block(strings.Repeat("#", int(n.Data[1]-'0')) + " " + inlineText(n))
	case atom.Br:
		w.line.WriteByte('\n')
	case atom.Hr:
		w.block("---")
	case atom.Pre:
		w.block("```\n" + strings.Trim(rawText(n), "\n") + "\n```")
	case atom.Blockquote:
		w.within(n, depth, "> ", "")
	case atom.Ul, atom.Ol, atom.Menu:
		w.list(n, depth)
	case atom.Table:
		w.table(n, depth)
	case atom.A:
		w.link(n, depth)
	case atom.Img:
		w.image(n)
	case atom.Code, atom.Kbd, atom.Samp:
		w.around(n, depth, "`")
	case atom.Strong, atom.B:
		w.around(n, depth, "**")
	case atom.Em, atom.I:
		w.around(n, depth, "*")
	default:
		w.plain(n, depth)
	}
}

// plain writes an element that has no mark of its own.
func (w *writer) plain(n *html.Node, depth int) {
	if isInline(n) {
		w.children(n, depth)
		return
	}
	w.flush()
	w.children(n, depth)
	w.flush()
}

func isInline(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Span, atom.Abbr, atom.Cite, atom.Del, atom.Dfn, atom.Font, atom.Ins, atom.Label, atom.Mark, atom.Q, atom.S,
		atom.Small, atom.Sub, atom.Sup, atom.Time, atom.U, atom.Var, atom.Wbr, atom.Bdi, atom.Bdo, atom.Data:
		return true
	}
	return n.DataAtom == 0 // an element of the page's own
}

// around writes an element between two marks, unless it is empty or holds
// blocks.
func (w *writer) around(n *html.Node, depth int, mark string) {
	text := inlineText(n)
	if text == "" || hasBlocks(n, depth) {
		w.children(n, depth)
		return
	}
	w.line.WriteString(mark + text + mark)
}

// hasBlocks reports whether an element holds more than a line of text.
func hasBlocks(n *html.Node, depth int) bool {
	if depth > maxDepth {
		return true
	}
	for c := range n.ChildNodes() {
		if c.Type != html.ElementNode {
			continue
		}
		switch c.DataAtom {
		case atom.A, atom.Code, atom.Kbd, atom.Samp, atom.Strong, atom.B, atom.Em, atom.I, atom.Br:
		case atom.Img:
			return true
		default:
			if !isInline(c) {
				return true
			}
		}
		if c.DataAtom == atom.A || hasBlocks(c, depth+1) {
			return true
		}
	}
	return false
}
