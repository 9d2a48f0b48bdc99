package cel

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
)

func TestNumbersAreExact(t *testing.T) {
	zeros := strings.Repeat("0", 1000)
	for text, want := range map[string]any{
		"0": types.Int(0), "-0": types.Int(0), "0.0": types.Int(0), "0e999999999999": types.Int(0),
		"1.0": types.Int(1), "1e3": types.Int(1000), "-1.50E1": types.Int(-15), "100e-2": types.Int(1),
		"9007199254740993":         types.Int(9007199254740993),
		"9007199254740993.0":       types.Int(9007199254740993),
		"9007199254740992.0":       types.Int(9007199254740992),
		"9223372036854775807.0":    types.Int(math.MaxInt64),
		"-9.223372036854775808e18": types.Int(math.MinInt64),
		"9223372036854775808":      nil,
		"9223372036854775808.0":    nil,
		"-9223372036854775809":     nil,
		"1e400":                    nil,
		"1e99999999999999999999":   nil,
		"0.1":                      types.Double(0.1),
		"-2.5e-3":                  types.Double(-0.0025),
		"0.10000000000000000001":   nil,
		"2251799813685248.5":       types.Double(2251799813685248.5),
		"4503599627370496.5":       nil,
		"1e-400":                   nil,
		"5e-324":                   types.Double(5e-324),
		"4e-324":                   nil,
		"0.5" + zeros:              types.Double(0.5),
		"0.5" + zeros + zeros:      nil,
	} {
		a := &activation{}
		got := a.number(text)
		if _, ok := got.(*unreadable); ok && want == nil {
			continue
		}
		if got != want {
			t.Errorf("%.40s: got %T %v, want %T %v", text, got, got, want, want)
		}
	}
}

// What a number becomes has the number's value, by math/big, and is an int where that is an
// integer that fits.
func TestNumbersByBigArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 53)) // the same in each run
	for range 20_000 {
		text := someNumber(r)
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		fits := exact.IsInt() && exact.Num().IsInt64()
		switch v := (&activation{}).number(text).(type) {
		case types.Int:
			if new(big.Rat).SetInt64(int64(v)).Cmp(exact) != 0 {
				t.Errorf("%s: got the integer %d", text, v)
			}
		case types.Double:
			// A double stands for the shortest decimal that means it.
			shortest, _ := new(big.Rat).SetString(fmt.Sprint(float64(v)))
			if fits || math.Abs(float64(v)) >= maxExact || shortest.Cmp(exact) != 0 {
				t.Errorf("%s: got the double %v", text, v)
			}
		case *unreadable:
			f, _ := exact.Float64()
			shortest, _ := new(big.Rat).SetString(fmt.Sprint(f))
			if fits || !exact.IsInt() && shortest.Cmp(exact) == 0 {
				t.Errorf("%s: %v", text, v.err)
			}
		}
	}
}

// someNumber writes a number near what ints and doubles can hold, in one of JSON's ways.
func someNumber(r *rand.Rand) string {
	edges := []int64{0, 1, maxExact, 2 * maxExact, math.MaxInt64 / 10, math.MaxInt64, math.MinInt64, r.Int64(), r.Int64N(1000)}
	n := new(big.Int).Add(big.NewInt(edges[r.IntN(len(edges))]), big.NewInt(r.Int64N(5)-2))
	digits, sign := new(big.Int).Abs(n).String(), ""
	if n.Sign() < 0 {
		sign = "-"
	}
	switch r.IntN(6) {
	case 0:
		return sign + digits
	case 1:
		return sign + digits + "." + strings.Repeat("0", 1+r.IntN(3))
	case 2:
		return fmt.Sprintf("%s%s.%d", sign, digits, r.IntN(1000))
	case 3:
		point := r.IntN(len(digits))
		return fmt.Sprintf("%s%s.%s0e%d", sign, digits[:point+1], digits[point+1:], len(digits)-point-1+r.IntN(3)-1)
	case 4:
		return fmt.Sprintf("%s%se%d", sign, digits, r.IntN(40)-20)
	}
	return fmt.Sprintf("%s0.%s%se-%d", sign, strings.Repeat("0", r.IntN(4)), digits, r.IntN(320))
}

// cel-go compares an int with a double by rounding the int.
func TestComparisonsAreExact(t *testing.T) {
	for _, tt := range []struct {
		when, args string
		want       Verdict // "" for an error
	}{
		{`args.id == 9007199254740993`, `{"id":9007199254740992.0}`, Deny},
		{`args.id == 9007199254740993`, `{"id":9007199254740993.0}`, Allow},
		{`args.id == 9007199254740993`, `{"id":9.007199254740993e15}`, Allow},
		{`args.id == 9223372036854775807`, `{"id":9223372036854775808.0}`, ""},
		{`args.id == args.other`, `{"id":9007199254740993,"other":9007199254740992.0}`, Deny},
		{`args.id in [9007199254740993]`, `{"id":9007199254740992.0}`, Deny},
		{`args.id > 9007199254740992`, `{"id":9007199254740993.0}`, Allow},
		{`args.id == 1.0 && args.id == 1`, `{"id":1e0}`, Allow},
		{`principal.claims.f == 9007199254740993`, ``, ""}, // rounded by whoever parsed it
		{`principal.claims.n == 9007199254740993`, ``, Allow},
		{`principal.claims.three == 3`, ``, Allow},
	} {
		p := mustParse(t, rules(`{name: r, on: call, then: allow, when: '`+tt.when+`'}`))
		in := call()
		in.Args = json.RawMessage(tt.args)
		in.Principal.Claims = map[string]any{"f": float64(9007199254740992), "n": json.Number("9007199254740993"), "three": 3.0}
		checkDecision(t, tt.when+" "+tt.args, p.Decide(t.Context(), PhaseCall, in), tt.want)
	}
	for _, when := range []string{`args.id == 9007199254740992.0`, `args.id > -1e16`, `args.id in [1.0, 1e300]`} {
		_, err := Parse("policy.yaml", []byte(rules(`{name: r, on: call, then: allow, when: '`+when+`'}`)))
		if err == nil || !strings.Contains(err.Error(), "write an integer") {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// checkDecision compares a verdict; "" is a denial by an error.
func checkDecision(t *testing.T, name string, d Decision, want Verdict) {
	t.Helper()
	if want == "" && (d.Verdict != Deny || d.Err == nil) || want != "" && (d.Verdict != want || d.Err != nil) {
		t.Errorf("%s: want %q, got %+v", name, want, d)
	}
}
