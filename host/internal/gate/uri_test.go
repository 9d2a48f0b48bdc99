package gate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/host/internal/gate/gatetest"
)

// TestResourceLabels: another way to write a resource is no way around its labels.
func TestResourceLabels(t *testing.T) {
	for uri, want := range map[string]string{
		"notes://private/a/b":           "reads:private",
		"notes://public/a":              "",
		"notes://public/../private/a":   "",
		"NOTES://Private/a":             "reads:private",
		"notes://private/%61":           "reads:private",
		"notes://private/x/../../y":     "reads:private",
		"notes://me/draft":              "reads:draft",
		"notes://me/x/draft":            "",
		"notes://me/x/%2e%2e/draft":     "reads:draft",
		"notes://private/draft":         "reads:draft reads:private",
		"notes://private.example/draft": "reads:draft",
		"notes://%70rivate/a":           "reads:private",
		"notes://%2570rivate/a":         "reads:private",
		"notes://priv%zz/a":             "",
		"notes://private%2Fa":           "reads:private",
		"notes://private//%zz":          "reads:private",
		"notes://private//a":            "reads:private",
		"notes://shared/x":              "reads:shared",
		"notes://%73hared/x":            "reads:shared",
	} {
		t.Run(uri, func(t *testing.T) {
			var got []string
			b := newTestbed(t, gatetest.Policy{Decides: func(_ cel.Phase, in *cel.Input) cel.Decision {
				got = in.Labels
				return cel.Decision{Verdict: cel.Allow}
			}}, nil)
			b.gate.View().Shows(context.Background(), b.defs, gate.Subject{Resource: uri}, cel.Principal{})
			if strings.Join(got, " ") != want {
				t.Errorf("labels = %v, want %q", got, want)
			}
		})
	}
}

// TestNormalURI: the pairs are of RFC 3986, sections 5.4 and 6.2.2, and of URIs that
// package url does not read.
func TestNormalURI(t *testing.T) {
	for uri, want := range map[string]string{
		"eXAMPLE://a/./b/../b/%63/%7bfoo%7d":   "example://a/b/c/%7Bfoo%7D",
		"HTTP://User@Www.Example.COM:80/A?B#C": "http://User@www.example.com:80/A?B#C",
		"notes://%6Dwsngdyx":                   "notes://mwsngdyx",
		"notes://%4Dwsngdyx":                   "notes://mwsngdyx",
		"tpl://s%65cret":                       "tpl://secret",
		"tpl://a%2fb":                          "tpl://a%2Fb",
		"tpl://{id}/{+rest}":                   "tpl://{id}/{+rest}",
		"note:%61/../b":                        "note:b",
		"note:A%20b":                           "note:A%20b",
		"file:///a/b/c/./../../g":              "file:///a/g",
		"file:///../g/..":                      "file:///",
		"file:///%2e%2E/a":                     "file:///a",
		"x://h?a=%7E&b=%2f":                    "x://h?a=~&b=%2F",
		"x://h%zz/a%":                          "x://h%zz/a%",
		"":                                     "",
		"no scheme":                            "no scheme",
	} {
		if got := gate.NormalURI(uri); got != want {
			t.Errorf("NormalURI(%q) = %q, want %q", uri, got, want)
		}
		if again := gate.NormalURI(want); again != want {
			t.Errorf("NormalURI(%q) = %q, which is normal already", want, again)
		}
	}
}
