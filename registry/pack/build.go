package pack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// Annotations that are written (image-spec, annotations.md). The title of a layer
// is the file name under which oras pulls it.
const (
	annotationTitle       = "org.opencontainers.image.title"
	annotationVersion     = "org.opencontainers.image.version"
	annotationDescription = "org.opencontainers.image.description"
	annotationLicenses    = "org.opencontainers.image.licenses"
	annotationSource      = "org.opencontainers.image.source"
	annotationCreated     = "org.opencontainers.image.created"
	titleWasm             = "plugin.wasm"
	titleManifest         = "manifest.json"
)

// Options of [Build].
type Options struct {
	// Created is written into the package, to the second; the zero time stands
	// for 1 January 1970, so that the same input gives the same digest.
	Created time.Time
	// Annotations are added to the manifest's; those that Build writes itself
	// cannot be replaced.
	Annotations map[string]string
}

// Build makes a package of a module and its manifest. The same input gives the
// same digest. Both must be usable: the manifest is valid, and the module speaks
// the contract's version that it names.
func Build(wasm []byte, m *plugins.Manifest, o Options) (*Package, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if err := checkModule(wasm, m); err != nil {
		return nil, err
	}
	plugin, err := encodePlugin(m)
	if err != nil {
		return nil, err
	}
	layers := []Content{piece(MediaTypeWasm, titleWasm, wasm), piece(MediaTypeManifest, titleManifest, plugin)}
	created := time.Unix(0, 0)
	if !o.Created.IsZero() {
		created = o.Created
	}
	stamp := created.UTC().Format(time.RFC3339)
	configuration, err := encodeConfig(m, stamp, layers)
	if err != nil {
		return nil, err
	}
	annotations, err := annotate(m, stamp, o.Annotations)
	if err != nil {
		return nil, err
	}
	p := &Package{Manifest: oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: configuration.Descriptor, Annotations: annotations}}
	for _, l := range layers {
		p.Manifest.Layers = append(p.Manifest.Layers, l.Descriptor)
	}
	manifest, err := json.Marshal(p.Manifest)
	if err != nil {
		return nil, fmt.Errorf("encode the OCI manifest: %w", err)
	}
	if len(manifest) > oci.MaxManifestBytes {
		return nil, fmt.Errorf("the OCI manifest has %d bytes, more than the %d allowed: shorten the annotations", len(manifest), oci.MaxManifestBytes)
	}
	p.Descriptor = oci.Describe(oci.MediaTypeManifest, manifest)
	p.Content = append([]Content{configuration}, append(layers, Content{p.Descriptor, manifest})...)
	return p, nil
}

// piece is a layer that oras pulls under a file name.
func piece(mediaType, title string, content []byte) Content {
	d := oci.Describe(mediaType, content)
	d.Annotations = map[string]string{annotationTitle: title}
	return Content{d, content}
}

// encodePlugin returns the manifest's layer. What was written is what will be
// read, or it is not written.
func encodePlugin(m *plugins.Manifest) ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	if data, err = wire.Canonical(data); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if _, err := parsePlugin(data); err != nil {
		return nil, err
	}
	return data, nil
}

// formServerName is the form of names in the MCP Registry: a reverse domain name,
// and a name below it (server.schema.json).
var formServerName = regexp.MustCompile(`^[A-Za-z0-9.-]+/[A-Za-z0-9._-]+$`)

// config is the configuration of a Wasm artifact (CNCF TAG Runtime, Wasm OCI
// artifact layout). The last member is that of an ordinary image's configuration:
// the MCP Registry looks for its label there, and readers of the Wasm one pass
// over it.
type config struct {
	Created      string       `json:"created"`
	Author       string       `json:"author,omitempty"`
	Architecture string       `json:"architecture"`
	OS           string       `json:"os"`
	LayerDigests []string     `json:"layerDigests"`
	Config       *imageConfig `json:"config,omitempty"`
}

type imageConfig struct {
	Labels map[string]string `json:"Labels"`
}

func encodeConfig(m *plugins.Manifest, created string, layers []Content) (Content, error) {
	c := config{Created: created, Author: strings.Join(m.Authors, ", "), Architecture: "wasm", OS: "wasip1"}
	for _, l := range layers {
		c.LayerDigests = append(c.LayerDigests, l.Digest)
	}
	if formServerName.MatchString(m.Name) {
		c.Config = &imageConfig{map[string]string{AnnotationServerName: m.Name}}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return Content{}, fmt.Errorf("encode the config: %w", err)
	}
	return Content{oci.Describe(MediaTypeConfig, data), data}, nil
}

// annotate returns the annotations of a package's OCI manifest. What the plugin
// manifest leaves out is not there.
func annotate(m *plugins.Manifest, created string, more map[string]string) (map[string]string, error) {
	title := m.Title
	if title == "" {
		title = m.Name
	}
	own := map[string]string{
		annotationTitle: title, annotationVersion: m.Version, annotationDescription: m.Description,
		annotationLicenses: m.License, annotationSource: m.Source, annotationCreated: created, AnnotationServerName: "",
	}
	if formServerName.MatchString(m.Name) {
		own[AnnotationServerName] = m.Name
	}
	all := map[string]string{}
	for k, v := range more {
		if _, taken := own[k]; taken || k == "" {
			return nil, fmt.Errorf("annotation %q: it is made of the manifest and cannot be given", k)
		}
		all[k] = v
	}
	for k, v := range own {
		if v != "" {
			all[k] = v
		}
	}
	return all, nil
}
