package bytesize

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"1B": 1, "1000B": 1000, "64KiB": 64 << 10, "1024MiB": 1 << 30, "007GiB": 7 << 30, "3TiB": 3 << 40,
	} {
		if n, err := Parse(text, 1<<43); err != nil || n != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", text, n, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "want a size"},
		{"no unit", "64", "want a size"},
		{"no number", "MiB", "want a size"},
		{"decimal unit", "64MB", "want a size"},
		{"small letters", "64mib", "want a size"},
		{"unit twice", "64KiBMiB", "want a size"},
		{"fraction", "1.5GiB", "want a size"},
		{"sign", "+1GiB", "want a size"},
		{"negative", "-1GiB", "want a size"},
		{"space", "1 GiB", "want a size"},
		{"zero", "0MiB", "want a size"},
		{"too much", "2GiB", `"2GiB": want less than 2GiB`},
		{"overflow", "9223372036854775807TiB", "want less than 2GiB"},
		{"more than a word", "99999999999999999999B", "want a size"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n, err := Parse(tt.text, 2<<30); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse(%q) = %d, %v, want an error with %q", tt.text, n, err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1B", "64KiB", "1536MiB", "0GiB", "1.5TiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const more = 1 << 50
		n, err := Parse(text, more)
		if err != nil {
			return
		}
		if n <= 0 || n >= more {
			t.Fatalf("Parse(%q) = %d", text, n)
		}
		if again, err := Parse(Format(n), more); err != nil || again != n {
			t.Fatalf("Parse(%q) = %d, and again from %q %d, %v", text, n, Format(n), again, err)
		}
	})
}
