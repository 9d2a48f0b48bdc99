package catalog

import "testing"

const dockerCatalog = `
version: 3
name: house-mcp
displayName: The house's catalog
registry:
  clock:
    description: |
      Tells the time,
      in every zone.
    title: Clock
    type: server
    dateAdded: "2026-01-01T00:00:00Z"
    image: house/clock@sha256:abababababababababababababababababababababababababababababababab
    upstream: https://example.com/house/clock
    icon: https://example.com/i.png
    tools:
      - name: now
        description: The time
        annotations: {readOnlyHint: true}
    env:
      - name: ZONE
        value: '{{clock.zone}}'
      - name: PORT
        value: 8080
    secrets:
      - name: clock.token
        env: TOKEN
        example: <TOKEN>
        required: true
    command: [--transport=stdio, "-v", 2]
    volumes:
      - '{{clock.path|volume|into}}'
    user: '{{clock.user}}'
    allowHosts: [time.example.com:443, "ntp.example.com:123/udp"]
    extraHosts: [host.docker.internal:host-gateway]
    longLived: true
    disableNetwork: false
    prefix: ck
    config:
      - name: clock
        description: Its settings
        type: object
        properties: {zone: {type: string, default: UTC}, max: {type: integer, maximum: 12345678901234567890}}
        required: [zone]
    oauth:
      providers: [{provider: house, secret: house.token, env: HOUSE}]
    metadata:
      pulls: 12
      category: time
      tags: [clock, zones]
      license: MIT License
      owner: house
    someday: {new: member}
  far:
    title: Far
    type: remote
    remote:
      url: https://mcp.example.com/mcp
      transport_type: streamable-http
      headers:
        Authorization: Bearer ${FAR_TOKEN}
        Accept: x
    secrets: [{name: far.token, env: FAR_TOKEN}]
    oauth: {providers: [{provider: far}]}
    metadata:
  older:
    sseEndpoint: https://mcp.example.com/sse
  calls:
    type: poci
    tools: [{name: curl, description: Fetch, container: {image: curl, command: ["{{url}}"]}}]
  nothing:
    description: neither image nor URL
  wrong:
    image: [a, b]
  "no name":
    image: a/b
  strange:
    type: virtual-machine
    image: a
  transports:
    remote: {url: "https://a.example", transport_type: carrier-pigeon}
`

func TestDocker(t *testing.T) {
	got, r := entriesOf(t, dockerCatalog)
	sameEntries(t, got, map[string]string{
		"clock": `{"name":"clock","title":"Clock","description":"Tells the time, in every zone.","tags":["time","clock","zones"],"license":"MIT License",
			"homepage":"https://example.com/house/clock","container":{
			"image":"house/clock@sha256:abababababababababababababababababababababababababababababababab","command":["--transport=stdio","-v","2"],
			"env":[{"name":"ZONE","value":"{{clock.zone}}"},{"name":"PORT","value":"8080"}],
			"secrets":[{"name":"clock.token","env":"TOKEN","example":"<TOKEN>","required":true}],
			"volumes":["{{clock.path|volume|into}}"],"user":"{{clock.user}}","allowHosts":["time.example.com:443","ntp.example.com:123/udp"],
			"extraHosts":["host.docker.internal:host-gateway"],"longLived":true,"prefix":"ck",
			"config":[{"name":"clock","description":"Its settings","type":"object","properties":{"zone":{"type":"string","default":"UTC"},"max":{"type":"integer","maximum":12345678901234567890}},"required":["zone"]}],
			"tools":[{"name":"now","description":"The time","annotations":{"readOnlyHint":true}}],
			"oauth":{"providers":[{"provider":"house","secret":"house.token","env":"HOUSE"}]}}}`,
		"far": `{"name":"far","title":"Far","remotes":[{"transport":"streamable-http","url":"https://mcp.example.com/mcp",
			"headers":[{"name":"Accept","value":"x"},{"name":"Authorization","value":"Bearer ${FAR_TOKEN}","secret":true}],"oauth":{"providers":[{"provider":"far"}]}}]}`,
		"older": `{"name":"older","remotes":[{"transport":"sse","url":"https://mcp.example.com/sse"}]}`,
		"calls": `{"name":"calls","container":{"type":"poci","tools":[{"name":"curl","description":"Fetch","container":{"image":"curl","command":["{{url}}"]}}]}}`,
	})
	if r.Catalog.Title != "The house's catalog" {
		t.Errorf("title %q", r.Catalog.Title)
	}
	wantNotes(t, r.Notes, "nothing is left out: it has neither an image nor the URL", "wrong is left out: line ", `no name is left out: name: "no name"`,
		`strange is left out: type "virtual-machine"`, `transports is left out: remote.transport_type: "carrier-pigeon"`)
}

func TestDockerSnapshots(t *testing.T) {
	got, r := entriesOf(t, `{"title":"House","servers":[
		{"type":"image","image":"house/clock","snapshot":{"server":{"name":"clock","type":"server","image":"house/clock","title":"Clock"}}},
		{"type":"registry","source":"https://registry.example.com"}]}`)
	sameEntries(t, got, map[string]string{"clock": `{"name":"clock","title":"Clock","container":{"image":"house/clock"}}`})
	wantNotes(t, r.Notes, "servers[1] is left out: it has no snapshot")
}

func TestDockerHostile(t *testing.T) {
	got, r := entriesOf(t, `{"registry":{
		"evil":{"image":"a\u0000b","title":"x"},
		"loud":{"image":"a","title":"\u001b[31mred\u0007\nsecond","description":"\u202eabc","readme":"javascript:alert(1)"},
		"LOUD":{"image":"other"}}}`)
	sameEntries(t, got, map[string]string{"loud": "{\"name\":\"loud\",\"title\":\"[31mred second\",\"description\":\"\u202eabc\",\"container\":{\"image\":\"a\"}}"})
	wantNotes(t, r.Notes, "evil is left out: evil: container: image: has control characters", `LOUD is left out: the name "LOUD" is taken by "loud"`)
}
