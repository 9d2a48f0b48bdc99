package secrets_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/mcpwasm/mcpwasm/host/capability/secrets"
)

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content, want string
		err                 string // of Check, and of Value
	}{
		{"as it is", canary, canary, ""},
		{"a line", canary + "\n", canary, ""},
		{"a line of Windows", canary + "\r\n", canary, ""},
		{"only one line end", canary + "\n\n", canary + "\n", ""},
		{"the longest", strings.Repeat("a", secrets.MaxValueBytes) + "\r\n", strings.Repeat("a", secrets.MaxValueBytes), ""},
		{"too long", strings.Repeat("a", secrets.MaxValueBytes+3), "", "longer than 65536 bytes"},
	}
	p := secrets.File(slog.New(slog.DiscardHandler))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.content, 0o600)
			check := p.Check(t.Context(), path)
			got, err := p.Value(t.Context(), path)
			if tt.err == "" {
				if check != nil || err != nil || got != tt.want {
					t.Fatalf("the value is %.50q, %v, %v", got, check, err)
				}
				return
			}
			for _, err := range []error{check, err} {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), path) {
					t.Errorf("the error is %v, want %q", err, tt.err)
				}
			}
		})
	}
	for name, path := range map[string]string{"missing": filepath.Join(t.TempDir(), "none"), "a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Value(t.Context(), path)
			for _, err := range []error{p.Check(t.Context(), path), err} {
				if err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
}

func TestFileMode(t *testing.T) {
	t.Parallel()
	if goruntime.GOOS == "windows" {
		return // has no such modes
	}
	for _, tt := range []struct {
		name string
		mode os.FileMode
		warn bool
	}{{"private", 0o600, false}, {"of the group", 0o640, true}, {"of everybody", 0o644, true}} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			path := write(t, canary, tt.mode)
			if err := secrets.File(slog.New(slog.NewTextHandler(&log, nil))).Check(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if warned := strings.Contains(log.String(), path); warned != tt.warn || strings.Contains(log.String(), "canary") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}
