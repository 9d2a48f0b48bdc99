package cel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/mod/semver"
)

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		name, text, pattern string
		want                bool
	}{
		{"itself", "/data/a.md", "/data/a.md", true},
		{"star", "/data/a.md", "/data/*.md", true},
		{"star stays in its folder", "/data/b/a.md", "/data/*.md", false},
		{"folders", "/data/b/c/a.md", "/data/**/*.md", true},
		{"no folder", "/data/a.md", "/data/**/*.md", true},
		{"all below", "/data/b/c", "/data/**", true},
		{"beside", "/database/b", "/data/**", false},
		{"the whole text", "/data/a.md.exe", "/data/*.md", false},
		{"question mark", "abc", "a?c", true},
		{"class", "a5", "a[0-9]", true},
		{"class that is not", "ax", "a[!0-9]", true},
		{"alternatives", "b.txt", "{a,b}.{md,txt}", true},
		{"no alternative", "c.txt", "{a,b}.{md,txt}", false},
		{"escaped", "a*", `a\*`, true},
		{"empty", "", "", true},
		{"empty text", "", "a", false},
		{"case counts", "A", "a", false},
		{"unicode", "naïve", "na?ve", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := glob(tc.text, tc.pattern); got != tc.want || err != nil {
				t.Errorf("glob(%q, %q) = %v, %v, want %v", tc.text, tc.pattern, got, err, tc.want)
			}
		})
	}
}

func TestGlobRefusesPatterns(t *testing.T) {
	for _, tc := range []struct{ name, pattern, want string }{
		{"class", "a/[b", "is no pattern of paths"},
		{"braces", "{a,b", "is no pattern of paths"},
		{"backslash", `a\`, "is no pattern of paths"},
		{"long", strings.Repeat("a", 1001), "is too large: 1001 bytes, at most 1000"},
		{"alternatives", strings.Repeat("{a,b}", 7), "has too many alternatives: 128, at most 64"},
		{"alternatives in alternatives", "{" + strings.Repeat("{a,b,c,d},", 4) + "e}", "has too many alternatives"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// The text is one that never leads to the place of the error.
			if _, err := glob("zzz", tc.pattern); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestTimeOfDay(t *testing.T) {
	for _, tc := range []struct{ name, time, zone, want string }{
		{"UTC", "2026-11-23T12:30:15Z", "UTC", "12h30m15s"},
		{"midnight", "2026-11-23T00:00:00Z", "UTC", "0s"},
		{"the last moment", "2026-11-23T23:59:59.999999999Z", "UTC", "23h59m59.999999999s"},
		{"winter", "2026-11-23T12:30:15Z", "Europe/Berlin", "13h30m15s"},
		{"summer", "2026-07-01T12:30:15Z", "Europe/Berlin", "14h30m15s"},
		{"the next day", "2026-11-23T23:30:00Z", "Europe/Berlin", "30m0s"},
		{"before clocks go forward", "2026-03-29T00:59:59Z", "Europe/Berlin", "1h59m59s"},
		{"after clocks go forward", "2026-03-29T01:00:00Z", "Europe/Berlin", "3h0m0s"},
		{"before clocks go back", "2026-10-25T00:30:00Z", "Europe/Berlin", "2h30m0s"},
		{"the same hour again", "2026-10-25T01:30:00Z", "Europe/Berlin", "2h30m0s"},
		{"no midnight", "2026-04-24T22:00:00Z", "Africa/Cairo", "1h0m0s"},
		{"offset", "2026-11-23T12:00:00Z", "+05:45", "17h45m0s"},
		{"offset to the west", "2026-11-23T01:00:00Z", "-09:30", "15h30m0s"},
		{"zone of the timestamp does not matter", "2026-11-23T12:00:00+09:00", "UTC", "3h0m0s"},
		{"before the epoch", "1969-12-31T23:00:00Z", "UTC", "23h0m0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339Nano, tc.time)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := loadZone(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			if got := timeOfDay(at, zone).String(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestZonesAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "Local", "Europe/Berlun", "../etc/passwd", "/etc/localtime", "Europe/../Europe/Berlin",
		"Europe//Berlin", "Europe/Berlin/", "europe/berlin", "posix/Europe/Berlin",
		"01:00", "+1:00", "+24:00", "+01:60", "+01:00 ", "+0100", "UTC+1", "utc\x00", strings.Repeat("A", 100),
	} {
		t.Run(name, func(t *testing.T) {
			if zone, err := loadZone(name); err == nil || !strings.Contains(err.Error(), "is no time zone") {
				t.Errorf("zone %v, err = %v", zone, err)
			}
		})
	}
}

// What callers write does not make the cache grow.
func TestZonesKeptAreBounded(t *testing.T) {
	full := zoneCache{known: map[string]*time.Location{}}
	for i := range zonesKept {
		full.known[fmt.Sprint(i)] = time.UTC
	}
	for range 2 {
		if zone, err := full.load("Europe/Berlin"); err != nil || zone.String() != "Europe/Berlin" {
			t.Errorf("zone %v, err = %v", zone, err)
		}
	}
	if _, err := full.load("Europe/Berlun"); err == nil || len(full.known) != zonesKept {
		t.Errorf("%d zones, err = %v", len(full.known), err)
	}
	kept := zoneCache{known: map[string]*time.Location{}}
	first, _ := kept.load("Asia/Tokyo")
	if again, _ := kept.load("Asia/Tokyo"); again != first {
		t.Error("read twice")
	}
}

func TestCompareVersions(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		want       int
	}{
		{"same", "1.2.3", "1.2.3", 0},
		{"v does not matter", "v1.2.3", "1.2.3", 0},
		{"numbers, not texts", "1.9.0", "1.10.0", -1},
		{"newer", "2.0.0", "1.99.99", 1},
		{"prerelease is older", "1.0.0-rc.1", "1.0.0", -1},
		{"prereleases", "1.0.0-rc.2", "1.0.0-rc.10", -1},
		{"build does not matter", "1.0.0+a", "1.0.0+b", 0},
		{"short", "1.2", "v1.2.0", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := compareVersions(tc.a, tc.b); got != tc.want || err != nil {
				t.Errorf("got %d, %v, want %d", got, err, tc.want)
			}
		})
	}
	for _, bad := range []string{"", "v", "1.2.3.4", "01.2.3", "one", "vv1.2.3", " 1.2.3", "V1.2.3"} {
		t.Run("bad "+bad, func(t *testing.T) {
			if semver.IsValid(canonicalVersion(bad)) {
				t.Errorf("%q is valid", bad)
			}
			for _, pair := range [][2]string{{bad, "1.0.0"}, {"1.0.0", bad}} {
				if _, err := compareVersions(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "is no version") {
					t.Errorf("compare(%q, %q): err = %v", pair[0], pair[1], err)
				}
			}
		})
	}
}

func TestFunctionsInExpressions(t *testing.T) {
	env := costEnv(t)
	input := vars("text", "Straße/ＲEADME.md", "other", "v1.4.0", "dynamic", "[", "labels", []string{}, "time", testTime)
	for _, tc := range []struct{ expression, err string }{
		{`text.glob("*/*.md") && !text.glob("*.md")`, ""},
		{`text.fold() == "strasse/readme.md"`, ""},
		{`time.timeOfDay() == duration("12h30m15s") && time.timeOfDay("+01:00") > time.timeOfDay("UTC")`, ""},
		{`semver.compare(other, "1.10.0") == -1 && semver.isValid(other) && !semver.isValid(text)`, ""},
		{`text.glob(dynamic)`, `"[" is no pattern of paths`},
		{`time.timeOfDay(text) == duration("1s")`, "is no time zone"},
		{`semver.compare(other, text) == 0`, "is no version"},
		{`text.matches(dynamic)`, `"[" is no regular expression`},
		{`regex.extract(text, dynamic) == optional.none()`, `"[" is no regular expression`},
		{`cel.bind(a, text.lowerAscii(), a.contains("readme") || true)`, ""},
		{`optional.of(other).orValue("x") == other && regex.extract(other, "v([0-9]+)").orValue("") == "1"`, ""},
		{`math.abs(-3) == 3 && sets.contains([1, 2], [1]) && cidr("10.0.0.0/8").containsIP(ip("10.0.0.1"))`, ""},
	} {
		t.Run(tc.expression, func(t *testing.T) {
			value, _, err := compileProgram(t, env, tc.expression, costOptions()...).Eval(input)
			switch {
			case tc.err == "" && (err != nil || value != types.True):
				t.Errorf("%v, %v, want true", value, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("err = %v, want %q in it", err, tc.err)
			}
		})
	}
}

func TestFunctionDocs(t *testing.T) {
	docs, err := functionDocs()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]functionDoc{}
	for i, d := range docs {
		byName[d.Library+"/"+d.Name] = d
		if own := i < len(ownFunctions); own != (d.Library == "") || own && (d.Name != ownFunctions[i] || d.Text == "" || d.Example == "") {
			t.Errorf("entry %d is %+v", i, d)
		}
		if strings.Contains(d.Name, "@") || len(d.Signatures) == 0 || strings.Contains(strings.Join(d.Signatures, ""), "protobuf") {
			t.Errorf("%s of %s has the signatures %q", d.Name, d.Library, d.Signatures)
		}
	}
	for name, want := range map[string]string{
		"/timeOfDay":                        "timestamp.timeOfDay() -> duration|timestamp.timeOfDay(string) -> duration",
		"/semver.compare":                   "semver.compare(string, string) -> int",
		"Strings/reverse":                   "string.reverse() -> string",
		"Lists/reverse":                     "list(<T>).reverse() -> list(<T>)",
		"Addresses/string":                  "string(net.CIDR) -> string|string(net.IP) -> string",
		"Regular expressions/regex.extract": "regex.extract(string, string) -> optional_type(string)",
	} {
		if got := strings.Join(byName[name].Signatures, "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// The examples of the reference compile.
func TestFunctionExamples(t *testing.T) {
	env, err := celgo.NewEnv(append(library(), celgo.Variable("args", celgo.DynType), celgo.Variable("effect", celgo.DynType),
		celgo.Variable("principal", celgo.DynType), celgo.Variable("request", celgo.MapType(celgo.StringType, celgo.TimestampType)))...)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := functionDocs()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs[:len(ownFunctions)] {
		if checked, issues := env.Compile(d.Example); issues.Err() != nil || checked.OutputType() != celgo.BoolType {
			t.Errorf("%s: %v", d.Name, issues.Err())
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"/data/a.md", "/data/**/*.md"}, {"a/b/c", "**/c"}, {"a", "{a,b}{,c}"}, {"]", "[]]"}, {"a", `[\a-z]`}, {"é", "[à-ü]"},
		{"", "{"}, {"a", "{a,{b,c}}"}, {"\xff", "?"}, {"a,b", `{a\,b}`}, {"x", "[^"}, {"x", "}"}, {"x", `\`}, {"a}", "[{]a,b}"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, pattern string) {
		if len(text)*len(pattern) > 1<<12 {
			return
		}
		got, err := glob(text, pattern)
		if err != nil {
			if got {
				t.Error("a pattern that is refused matches")
			}
			return
		}
		// A pattern that is let through is one to doublestar, and says the same.
		want, err := doublestar.Match(pattern, text)
		if err != nil || got != want {
			t.Errorf("glob(%q, %q) = %v, doublestar says %v, %v", text, pattern, got, want, err)
		}
	})
}

func FuzzZone(f *testing.F) {
	for _, seed := range []string{"UTC", "Europe/Berlin", "+01:00", "-23:59", "Local", "../UTC", "", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "+99:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		zone, err := loadZone(name)
		if err != nil {
			return
		}
		if zone == time.Local || strings.Contains(name, ".") {
			t.Fatalf("%q is a zone", name)
		}
		if d := timeOfDay(testTime, zone); d < 0 || d >= 24*time.Hour {
			t.Errorf("in %q it is %v", name, d)
		}
	})
}
