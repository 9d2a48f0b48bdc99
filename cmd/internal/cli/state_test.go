package cli

import (
	"path/filepath"
	"testing"
)

func TestDefaultStateDir(t *testing.T) {
	t.Parallel()
	home, xdg := t.TempDir(), t.TempDir()
	tests := []struct {
		name string
		env  map[string]string
		want string // "" is an error
	}{
		{"of its own", map[string]string{"HOME": home, "XDG_STATE_HOME": xdg}, filepath.Join(xdg, "mcpwasm")},
		{"at home", map[string]string{"HOME": home}, filepath.Join(home, ".local", "state", "mcpwasm")},
		{"relative", map[string]string{"HOME": home, "XDG_STATE_HOME": "state"}, filepath.Join(home, ".local", "state", "mcpwasm")},
		{"nowhere", map[string]string{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := defaultStateDir("linux", func(k string) (string, bool) { v, ok := tt.env[k]; return v, ok })
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("the folder is %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
