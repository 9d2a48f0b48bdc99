package cel

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	celgo "cel.dev/cel-go/cel"
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
		{"format digits", `numbers.exists(n, "%.100e%.100e%.100e%.100e".format([1e300, 1e300, 1e300, 1e300]) == "x")`, vars("numbers", numbersUpTo(size))},
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

func TestAttacksAreRefused(t *testing.T) {
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
		start := now()
		_, _, _ = program.Eval(input)
		if ns := float64(now().Sub(start)); best == 0 || ns < best {
			best = ns
		}
	}
	return best
}
