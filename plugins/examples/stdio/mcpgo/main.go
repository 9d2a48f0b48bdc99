// Command mcpgo is an ordinary stdio MCP server, a small calculator, written
// with mcp-go. Nothing in it knows of Wasm or of mcpwasm: it builds for the
// sandbox with
//
//	GOOS=wasip1 GOARCH=wasm go build -o mcpgo.wasm ./mcpgo
//
// It serves with Listen, which takes a context. ServeStdio would ask for
// signals, which a Wasm module has none of: there, Go's runtime then spins where
// it should wait for input.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	stdio := server.NewStdioServer(newServer())
	if err := stdio.Listen(context.Background(), os.Stdin, os.Stdout); err != nil {
		log.SetOutput(os.Stderr)
		log.Fatal(err)
	}
}

func newServer() *server.MCPServer {
	s := server.NewMCPServer("calculator", "1.0.0",
		server.WithToolCapabilities(false), server.WithLogging(), server.WithRecovery())
	calc := calculator{s}
	s.AddTool(mcp.NewTool("factorise", mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDescription("Splits a whole number into its prime factors."),
		mcp.WithNumber("n", mcp.Required(), mcp.Description("a whole number from 2 to 10^12"))), calc.factorise)
	s.AddTool(mcp.NewTool("sum_primes", mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDescription("Adds up the prime numbers below a limit."),
		mcp.WithNumber("limit", mcp.Required(), mcp.Description("a whole number up to 10^6"))), calc.sumPrimes)
	s.AddTool(mcp.NewTool("convert_temperature", mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDescription("Converts degrees Celsius; asks for the unit when it is not given."),
		mcp.WithNumber("celsius", mcp.Required()),
		mcp.WithString("unit", mcp.Enum("fahrenheit", "kelvin"))), calc.convert)
	return s
}

type calculator struct{ server *server.MCPServer }

// factorise logs each factor that it finds.
func (c calculator) factorise(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	n := int64(req.GetFloat("n", 0))
	if n < 2 || n > 1e12 {
		return mcp.NewToolResultError("n must be a whole number from 2 to 10^12"), nil
	}
	var factors []string
	for d := int64(2); n > 1; d++ {
		if d*d > n {
			d = n
		}
		for ; n%d == 0; n /= d {
			factors = append(factors, fmt.Sprint(d))
			message := mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "factorise", fmt.Sprintf("found %d", d))
			if err := c.server.SendLogMessageToClient(ctx, message); err != nil {
				return nil, err
			}
		}
	}
	return mcp.NewToolResultText(strings.Join(factors, " × ")), nil
}

// sumPrimes reports its progress ten times.
func (c calculator) sumPrimes(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	limit := req.GetInt("limit", 0)
	if limit < 10 || limit > 1e6 {
		return mcp.NewToolResultError("limit must be a whole number from 10 to 10^6"), nil
	}
	composite := make([]bool, limit)
	sum := 0
	for i := 2; i < limit; i++ {
		if !composite[i] {
			sum += i
			for j := i * i; j < limit; j += i {
				composite[j] = true
			}
		}
		if i%(limit/10) == 0 {
			if err := c.progress(ctx, req, i, limit); err != nil {
				return nil, err
			}
		}
	}
	return mcp.NewToolResultText(fmt.Sprint(sum)), nil
}

func (c calculator) progress(ctx context.Context, req mcp.CallToolRequest, done, total int) error {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return nil
	}
	return c.server.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
		"progressToken": req.Params.Meta.ProgressToken, "progress": done, "total": total,
	})
}

// convert asks for the unit that was left out: the first round returns the
// question, the second one has the answer.
func (c calculator) convert(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	celsius, unit := req.GetFloat("celsius", 0), req.GetString("unit", "")
	if unit == "" {
		answer := server.ElicitationResponse(req.Params.InputResponses, "unit")
		if answer == nil {
			return server.NewInputRequestBuilder("").Elicit("unit", mcp.ElicitationParams{
				Message: "Which unit?",
				RequestedSchema: map[string]any{
					"type":       "object",
					"properties": map[string]any{"unit": map[string]any{"type": "string", "enum": []string{"fahrenheit", "kelvin"}}},
					"required":   []string{"unit"},
				},
			}).ToolResult(), nil
		}
		content, _ := answer.Content.(map[string]any)
		unit, _ = content["unit"].(string)
	}
	switch unit {
	case "fahrenheit":
		return mcp.NewToolResultText(fmt.Sprintf("%.2f °F", celsius*9/5+32)), nil
	case "kelvin":
		return mcp.NewToolResultText(fmt.Sprintf("%.2f K", celsius+273.15)), nil
	}
	return mcp.NewToolResultError("no unit was given"), nil
}
