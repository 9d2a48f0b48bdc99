package pack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// maxDefinitions bounds each list of definitions, as a host does that asks a
// guest for them.
const maxDefinitions = 10_000

// parsePlugin reads a package's own manifest, as strictly as a message: its
// definitions are passed on to clients.
func parsePlugin(data []byte) (*plugins.Manifest, error) {
	if err := wire.Check(data); err != nil {
		return nil, refuse("manifest: %w", err)
	}
	m, err := plugins.ParseManifest(data)
	if err != nil {
		return nil, refuse("%w", err)
	}
	d := &m.Definitions
	for _, l := range []struct {
		name  string
		items int
	}{
		{"tools", len(d.Tools.Items)}, {"prompts", len(d.Prompts.Items)},
		{"resources", len(d.Resources.Items)}, {"resourceTemplates", len(d.ResourceTemplates.Items)},
	} {
		if l.items > maxDefinitions {
			return nil, refuse("manifest: definitions.%s: %d definitions, more than the %d allowed", l.name, l.items, maxDefinitions)
		}
	}
	return m, nil
}

// checkModule refuses what is no module, and one that does not speak what its
// manifest, if there is one, says.
func checkModule(wasm []byte, m *plugins.Manifest) error {
	module, err := plugins.Inspect(wasm)
	if err != nil {
		return err
	}
	if m == nil || module.Shape != plugins.ShapeReactor {
		return nil
	}
	if !module.HasExport(fmt.Sprintf("mcpwasm_v%d_handle", m.Contract), "func") {
		return refuse("the manifest says version %d of the guest contract, the module speaks version %d: build the package again", m.Contract, module.Contract)
	}
	return nil
}

// checkConfig compares the configuration of a package of ours with its layers.
func checkConfig(data []byte, layers []oci.Descriptor) error {
	if err := wire.Check(data); err != nil {
		return refuse("config: %w", err)
	}
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return refuse("config: %w", err)
	}
	if c.Architecture != "wasm" || c.OS != "wasip1" {
		return refuse("config: architecture %.40q and os %.40q: want wasm and wasip1", c.Architecture, c.OS)
	}
	var digests []string
	for _, l := range layers {
		digests = append(digests, l.Digest)
	}
	if !slices.Equal(c.LayerDigests, digests) {
		return refuse("config: layerDigests: want the digests of the layers in their order, %s", strings.Join(digests, ", "))
	}
	return nil
}
