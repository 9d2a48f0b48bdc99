package nearest

import "testing"

func TestName(t *testing.T) {
	known := []string{"args", "env", "license", "lifetime", "limits", "memory", "source", "stderrBytes"}
	tests := []struct{ name, in, want string }{
		{"equal", "source", "source"},
		{"swap", "soruce", "source"},
		{"British", "licence", "license"},
		{"case", "LifeTime", "lifetime"},
		{"dashes", "stderr-bytes", "stderrBytes"},
		{"plural", "limit", "limits"},
		{"short", "envs", "env"},
		{"nothing near", "frobnicate", ""},
		{"one letter", "x", ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Name(tt.in, known); got != tt.want {
				t.Errorf("Name(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzName(f *testing.F) {
	f.Add("soruce", "source")
	f.Add("\xff", "é")
	f.Fuzz(func(t *testing.T, name, known string) {
		if got := Name(name, []string{known}); got != "" && got != known {
			t.Errorf("Name(%q) = %q, which is not known", name, got)
		}
		if len(name) <= maxLen && Name(name, []string{name}) != name {
			t.Errorf("Name(%q) does not find itself", name)
		}
	})
}
