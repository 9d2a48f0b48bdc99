package files

import (
	"testing"

	"github.com/mcpwasm/mcpwasm/plugins"
)

func TestCheckSystem(t *testing.T) {
	for _, source := range []string{"/proc", "/proc/self", "/proc/self/fd", "/sys", "/sys/kernel", "/dev", "/dev/fd", "/proc/self/root", "/proc/self/cwd/../../.."} {
		t.Run(source, func(t *testing.T) {
			if err := Check(plugins.MountGrant{Source: source, Path: "/data"}); err == nil {
				t.Error("it was allowed")
			} else {
				t.Log(err)
			}
		})
	}
}
