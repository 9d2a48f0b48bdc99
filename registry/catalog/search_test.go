package catalog

import (
	"fmt"
	"slices"
	"testing"
)

func TestSearch(t *testing.T) {
	catalogs := map[string]*Catalog{
		"acme": {Entries: []Entry{
			{Name: "io.github.acme/weather", Title: "Weather", Description: "Forecasts for every place.", Tags: []string{"forecast"}},
			{Name: "io.github.acme/notes", Title: "Notes", Description: "Keeps notes about the weather, and Ünïcode."},
			{Name: "io.github.acme/maps", Tags: []string{"weather", "maps"}},
		}},
		"docker": {Entries: []Entry{
			{Name: "weather", Description: "A container."},
			{Name: "github-official", Title: "GitHub"},
		}},
		"other": {Entries: []Entry{{Name: "weather", Description: "A container."}}},
	}
	tests := []struct {
		name, query string
		want        []string
	}{
		{"exact name first", "weather", []string{"docker weather", "other weather", "acme io.github.acme/weather", "acme io.github.acme/maps", "acme io.github.acme/notes"}},
		{"case", "WEATHER maps", []string{"acme io.github.acme/maps"}},
		{"every word", "weather forecasts", []string{"acme io.github.acme/weather"}},
		{"beginning of a word", "forec", []string{"acme io.github.acme/weather"}},
		{"within a name", "hub official", []string{"docker github-official"}},
		{"not within a description", "ontainer", nil},
		{"beyond ASCII", "ünïc", []string{"acme io.github.acme/notes"}},
		{"full name", "io.github.acme/notes", []string{"acme io.github.acme/notes"}},
		{"nothing", "nothing like it", nil},
		{"no word", " -/. ", nil},
		{"empty", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 5 { // the order of a map must not matter
				var got []string
				for _, f := range Search(catalogs, tt.query) {
					got = append(got, f.Catalog+" "+f.Entry.Name)
				}
				if !slices.Equal(got, tt.want) {
					t.Fatalf("found %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	c := &Catalog{}
	for i := range MaxEntries {
		c.Entries = append(c.Entries, Entry{
			Name: fmt.Sprintf("io.github.someone%d/server-%d", i%100, i), Title: "A server", Description: "It does what servers of the number " + fmt.Sprint(i) + " do, and a few things more.", Tags: []string{"one", "two"},
		})
	}
	catalogs := map[string]*Catalog{"big": c}
	for b.Loop() {
		if len(Search(catalogs, "server 77")) == 0 {
			b.Fatal("nothing found")
		}
	}
}
