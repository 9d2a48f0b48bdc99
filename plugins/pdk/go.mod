module github.com/mcpwasm/mcpwasm/plugins/pdk

go 1.26.0
