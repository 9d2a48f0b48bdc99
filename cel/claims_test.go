package cel

import (
	"encoding/json"
	"testing"
	"time"
)

type (
	group      string
	groupNames []group
)

func TestClaims(t *testing.T) {
	loop := map[string]any{}
	loop["loop"] = loop
	for _, tt := range []struct {
		name, when string
		claim      any
		want       Verdict // "" for an error
	}{
		{"texts", `"a" in principal.claims.c`, []string{"b", "a"}, Allow},
		{"named texts", `"a" in principal.claims.c && principal.claims.c[0] == "a"`, groupNames{"a"}, Allow},
		{"map of texts", `principal.claims.c.k == "v"`, map[string]string{"k": "v"}, Allow},
		{"integers of Go", `principal.claims.c == [1, 2]`, []uint16{1, 2}, Allow},
		{"null", `principal.claims.c == null`, nil, Allow},
		{"number", `principal.claims.c == 7`, json.Number("7"), Allow},
		{"no number", `principal.claims.c != 7`, json.Number("seven"), ""},
		{"large", `principal.claims.c != 7`, uint64(1) << 63, ""},
		{"struct", `principal.claims.c != "a"`, struct{}{}, ""},
		{"struct in a list", `!("a" in principal.claims.c)`, []any{struct{}{}}, ""},
		{"struct in a list in a map", `!("a" in principal.claims.c.groups)`, map[string]any{"groups": []any{"b", struct{}{}}}, ""},
		{"list with a struct compared", `principal.claims.c != ["a"]`, []any{struct{}{}}, ""},
		{"pointer", `principal.claims.c != "a"`, new(string), ""},
		{"time", `principal.claims.c != "a"`, time.Now(), ""},
		{"bytes", `principal.claims.c != "a"`, []byte("a"), ""},
		{"map by numbers", `!("a" in principal.claims.c)`, map[int]string{1: "a"}, ""},
		{"a map in itself", `principal.claims.c == principal.claims.c`, loop, ""},
		{"too many", `!("a" in principal.claims.c)`, make([]string, maxClaimValues+1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, rules(`{name: r, on: call, then: allow, when: '`+tt.when+`'}`))
			in := call()
			in.Principal.Claims = map[string]any{"c": tt.claim, "beside": struct{}{}}
			checkDecision(t, tt.when, p.Decide(t.Context(), PhaseCall, in), tt.want)
		})
	}
}
