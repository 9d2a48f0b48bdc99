package catalog

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Found is an entry that matches a search.
type Found struct {
	// Catalog is the name under which its catalog is kept.
	Catalog string
	Entry   Entry
	// Score is higher for a better match; it means nothing by itself.
	Score int
}

// What a word is worth in a member: whole, and as the beginning of a word there.
const (
	scoreName        = 16
	scoreTag         = 12
	scoreTitle       = 8
	scoreDescription = 2
	// scoreWithin is for a part of the name: "hub" of "github".
	scoreWithin = 4
	// scoreExact is for the name itself.
	scoreExact = 1000
)

// minWithin is the length of a word that is looked for inside of names.
const minWithin = 3

// Search finds the entries that have every word in their name, title, description
// or tags, as a whole word or the beginning of one, without regard to case. They
// are in descending order of their scores, then in ascending order of name and
// catalog, so that the same search gives the same list.
func Search(catalogs map[string]*Catalog, query string) []Found {
	words := split(query)
	if len(words) == 0 {
		return nil
	}
	var found []Found
	for name, c := range catalogs {
		for i := range c.Entries {
			if score := c.Entries[i].score(words, query); score > 0 {
				found = append(found, Found{name, c.Entries[i], score})
			}
		}
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Entry.Name, b.Entry.Name), cmp.Compare(a.Catalog, b.Catalog))
	})
	return found
}

// split returns the words of a text in lower case: what is between signs that are
// neither letters nor digits.
func split(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// score returns 0 for an entry that does not have every word.
func (e *Entry) score(words []string, query string) int {
	// Most entries are out of the question, which is quicker to see in one text.
	all := strings.ToLower(strings.Join(append([]string{e.Name, e.Title, e.Description}, e.Tags...), "\n"))
	for _, w := range words {
		if !strings.Contains(all, w) {
			return 0
		}
	}
	name := strings.ToLower(e.Name)
	members := []struct {
		words []string
		worth int
	}{
		{split(e.Name), scoreName}, {split(strings.Join(e.Tags, " ")), scoreTag},
		{split(e.Title), scoreTitle}, {split(e.Description), scoreDescription},
	}
	total := 0
	for _, w := range words {
		score := 0
		for _, m := range members {
			score += worth(w, m.words, m.worth)
		}
		if score == 0 && len(w) >= minWithin && strings.Contains(name, w) {
			score = scoreWithin
		}
		if score == 0 {
			return 0
		}
		total += score
	}
	if name == strings.ToLower(strings.TrimSpace(query)) {
		total += scoreExact
	}
	return total
}

// worth is that of a whole word, half of it for the beginning of one.
func worth(word string, among []string, whole int) int {
	best := 0
	for _, w := range among {
		switch {
		case w == word:
			return whole
		case strings.HasPrefix(w, word):
			best = whole / 2
		}
	}
	return best
}
