//go:build unix

package secrets

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommandGroup has a command that starts another one: both are ended.
func TestCommandGroup(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script string }{
		{"and waits", "sleep 1000 & echo $! > PIDFILE; wait"},
		{"and leaves", "sleep 1000 & echo $! > PIDFILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			line := "sh -c '" + strings.ReplaceAll(tt.script, "PIDFILE", `"'`+pidFile+`'"`) + "'"
			if got, err := (command{2 * time.Second}).Value(t.Context(), line); err == nil || got != "" {
				t.Errorf("the value is %q, %v", got, err)
			}
			b, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			gone := func() bool {
				stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
				return syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ")
			}
			for end := time.Now().Add(30 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("what the command started still runs")
				}
			}
		})
	}
}
