module github.com/mcpwasm/mcpwasm/plugins/examples/fetch

go 1.26.0

require (
	github.com/mcpwasm/mcpwasm/plugins/pdk v0.0.0
	golang.org/x/net v0.61.0
)

require golang.org/x/text v0.43.0 // indirect

replace github.com/mcpwasm/mcpwasm/plugins/pdk => ../../pdk
