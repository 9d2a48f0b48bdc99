package secrets_test

import (
	"context"
	"fmt"

	"github.com/mcpwasm/mcpwasm/cel"
	"github.com/mcpwasm/mcpwasm/host/capability/effect"
	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
	"github.com/mcpwasm/mcpwasm/plugins"
)

func Example() {
	ctx := context.Background()
	environment := map[string]string{"WEATHER_TOKEN": "sk-7f3a9c51e0"} // or os.LookupEnv
	set, err := secrets.Open(ctx, secrets.Config{
		Server: "weather",
		Granted: []plugins.SecretGrant{
			{Name: "token", Provider: "env", Ref: "WEATHER_TOKEN", Hosts: []string{"api.example.com"}},
		},
		Providers: map[string]secrets.Provider{
			"env": secrets.Env(func(name string) (string, bool) { v, ok := environment[name]; return v, ok }),
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handle, err := set.Handle("token") // what the guest has
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := func(_ context.Context, e *cel.Effect, _ []string) error {
		fmt.Println("the policy is asked about", e.Secret.Name, "for", e.HTTP.Method, e.HTTP.Path)
		return nil
	}
	use := effect.Use{
		Call:   effect.Call{Decide: policy},
		Target: effect.Target{Scheme: "https", Host: "api.example.com", Port: 443},
		As:     []*cel.HTTP{{Method: "GET", Scheme: "https", Host: "api.example.com", Port: 443, Path: "/now"}},
		Place:  secrets.PlaceHeader,
	}
	sent, _, err := set.Expand(ctx, use, "Bearer "+handle)
	fmt.Println(sent, err)
	fmt.Println(set.Scrub(`{"error":"unknown token c2stN2YzYTljNTFlMA=="}`))

	use.Target.Host = "evil.example.com"
	_, _, err = set.Expand(ctx, use, "Bearer "+handle)
	fmt.Println(err)
	// Output:
	// the policy is asked about token for GET /now
	// Bearer sk-7f3a9c51e0 <nil>
	// {"error":"unknown token [secret:token]=="}
	// the secret "token" is not granted for evil.example.com
}
