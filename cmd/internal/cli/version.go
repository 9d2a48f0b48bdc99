package cli

import (
	"fmt"
	goruntime "runtime"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// versionJSON is the output of version.
type versionJSON struct {
	Version  string `json:"version"`
	Contract int    `json:"contract"` // newest guest contract
	Protocol string `json:"protocol"` // newest MCP revision
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func newVersion(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  takes(0, 0, "no arguments"),
	}
	out := newOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		v := versionJSON{
			version(), plugins.ContractVersion, plugins.ProtocolVersion,
			goruntime.Version(), goruntime.GOOS, goruntime.GOARCH,
		}
		if out.json() {
			return writeJSON(s.Out, v)
		}
		_, err := fmt.Fprintf(s.Out, "mcpwasm %s (MCP %s, guest contract %d, %s %s/%s)\n",
			v.Version, v.Protocol, v.Contract, v.Go, v.OS, v.Arch)
		return err
	}
	return cmd
}
