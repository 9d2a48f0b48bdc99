module github.com/mcpwasm/mcpwasm/plugins/examples

go 1.26.0

require github.com/mcpwasm/mcpwasm/plugins/pdk v0.0.0

replace github.com/mcpwasm/mcpwasm/plugins/pdk => ../pdk
