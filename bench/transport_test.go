package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// client sends one request after the other and returns the answers' bytes.
type client func(request) ([]byte, error)

// transport is a way to a server: to one behind mcpwasm's host, and to one of
// mcp-go's in this process. The client and the connection are the same code for
// both.
type transport struct {
	name   string
	hosted func(*host.Host) (client, func() error)
	native func(*server.MCPServer) (client, func() error)
}

var transports = []transport{
	{"go", hostedInProcess, nativeInProcess},
	{"stdio",
		func(h *host.Host) (client, func() error) { return overPipes(h.ServeStdio) },
		func(s *server.MCPServer) (client, func() error) { return overPipes(server.NewStdioServer(s).Listen) }},
	{"http",
		func(h *host.Host) (client, func() error) { return overHTTP(h.Handler()) },
		func(s *server.MCPServer) (client, func() error) { return overHTTP(server.NewStreamableHTTPServer(s)) }},
}

func hostedInProcess(h *host.Host) (client, func() error) {
	return func(r request) ([]byte, error) {
		a, err := h.Call(context.Background(), r.method, r.params, nil)
		if err == nil && a.Error != nil {
			err = a.Error
		}
		return a.Result, err
	}, func() error { return nil }
}

// nativeInProcess encodes the answer, since the host's is encoded, too.
func nativeInProcess(s *server.MCPServer) (client, func() error) {
	return func(r request) ([]byte, error) {
		return json.Marshal(s.HandleMessage(context.Background(), r.line()))
	}, func() error { return nil }
}

// overPipes runs a stdio server on two pipes of this process.
func overPipes(serve func(context.Context, io.Reader, io.Writer) error) (client, func() error) {
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := serve(context.Background(), inRead, outWrite)
		done <- errors.Join(err, outWrite.CloseWithError(io.EOF))
	}()
	answers := bufio.NewReader(out)
	call := func(r request) ([]byte, error) {
		if _, err := in.Write(append(r.line(), '\n')); err != nil {
			return nil, err
		}
		return answers.ReadBytes('\n')
	}
	return call, func() error {
		_ = in.Close() // a pipe's Close never fails
		if err := <-done; !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
}

// overHTTP serves a handler on a loopback port, with one connection that is kept.
func overHTTP(handler http.Handler) (client, func() error) {
	s := httptest.NewServer(handler)
	call := func(r request) ([]byte, error) {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/mcp", bytes.NewReader(r.line()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("Mcp-Protocol-Version", plugins.ProtocolVersion)
		req.Header.Set("Mcp-Method", r.method)
		req.Header.Set("Mcp-Name", r.name)
		res, err := s.Client().Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", res.Status, body)
		}
		return body, errors.Join(err, res.Body.Close())
	}
	return call, func() error {
		s.Close()
		return nil
	}
}
