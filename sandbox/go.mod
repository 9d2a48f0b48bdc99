module github.com/mcpwasm/mcpwasm/sandbox

go 1.26.0

require github.com/mcpwasm/mcpwasm v0.0.0

replace github.com/mcpwasm/mcpwasm => ../
