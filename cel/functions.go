package cel

import (
	"fmt"
	"strings"
	"time"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/mod/semver"

	"github.com/mcpwasm/mcpwasm/internal/fold"
)

// extension is a library of cel-go that expressions can use.
type extension struct {
	// title is how the reference calls it.
	title  string
	option celgo.EnvOption
}

// extensions returns cel-go's libraries, in the reference's order.
func extensions() []extension {
	return []extension{
		{"Strings", ext.Strings()},
		{"Math", ext.Math()},
		{"Lists", ext.Lists()},
		{"Sets", ext.Sets()},
		{"Regular expressions", ext.Regex()},
		{"Addresses", ext.Network()},
		{"Bindings", ext.Bindings()},
	}
}

// library returns what every environment has beside its variables: optional types,
// the functions of cel-go's libraries and those of this package, checks of literals,
// and the bounds of compilation and of calls.
func library() []celgo.EnvOption {
	options := []celgo.EnvOption{celgo.OptionalTypes()} // which Regex needs
	for _, e := range extensions() {
		options = append(options, e.option)
	}
	options = append(options, functionDeclarations()...)
	options = append(options, compileLimits()...)
	return append(options, checkLiterals(), costModel(), celgo.Lib(guards{}))
}

// functionDeclarations declares the functions of this package. Their documentation is that of
// the reference.
func functionDeclarations() []celgo.EnvOption {
	return []celgo.EnvOption{globFunction(), foldFunction(), timeOfDayFunction(), compareFunction(), isValidFunction()}
}

// ownFunctions are the names of functions, in the reference's order.
var ownFunctions = []string{"glob", "fold", "timeOfDay", "semver.compare", "semver.isValid"}

func globFunction() celgo.EnvOption {
	return celgo.Function("glob",
		celgo.FunctionDocs("Whether the whole text matches a pattern of paths: `*` and `?` stay between two slashes, "+
			"`**` between slashes goes over any number of folders, `[a-z]` and `{a,b}` choose."),
		celgo.MemberOverload("string_glob_string", []*celgo.Type{celgo.StringType, celgo.StringType}, celgo.BoolType,
			celgo.OverloadExamples(`effect.file.path.glob("/data/**/*.md")`),
			celgo.BinaryBinding(func(text, pattern ref.Val) ref.Val {
				return boolOrError(glob(string(text.(types.String)), string(pattern.(types.String))))
			})))
}

func foldFunction() celgo.EnvOption {
	return celgo.Function("fold",
		celgo.FunctionDocs("The text in Unicode's compatibility form and without regard to case (NFKC, full case folding), "+
			"to compare texts that only look different."),
		celgo.MemberOverload("string_fold", []*celgo.Type{celgo.StringType}, celgo.StringType,
			celgo.OverloadExamples(`args.path.fold() == "readme.md"`),
			celgo.UnaryBinding(func(text ref.Val) ref.Val {
				return types.String(fold.Full(string(text.(types.String))))
			})))
}

func timeOfDayFunction() celgo.EnvOption {
	return celgo.Function("timeOfDay",
		celgo.FunctionDocs("The time since midnight as a clock on the wall shows it, in UTC or in a zone: "+
			"a name of the tz database or an offset such as `+01:00`."),
		celgo.MemberOverload("timestamp_time_of_day", []*celgo.Type{celgo.TimestampType}, celgo.DurationType,
			celgo.OverloadExamples(`request.time.timeOfDay() < duration("6h")`),
			celgo.UnaryBinding(func(t ref.Val) ref.Val {
				return types.Duration{Duration: timeOfDay(t.(types.Timestamp).Time, time.UTC)}
			})),
		celgo.MemberOverload("timestamp_time_of_day_string", []*celgo.Type{celgo.TimestampType, celgo.StringType}, celgo.DurationType,
			celgo.OverloadExamples(`request.time.timeOfDay("Europe/Berlin") >= duration("17h30m")`),
			celgo.BinaryBinding(func(t, name ref.Val) ref.Val {
				zone, err := loadZone(string(name.(types.String)))
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Duration{Duration: timeOfDay(t.(types.Timestamp).Time, zone)}
			})))
}

func compareFunction() celgo.EnvOption {
	return celgo.Function("semver.compare",
		celgo.FunctionDocs("-1, 0 or 1 as version a is older than, the same as or newer than b (Semantic Versioning 2.0.0); "+
			"a leading `v` does not matter, and `1.2` is `1.2.0`. Anything else is an error."),
		celgo.Overload("semver_compare_string_string", []*celgo.Type{celgo.StringType, celgo.StringType}, celgo.IntType,
			celgo.OverloadExamples(`semver.compare(principal.client.version, "1.4.0") >= 0`),
			celgo.BinaryBinding(func(a, b ref.Val) ref.Val {
				n, err := compareVersions(string(a.(types.String)), string(b.(types.String)))
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Int(n)
			})))
}

func isValidFunction() celgo.EnvOption {
	return celgo.Function("semver.isValid",
		celgo.FunctionDocs("Whether the text is a version that `semver.compare` takes."),
		celgo.Overload("semver_is_valid_string", []*celgo.Type{celgo.StringType}, celgo.BoolType,
			celgo.OverloadExamples(`semver.isValid(principal.client.version)`),
			celgo.UnaryBinding(func(text ref.Val) ref.Val {
				return types.Bool(semver.IsValid(canonicalVersion(string(text.(types.String)))))
			})))
}

func boolOrError(b bool, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(b)
}

// glob reports whether all of text matches a pattern of doublestar.
func glob(text, pattern string) (bool, error) {
	// Match would notice a bad pattern only where the text leads it there.
	if err := checkGlob(pattern); err != nil {
		return false, err
	}
	return doublestar.MatchUnvalidated(pattern, text), nil
}

// checkGlob returns an error for what is no pattern, and for one that has too many
// alternatives to be tried.
func checkGlob(pattern string) error {
	if !doublestar.ValidatePattern(pattern) {
		return fmt.Errorf("%s is no pattern of paths: a bracket, a brace or a backslash is not closed", quoted(pattern))
	}
	if n := alternatives(pattern); n > maxAlternatives {
		return fmt.Errorf("%s has too many alternatives: %d, at most %d", quoted(pattern), n, maxAlternatives)
	}
	return nil
}

// maxAlternatives is how many patterns one with braces may stand for: each is tried.
const maxAlternatives = 64

// alternatives returns how many patterns without braces a pattern stands for, at most
// and as far as maxAlternatives matters.
func alternatives(pattern string) int {
	n, open := 1, []int{}
	for i := 0; i < len(pattern) && n <= maxAlternatives; i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{':
			open = append(open, 1)
		case ',':
			if len(open) > 0 {
				open[len(open)-1]++
			}
		case '}':
			if len(open) > 0 {
				n *= open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
	return n
}

func compareVersions(a, b string) (int, error) {
	for _, v := range []string{a, b} {
		if err := checkVersion(v); err != nil {
			return 0, err
		}
	}
	return semver.Compare(canonicalVersion(a), canonicalVersion(b)), nil
}

func checkVersion(text string) error {
	if !semver.IsValid(canonicalVersion(text)) {
		return fmt.Errorf("%s is no version such as 1.2.3: ask semver.isValid first", quoted(text))
	}
	return nil
}

// canonicalVersion puts the "v" that package semver wants before a version.
func canonicalVersion(text string) string {
	if strings.HasPrefix(text, "v") {
		return text
	}
	return "v" + text
}

// maxQuoted is how much of a text is put into a message, in bytes.
const maxQuoted = 60

// quoted returns a text, which may be anybody's, for a message.
func quoted(text string) string {
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}
