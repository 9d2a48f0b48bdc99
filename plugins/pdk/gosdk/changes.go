package gosdk

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

// changes is a session of its own that listens for everything that has changed
// in the server, and hands it to the host with the message that is worked on.
type changes struct {
	mu  sync.Mutex
	ctx context.Context
}

func (c *changes) begin(ctx context.Context) { c.set(ctx) }

func (c *changes) end() { c.set(context.Background()) }

func (c *changes) set(ctx context.Context) {
	c.mu.Lock()
	c.ctx = ctx
	c.mu.Unlock()
}

// meta is the _meta of the adapter's own requests.
var meta = map[string]any{
	"io.modelcontextprotocol/protocolVersion":    pdk.ProtocolVersion,
	"io.modelcontextprotocol/clientCapabilities": struct{}{},
}

// listen opens the session. It costs the server nothing later on.
func listen(s *mcp.Server) (*changes, error) {
	ctx := context.Background()
	uris, err := subscribable(ctx, s)
	if err != nil {
		return nil, err
	}
	params, err := json.Marshal(map[string]any{"_meta": meta, "notifications": map[string]any{
		"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": uris,
	}})
	if err != nil {
		return nil, err
	}
	c := &changes{ctx: ctx}
	ready := make(chan struct{})
	var once sync.Once
	conn := newConn(func(m jsonrpc.Message) {
		// The first message acknowledges, or says that there is nothing to
		// listen for.
		once.Do(func() { close(ready) })
		if r, ok := m.(*jsonrpc.Request); ok {
			c.forward(r)
		}
	})
	if _, err := s.Connect(ctx, conn, nil); err != nil {
		return nil, err
	}
	conn.in <- &jsonrpc.Request{ID: requestID, Method: "subscriptions/listen", Params: params}
	<-ready
	return c, nil
}

// forward hands a notification to the host, without the subscription that only
// this adapter knows.
func (c *changes) forward(r *jsonrpc.Request) {
	if r.Method == "notifications/subscriptions/acknowledged" {
		return
	}
	params := map[string]json.RawMessage{}
	if len(r.Params) > 0 && json.Unmarshal(r.Params, &params) != nil {
		return // the SDK's parameters are objects
	}
	delete(params, "_meta")
	c.mu.Lock()
	ctx := c.ctx
	c.mu.Unlock()
	// A refused notification is not worth failing for.
	_ = pdk.Notify(ctx, r.Method, params)
}

// subscribable returns the resources of a server to which clients may subscribe.
func subscribable(ctx context.Context, s *mcp.Server) ([]string, error) {
	var d struct {
		Capabilities struct {
			Resources struct{ Subscribe bool }
		}
	}
	if err := ask(ctx, s, "server/discover", &d); err != nil || !d.Capabilities.Resources.Subscribe {
		return nil, err
	}
	var l struct{ Resources []struct{ URI string } }
	if err := ask(ctx, s, "resources/list", &l); err != nil {
		return nil, err
	}
	uris := make([]string, len(l.Resources))
	for i, r := range l.Resources {
		uris[i] = r.URI
	}
	return uris, nil
}

func ask(ctx context.Context, s *mcp.Server, method string, result any) error {
	params, err := json.Marshal(map[string]any{"_meta": meta})
	if err != nil {
		return err
	}
	r, err := roundTrip(ctx, s, &jsonrpc.Request{ID: requestID, Method: method, Params: params})
	if err != nil {
		return err
	}
	if r.Error != nil {
		return r.Error
	}
	return json.Unmarshal(r.Result, result)
}

// settle is how long a change may take to be sent: the SDK waits for 10 ms for
// further changes.
const settle = time.Second

// flush waits until the changes of a message have been sent, so that they go out
// before its answer: after it, a guest does not run.
func (c *changes) flush(s *mcp.Server) {
	waited := false
	for end := time.Now().Add(settle); pending(s) && time.Now().Before(end); waited = true {
		time.Sleep(time.Millisecond)
	}
	if waited {
		time.Sleep(time.Millisecond) // a timer is gone before its change is sent
	}
}

// pending reports whether the server is about to send a change. The SDK does not
// tell, so its timers are looked at; where a later version of it keeps them
// elsewhere, nothing is pending, and a change is lost if the message's answer is
// the last thing that the guest does.
func pending(s *mcp.Server) bool {
	timers := reflect.ValueOf(s).Elem().FieldByName("pendingNotifications")
	if !singleThreaded || timers.Kind() != reflect.Map {
		return false
	}
	for _, k := range timers.MapKeys() {
		if t := timers.MapIndex(k); t.Kind() == reflect.Pointer && !t.IsNil() {
			return true
		}
	}
	return false
}
