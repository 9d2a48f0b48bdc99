package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	// The user's folder for configuration, on Linux, macOS and Windows.
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("HOME", dir)
	t.Setenv("AppData", dir)
	user, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	own, abs := filepath.Join(user, "mcpwasm", "mcpwasm.yaml"), filepath.Join(dir, "other.yaml")
	t.Chdir(t.TempDir())
	if err := os.WriteFile(DefaultName, []byte("servers: {a: {source: a.wasm}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, flag, env, want string
		named                 bool
		err                   string
	}{
		{"nothing", "", "", own, false, ""},
		{"variable", "", abs, abs, true, ""},
		{"flag", "x.yaml", "", "x.yaml", true, ""},
		{"flag before variable", "x.yaml", abs, "x.yaml", true, ""},
		{"variable that is not absolute", "", "mcpwasm.yaml", "", true, `find the configuration: $MCPWASM_CONFIG is "mcpwasm.yaml": want an absolute path`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, named, err := Find(tt.flag, func(name string) (string, bool) { return tt.env, name == EnvFile && tt.env != "" })
			if err == nil && tt.err != "" || err != nil && err.Error() != tt.err || path != tt.want || named != tt.named {
				t.Errorf("%q, %v, %v, want %q, %v, %q", path, named, err, tt.want, tt.named, tt.err)
			}
		})
	}
}
