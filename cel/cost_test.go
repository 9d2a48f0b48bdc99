package cel

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	celgo "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// The largest that is decided on.
const (
	hugeText = 4 << 20
	hugeList = 100_000
)

// costEnv has variables of every size.
func costEnv(t testing.TB) *celgo.Env {
	t.Helper()
	env, err := celgo.NewEnv(append(library(),
		celgo.Variable("text", celgo.StringType),
		celgo.Variable("other", celgo.StringType),
		celgo.Variable("dynamic", celgo.DynType),
		celgo.Variable("list", celgo.ListType(celgo.StringType)),
		celgo.Variable("numbers", celgo.ListType(celgo.IntType)),
		celgo.Variable("labels", celgo.ListType(celgo.StringType)),
		celgo.Variable("time", celgo.TimestampType),
	)...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func compileProgram(t testing.TB, env *celgo.Env, expression string, options ...celgo.ProgramOption) celgo.Program {
	t.Helper()
	checked, issues := env.Compile(expression)
	if err := issues.Err(); err != nil {
		t.Fatal(err)
	}
	program, err := env.Program(checked, append(options, celgo.EvalOptions(celgo.OptOptimize))...)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// attack is an expression with what makes it dear.
type attack struct {
	name, expression string
	vars             map[string]any
}

func repeat(s string, bytes int) string { return strings.Repeat(s, bytes/len(s)) }

func numbersUpTo(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i)
	}
	return list
}

func namesUpTo(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("the-names-of-%06d-begin-alike", i)
	}
	return list
}

// attacks are what was found to take long, on texts of a size and lists of another.
func attacks(bytes, size int) []attack {
	as := repeat("a", bytes)
	return []attack{
		{"equal", `text == other`, vars("text", as, "other", strings.Clone(as))},
		{"less", `text < other`, vars("text", as, "other", strings.Clone(as))},
		{"size", `text.size() == 1`, vars("text", repeat("é", bytes))},
		{"dynamic size", `dynamic.size() == 1`, vars("dynamic", repeat("é", bytes))},
		{"add", `(text + other).startsWith("b")`, vars("text", as, "other", as)},
		{"double by bindings", `cel.bind(a, text + text, cel.bind(b, a + a, cel.bind(c, b + b, c + c))) == "x"`, vars("text", as)},
		{"startsWith", `text.startsWith(other)`, vars("text", as, "other", as[1:])},
		{"endsWith", `text.endsWith(other)`, vars("text", as, "other", as[1:])},
		{"contains", `text.contains(other)`, vars("text", as, "other", repeat("a", 30)+"b")},
		{"contains hashed", `text.contains(other)`, vars("text", as, "other", repeat("a", 1000)+"b")},
		{"contains again", `numbers.exists(n, text.contains("ab"))`, vars("text", as, "numbers", numbersUpTo(size))},
		{"indexOf", `text.indexOf("b") == 1`, vars("text", as)},
		{"indexOf quadratic", `text.indexOf(other) == 1`, vars("text", as, "other", as[:bytes/2]+"b")},
		{"lastIndexOf quadratic", `text.lastIndexOf(other) == 1`, vars("text", as, "other", "b"+as[:bytes/2])},
		{"charAt", `text.charAt(5) == "x"`, vars("text", as)},
		{"substring", `text.substring(5) == "x"`, vars("text", as)},
		{"lowerAscii", `text.lowerAscii() == "x"`, vars("text", repeat("A", bytes))},
		{"upperAscii", `text.upperAscii() == "x"`, vars("text", as)},
		{"trim", `text.trim() == "x"`, vars("text", repeat("\u2003", bytes))},
		{"reverse", `text.reverse() == "x"`, vars("text", as)},
		{"quote", `strings.quote(text) == "x"`, vars("text", repeat("\n", bytes))},
		{"replace", `text.replace("a", "bb") == "x"`, vars("text", as)},
		{"replace nothing by much", `text.replace("", other) == "x"`, vars("text", as, "other", as)},
		{"split", `text.split("").size() == 1`, vars("text", as)},
		{"split and join", `text.split("").join(other) == "x"`, vars("text", as, "other", as)},
		{"join", `list.join(other) == "x"`, vars("list", namesUpTo(size), "other", as)},
		{"format", `"%s".format([text]) == "x"`, vars("text", as)},
		{"format list", `"%s %s".format([list, list]) == "x"`, vars("list", namesUpTo(size))},
		{"format digits", `numbers.exists(n, "%.100e%.100e%.100e%.100e".format([1e-300, 1e-300, 1e-300, 1e-300]) == "x")`, vars("numbers", numbersUpTo(size))},
		{"format by a text", `text.format([1]) == "x"`, vars("text", repeat("%%", bytes))},
		{"bytes", `bytes(text) == b"x"`, vars("text", as)},
		{"bytes and back", `string(bytes(text)) == "x"`, vars("text", as)},
		{"int", `int(text) == 1`, vars("text", repeat("0", bytes))},
		{"double", `double(text) == 1.0`, vars("text", repeat("1", bytes))},
		{"duration", `duration(text) == duration("1s")`, vars("text", repeat("1ns", bytes))},
		{"timestamp", `timestamp(text) == time`, vars("text", as)},
		{"fold", `text.fold() == "x"`, vars("text", repeat("A", bytes))},
		{"fold long ligatures", `text.fold() == "x"`, vars("text", repeat("\ufdfa", bytes))},
		{"fold mixed", `text.fold() == "x"`, vars("text", repeat("Aaaaaaaaaaaaaaaaaaaaaé", bytes))},
		{"fold marks", `text.fold() == "x"`, vars("text", "A"+repeat("\u0301\u0323", bytes))},
		{"glob", `text.glob("*aaaaaaaaaaaaaaaaaaaab")`, vars("text", as)},
		{"glob classes", `text.glob("*[b-cd-ea][b-cd-ea][b-cd-ea][b-cd-ea][b-cd-ea][b-cd-ea][b-cd-ea]b")`, vars("text", as)},
		{"glob folders", `text.glob("**/a/a/a/a/a/a/a/a/a/b")`, vars("text", repeat("a/", bytes))},
		{"glob stars in folders", `text.glob("**/*a*a/*a*a/*a*a/*a*a/b")`, vars("text", repeat("aaaaaaaaaaaaaaaaaaa/", bytes))},
		{"glob alternatives", `text.glob("*{a,a}{a,a}{a,a}{a,a}{a,a}b")`, vars("text", as)},
		{"glob by a text", `text.glob(other)`, vars("text", as, "other", repeat("{a,b}", bytes))},
		{"glob by braces again", `numbers.exists(n, "x".glob(other))`, vars("numbers", numbersUpTo(size), "other", repeat("{a}", bytes))},
		{"semver", `semver.compare(text, text) == 1`, vars("text", "1.2.3-"+repeat("a.", bytes)+"b")},
		{"matches", `text.matches("(a*)*b")`, vars("text", as)},
		{"matches in many ways", `text.matches("a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaab")`, vars("text", as)},
		{"matches repetitions", `text.matches("(a{0,400})b")`, vars("text", as)},
		{"matches by a text", `"x".matches(text)`, vars("text", repeat(`\pL`, bytes))},
		{"matches by classes", `numbers.exists(n, "x".matches(other))`, vars("numbers", numbersUpTo(size), "other", "(?i)"+repeat(`\pL`, 90))},
		{"matches by repetitions", `"x".matches(other)`, vars("other", repeat("a{0,1000}", 90))},
		{"regex.extract", `regex.extract(text, "(a?a?a?a?a?a?a?a?)b") == optional.none()`, vars("text", as)},
		{"regex.extractAll", `regex.extractAll(text, "a*?").size() == 1`, vars("text", as)},
		{"regex.replace", `regex.replace(text, "(a)", r"\1\1\1\1") == "x"`, vars("text", as)},
		{"regex.replace groups", `regex.replace(text, "((((((((a?))))))))", "x") == "x"`, vars("text", as)},
		{"zone", `numbers.exists(n, timestamp(n).getHours("America/New_York") == 99)`, vars("numbers", numbersUpTo(size))},
		{"timeOfDay", `numbers.exists(n, timestamp(n).timeOfDay("America/New_York") == duration("99h"))`, vars("numbers", numbersUpTo(size))},
		{"address", `isIP(text)`, vars("text", repeat("1", bytes))},
		{"address zone", `isIP(text)`, vars("text", "fe80::1%"+repeat("1", bytes))},
		{"cidr", `isCIDR(text)`, vars("text", repeat("1", bytes))},
		{"in", `text in list`, vars("list", namesUpTo(size), "text", namesUpTo(1)[0][:12])},
		{"in copies", `other in numbers.map(n, text)`, vars("numbers", numbersUpTo(size), "text", as, "other", strings.Clone(as))},
		{"in literals again", `numbers.exists(n, text in ["a", "b"])`, vars("numbers", numbersUpTo(size), "text", as)},
		{"lists equal", `list == list.reverse().reverse()`, vars("list", namesUpTo(size))},
		{"lists equal by bindings", `cel.bind(a, [list, list], cel.bind(b, [a, a], cel.bind(c, [b, b], [c, c] == [c, c])))`, vars("list", namesUpTo(size))},
		{"lists double by bindings", `cel.bind(a, list + list, cel.bind(b, a + a, cel.bind(c, b + b, c + c))).size() == 1`, vars("list", namesUpTo(size))},
		{"distinct", `list.distinct().size() == 1`, vars("list", namesUpTo(size))},
		{"sort", `list.sort()[0] == "x"`, vars("list", namesUpTo(size))},
		{"sortBy", `numbers.sortBy(n, -n)[0] == 1`, vars("numbers", numbersUpTo(size))},
		{"reverse list", `list.reverse()[0] == "x"`, vars("list", namesUpTo(size))},
		{"flatten", `[list, list].flatten().size() == 1`, vars("list", namesUpTo(size))},
		{"slice", `numbers.all(n, list.slice(0, list.size()).size() > 0)`, vars("numbers", numbersUpTo(size), "list", namesUpTo(size))},
		{"range", `lists.range(1000000000).size() == 1`, nil},
		{"greatest", `math.greatest(numbers) == -1`, vars("numbers", numbersUpTo(size))},
		{"sets.contains", `sets.contains(list, list)`, vars("list", namesUpTo(size))},
		{"sets.equivalent", `sets.equivalent(list, list)`, vars("list", namesUpTo(size))},
		{"sets.intersects", `sets.intersects(numbers, numbers.map(n, n + 1000000))`, vars("numbers", numbersUpTo(size))},
		{"hasAll", `list.hasAll(list)`, vars("list", namesUpTo(size))},
		{"all", `numbers.all(n, true)`, vars("numbers", numbersUpTo(size))},
		{"exists", `list.exists(s, s == "x")`, vars("list", namesUpTo(size))},
		{"map", `numbers.map(n, [n]).size() == 1`, vars("numbers", numbersUpTo(size))},
		{"map to maps", `numbers.map(n, {"a": n, "b": n}).size() == 1`, vars("numbers", numbersUpTo(size))},
		{"filter", `numbers.filter(n, true).size() == 1`, vars("numbers", numbersUpTo(size))},
		{"string of numbers", `numbers.all(n, string(double(n)) != "x")`, vars("numbers", numbersUpTo(size))},
		{"loops in loops", `numbers.all(a, numbers.all(b, numbers.all(c, numbers.all(d, true))))`, vars("numbers", numbersUpTo(size))},
		{"errors in loops", `numbers.all(n, text.contains("ab") || true)`, vars("numbers", numbersUpTo(size), "text", as)},
	}
}

func vars(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// refused reports whether err is that of a guard or of the limit.
func refused(err error) bool {
	var cancelled interpreter.EvalCancelledError
	return errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded ||
		err != nil && (strings.Contains(err.Error(), "no call may cost more than") || strings.Contains(err.Error(), "is too large") ||
			strings.Contains(err.Error(), "alternatives"))
}

func TestCostLimitFires(t *testing.T) {
	env := costEnv(t)
	for _, tc := range []struct {
		name    string
		options celgo.EvalOption
	}{
		{"plain", 0},
		{"state", celgo.OptTrackState},
		{"exhaustive", celgo.OptExhaustiveEval},
		{"partial", celgo.OptPartialEval},
		{"all", celgo.OptTrackState | celgo.OptExhaustiveEval | celgo.OptPartialEval},
	} {
		t.Run(tc.name, func(t *testing.T) {
			program := compileProgram(t, env, `numbers.all(a, numbers.all(b, true))`, append(costOptions(), celgo.EvalOptions(tc.options))...)
			input := vars("numbers", numbersUpTo(1000))
			_, details, err := program.Eval(input)
			if !refused(err) {
				t.Fatalf("err = %v, want that of the limit", err)
			}
			if cost := details.ActualCost(); cost == nil || *cost <= MaxCost {
				t.Errorf("cost = %v, want more than %d", cost, MaxCost)
			}
			if _, _, err := program.Eval(vars("numbers", numbersUpTo(3))); err != nil {
				t.Errorf("of three numbers: %v", err)
			}
		})
	}
}

// A guard holds in programs whose cost is not counted, too.
func TestGuardsNeedNoOption(t *testing.T) {
	env := costEnv(t)
	for _, tc := range []struct{ name, expression, want string }{
		{"text", `text.contains("ab")`, "contains is given too much (4194304 bytes, 2 bytes): it would cost 83887 units, and no call may cost more than 30000"},
		{"operator", `text + text == "x"`, "+ is given too much (4194304 bytes, 4194304 bytes)"},
		{"list", `sets.contains(list, ["x"])`, "sets.contains is given too much (100000 elements, 1 elements): it would cost more units than are counted"},
		{"regular expression", `"x".matches(text)`, "the regular expression \"aaaaa"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			program := compileProgram(t, env, tc.expression)
			_, _, err := program.Eval(vars("text", repeat("a", hugeText), "list", namesUpTo(hugeList)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
		})
	}
}

// What is guarded says the same as what is not.
func TestGuardedCallsDecideAlike(t *testing.T) {
	env := costEnv(t)
	input := vars("text", "Read ME", "other", "read me", "dynamic", []any{int64(1), "b"}, "list", []string{"a", "b"},
		"numbers", []int64{3, 1, 2}, "labels", []string{"reads:hr"}, "time", testTime)
	for _, expression := range []string{
		`text != other && !(text == other) && text.lowerAscii() == other`,
		`dynamic == [1, "b"] && dynamic != [1, "c"] && list == ["a", "b"]`,
		`text + other == "Read MEread me" && list + ["c"] == ["a", "b", "c"] && (list + list)[3] == "b"`,
		`numbers[0] + 1 == 4 && dynamic[0] + dynamic[0] == 2 && time + duration("1s") > time`,
		`bytes(text) + b"!" == b"Read ME!"`,
		`numbers.map(n, n + 1) == [4, 2, 3] && numbers.filter(n, n > 1) == [3, 2]`,
		`text in ["Read ME"] && !(text in ["Read"]) && !(text in ["Read MEE", ""]) && text.substring(0, 0) in ["", "R"]`,
		`dynamic[0] in [1, 2] && dynamic[0] in [1.0] && !(dynamic[1] in [1]) && text in {"Read ME": 1}`,
		`"b" in list && !("c" in list) && list.size() == 2 && text.size() == 7 && dynamic.size() == 2`,
		`text.matches("^Read [A-Z]+$") && !text.matches(other) && text.matches(text) && dynamic[1].matches("b")`,
		`regex.extract(text, "([A-Z]+)$") == optional.of("ME") && regex.replace(text, "e", "3") == "R3ad ME"`,
		`numbers.sort() == [1, 2, 3] && numbers.sortBy(n, -n) == [3, 2, 1] && math.greatest(numbers) == 3`,
		`text.split(" ").join("-") == "Read-ME" && text.reverse() == "EM daeR" && list.reverse() == ["b", "a"]`,
		`"%s has %d".format([text, 3]) == "Read ME has 3" && text.replace("ME", "it") == "Read it"`,
		`sets.contains(list, ["a"]) && list.hasAny(["b", "x"]) && [list, list].flatten().distinct() == list`,
		`time.getHours("Europe/Berlin") == 13 && time.getHours() == 12 && string(time) == "2026-11-23T12:30:15Z"`,
		`cidr("10.0.0.0/8").containsIP("10.1.2.3") && isIP("::1") && !isIP(text)`,
		`int("12") == 12 && double("1.5") == 1.5 && duration("1m") == duration("60s") && string(1u) == "1"`,
		`{"a": list} == {"a": list} && optional.of(list) == optional.of(list)`,
	} {
		t.Run(expression, func(t *testing.T) {
			for _, options := range [][]celgo.ProgramOption{nil, costOptions()} {
				value, _, err := compileProgram(t, env, expression, options...).Eval(input)
				if err != nil || value != types.True {
					t.Errorf("%v, %v, want true", value, err)
				}
			}
		})
	}
}

func TestWorstCase(t *testing.T) {
	env, err := celgo.NewEnv(append(library(),
		celgo.Variable("labels", celgo.ListType(celgo.StringType)),
		celgo.Variable("tool", celgo.MapType(celgo.StringType, celgo.StringType)),
		celgo.Variable("effect", celgo.MapType(celgo.StringType, celgo.DynType)),
		celgo.Variable("text", celgo.StringType),
		celgo.Variable("list", celgo.ListType(celgo.StringType)),
		celgo.Variable("dynamic", celgo.DynType))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		expression string
		bounded    bool
	}{
		{`"reads:private" in labels`, true},
		{`labels.exists(l, l.startsWith("reads:"))`, true},
		{`text == "x" || dynamic == 5 || text.startsWith("a")`, true},
		{`text in ["a", "b"]`, true},
		{`text.contains("x")`, false},
		{`text.size() > 5`, false},
		{`dynamic == list`, false},
		{`"x" in list`, false},
		{`list.exists(l, l == "x")`, false},
		{`"x".matches(text)`, false},
		{`text.matches("x")`, false},
		{`text.fold() == "x"`, false},
		{`labels.all(a, labels.all(b, labels.all(c, a != b)))`, false},
	} {
		t.Run(tc.expression, func(t *testing.T) {
			checked, issues := env.Compile(tc.expression)
			if issues.Err() != nil {
				t.Fatal(issues.Err())
			}
			worst, bounded := worstCase(env, checked)
			if bounded != tc.bounded || bounded != (worst <= MaxCost) || worst == 0 {
				t.Errorf("worst case %d, bounded %v, want %v", worst, bounded, tc.bounded)
			}
		})
	}
}

// What an expression costs is never more than its worst case.
func TestWorstCaseIsOne(t *testing.T) {
	env := costEnv(t)
	labels := make([]string, boundedLists["labels"].size)
	for i := range labels {
		labels[i] = fmt.Sprintf("%0*d", boundedLists["labels"].element, i)
	}
	for _, expression := range []string{
		`"x" in labels`,
		`labels.exists(l, l == "x")`,
		`labels.exists(l, l.startsWith("0000000000x"))`,
		`labels.all(l, l.contains("0000"))`,
		`labels.exists(l, l.lowerAscii() in ["a", "b"])`,
		`labels.exists(l, l.glob("a/**"))`,
		`labels.map(l, l.size()).size() == 5`,
		`sets.intersects(labels, ["a", "b", "c"])`,
		`labels == ["a", "b"] || labels[3] != "x"`,
	} {
		t.Run(expression, func(t *testing.T) {
			checked, issues := env.Compile(expression)
			if issues.Err() != nil {
				t.Fatal(issues.Err())
			}
			worst, _ := worstCase(env, checked)
			_, details, err := compileProgram(t, env, expression, costOptions()...).Eval(vars("labels", labels))
			if refused(err) && worst > MaxCost {
				return
			}
			if err != nil || *details.ActualCost() > worst {
				t.Errorf("cost %d, %v, worst case %d", *details.ActualCost(), err, worst)
			}
		})
	}
}

func TestCompilationIsBounded(t *testing.T) {
	env := costEnv(t)
	for _, tc := range []struct{ name, expression, want string }{
		{"long", `text == "` + repeat("a", maxExpression) + `"`, "code point size"},
		{"parentheses", repeat("(", 4000) + "true" + repeat(")", 4000), "recursion limit"},
		{"nots", repeat("!", 999) + "true", ""},
		{"sums", "1" + repeat("+1", 2000) + " == 1", "recursion depth"},
		{"terms", "true" + strings.Repeat(" && text == \"a\"", 600), ""},
		{"list", "[" + strings.Repeat("1,", maxNodes) + "1] == []", "limit"},
		{"lists in lists", repeat("[", 200) + repeat("]", 200) + " == []", "recursion limit"},
		{"macros", `numbers.all(a, numbers.all(b, numbers.all(c, numbers.all(d, numbers.all(e, true)))))`, "nesting"},
		{"message", `google.protobuf.ListValue{values: numbers} == []`, "cannot be made in a policy"},
		{"regular expression", `text.matches("` + repeat("a", longestLiteral+1) + `")`, "1001 bytes, at most 1000"},
		{"repetitions", `text.matches("(a{100}){10}b{100}")`, "instructions, at most 1000"},
		{"regex.extract", `regex.extract(text, "(") == optional.none()`, "is no regular expression"},
		{"alternatives", `text.glob("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}")`, "too many alternatives"},
		{"pattern", `text.glob("[a")`, "is no pattern of paths"},
		{"zone", `time.timeOfDay("Europe/Berlun") == duration("1s")`, "is no time zone"},
		{"zone of cel-go", `time.getHours("Mars") == 1`, "is no time zone"},
		{"version", `semver.compare(text, "one") == 1`, "is no version"},
		{"duration", `duration("1 hour") == duration("1h")`, "invalid duration"},
		{"timestamp", `timestamp("today") == time`, "invalid timestamp"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, issues := env.Compile(tc.expression)
			switch err := issues.Err(); {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("err = %.200v, want %q in it", err, tc.want)
			}
		})
	}
}

// needGuards ends a test that would go on for minutes without them.
func needGuards(t *testing.T) {
	t.Helper()
	huge := types.String(repeat("a", hugeText))
	if affordable("contains", charges["contains"], []ref.Val{huge, types.String("ab")}) == nil {
		t.Fatal("a call that costs too much is made")
	}
	if err := affordable("contains", charges["contains"], []ref.Val{huge[:1000], types.String("ab")}); err != nil {
		t.Fatal(err)
	}
}

func TestAttacksAreRefused(t *testing.T) {
	needGuards(t)
	env := costEnv(t)
	for _, tc := range attacks(hugeText, hugeList) {
		t.Run(tc.name, func(t *testing.T) {
			program := compileProgram(t, env, tc.expression, costOptions()...)
			if _, _, err := program.Eval(withTime(tc.vars)); !refused(err) {
				t.Errorf("err = %v, want one of the cost", err)
			}
		})
	}
}

// testTime is a Monday.
var testTime = time.Date(2026, 11, 23, 12, 30, 15, 0, time.UTC)

func withTime(vars map[string]any) map[string]any {
	m := map[string]any{"time": testTime}
	for k, v := range vars {
		m[k] = v
	}
	return m
}

// BenchmarkWorstCase grows the texts and lists of every attack to where it is still
// decided, or refused the latest, and measures the longest of those times. 5 ms is
// promised.
func BenchmarkWorstCase(b *testing.B) {
	env := costEnv(b)
	for i, huge := range attacks(hugeText, hugeList) {
		b.Run(strings.ReplaceAll(huge.name, " ", "-"), func(b *testing.B) {
			program := compileProgram(b, env, huge.expression, costOptions()...)
			input, worst := withTime(huge.vars), 0.0
			for scale := 1.0; scale < 100_000; scale *= 1.5 {
				smaller := withTime(attacks(max(int(hugeText/scale), 8), max(int(hugeList/scale), 2))[i].vars)
				if ns := timeOf(program, smaller); ns > worst {
					input, worst = smaller, ns
				}
			}
			for b.Loop() {
				_, _, _ = program.Eval(input)
			}
		})
	}
}

// timeOf returns how long an evaluation takes, the best of three.
func timeOf(program celgo.Program, input map[string]any) float64 {
	best := 0.0
	for range 3 {
		start := time.Now()
		_, _, _ = program.Eval(input)
		if ns := float64(time.Since(start)); best == 0 || ns < best {
			best = ns
		}
	}
	return best
}
