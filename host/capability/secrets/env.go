package secrets

import (
	"context"
	"fmt"
)

// Env is a provider of environment variables: a reference is a variable's name.
// lookup is that of the host's environment, [os.LookupEnv] for one.
func Env(lookup func(string) (string, bool)) Provider { return env(lookup) }

type env func(string) (string, bool)

// Check implements [Provider].
func (e env) Check(ctx context.Context, name string) error {
	_, err := e.Value(ctx, name)
	return err
}

// Value implements [Provider].
func (e env) Value(_ context.Context, name string) (string, error) {
	value, ok := e(name)
	if !ok {
		return "", fmt.Errorf("the variable %q is not set", name)
	}
	if err := CheckValue(value); err != nil {
		return "", fmt.Errorf("the variable %q: %w", name, err)
	}
	return value, nil
}
