package gosdk

import (
	"context"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// conn is a transport and its one connection, in memory and without encoding.
type conn struct {
	in     chan jsonrpc.Message
	out    func(jsonrpc.Message)
	closed chan struct{}
	once   sync.Once
}

var (
	_ mcp.Transport  = (*conn)(nil)
	_ mcp.Connection = (*conn)(nil)
)

// newConn returns a connection on which the server writes to out.
func newConn(out func(jsonrpc.Message)) *conn {
	// Two places: a request and its cancellation never wait.
	return &conn{in: make(chan jsonrpc.Message, 2), out: out, closed: make(chan struct{})}
}

// Connect implements mcp.Transport.
func (c *conn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// Read implements mcp.Connection.
func (c *conn) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case m := <-c.in:
		return m, nil
	case <-c.closed:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write implements mcp.Connection.
func (c *conn) Write(_ context.Context, m jsonrpc.Message) error {
	select {
	case <-c.closed:
		return mcp.ErrConnectionClosed
	default:
		c.out(m)
		return nil
	}
}

// Close implements mcp.Connection.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// SessionID implements mcp.Connection.
func (c *conn) SessionID() string { return "" }
