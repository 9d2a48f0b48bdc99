package secrets_test

import (
	"context"
	"fmt"

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
	to := effect.Target{Scheme: "https", Host: "api.example.com", Port: 443}
	sent, _, err := set.Expand(ctx, to, secrets.PlaceHeader, "Bearer "+handle, nil)
	fmt.Println(sent, err)
	fmt.Println(set.Scrub(`{"error":"unknown token c2stN2YzYTljNTFlMA=="}`))

	to.Host = "evil.example.com"
	_, _, err = set.Expand(ctx, to, secrets.PlaceHeader, "Bearer "+handle, nil)
	fmt.Println(err)
	// Output:
	// Bearer sk-7f3a9c51e0 <nil>
	// {"error":"unknown token [secret:token]=="}
	// the secret "token" is not granted for evil.example.com
}
