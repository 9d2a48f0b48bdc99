package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
)

const configHelp = "configuration `FILE` (default: $" + config.EnvFile + ", or mcpwasm/" + config.DefaultName + " in the user's folder for configuration)"

// loadConfig reads the configuration that a flag names, "" for the default, and
// warns of others who may write to it. It must be there.
func loadConfig(s Streams, flag string) (*config.File, error) {
	path, named, err := config.Find(flag, os.LookupEnv)
	if err != nil {
		return nil, usage("", "%w", err)
	}
	file, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return nil, configFailure(path, named, err)
	}
	warnExposed(s, file)
	return file, nil
}

// optionalConfig is loadConfig for commands that do without: where nobody named a
// file, and the default one is not there, it is empty.
func optionalConfig(s Streams, flag string) (*config.File, error) {
	path, named, err := config.Find(flag, os.LookupEnv)
	if err != nil {
		return nil, usage("", "%w", err)
	}
	file, err := config.Load(path, os.LookupEnv)
	switch {
	case err == nil:
		warnExposed(s, file)
		return file, nil
	case !named && errors.Is(err, os.ErrNotExist):
		if inWorkingFolder() {
			say(s, "warning: %s", notRead)
		}
		return config.Empty(path), nil
	}
	return nil, configFailure(path, named, err)
}

func warnExposed(s Streams, file *config.File) {
	for _, line := range config.Exposed(file.Guarded()) {
		say(s, "warning: %s", line)
	}
}

// notRead says why a file that people expect to be read is not.
const notRead = "./" + config.DefaultName + " is not read unless it is named, because whoever wrote a folder would decide what is trusted and granted"

// inWorkingFolder reports whether there is a file that people may expect to be
// read.
func inWorkingFolder() bool {
	_, err := os.Lstat(config.DefaultName)
	return err == nil
}

// configFailure gives errors of reading a configuration their exit code.
func configFailure(path string, named bool, err error) error {
	if _, ok := errors.AsType[config.Errors](err); ok {
		return err
	}
	hint := ""
	if errors.Is(err, os.ErrNotExist) && !named {
		hint = "--config names another file; a minimal one is: servers: {hello: {source: hello.wasm}}"
		if inWorkingFolder() {
			err, hint = fmt.Errorf("there is no configuration %s, and %s", path, notRead), "--config "+config.DefaultName
		}
	}
	return &failure{ExitInput, err, hint}
}
