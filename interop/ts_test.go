package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// tsClient is the TypeScript SDK's client, in a process of Node that ts/driver.mjs
// runs in.
type tsClient struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	ev      *events
	read    chan struct{} // closed when the driver has closed its output
	said    hello
	mu      sync.Mutex
	next    int
	pending map[int]chan tsAnswer
}

// tsAnswer is a line from the driver.
type tsAnswer struct {
	ID     *int            `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *tsError        `json:"error"`
	Event  string          `json:"event"`
	Params json.RawMessage `json:"params"`
	Wire   json.RawMessage `json:"wire"`
}

// tsError is an error of the SDK; its code is a number where it is the protocol's.
type tsError struct {
	Code    json.RawMessage `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

func (e *tsError) err() error {
	var code int
	if err := json.Unmarshal(e.Code, &code); err != nil {
		return errors.New(e.Message)
	}
	return &rpcError{code, e.Message, e.Data}
}

func connectTS(sdk string) func(*testing.T, target, string, person) client {
	return func(t *testing.T, g target, revision string, p person) client {
		t.Helper()
		c := startDriver(t, sdk, g, revision, p)
		var a tsAnswer
		select {
		case a = <-c.pending[0]:
		case <-deadline(t).Done():
			t.Fatal("connect: no answer")
		}
		if a.Error != nil {
			t.Fatalf("connect: %v", a.Error.err())
		}
		if err := json.Unmarshal(a.Result, &c.said); err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func startDriver(t *testing.T, sdk string, g target, revision string, p person) *tsClient {
	t.Helper()
	server := map[string]any{"url": g.url}
	if g.url == "" {
		server = map[string]any{"command": g.command[0], "args": g.command[1:], "env": environment(g.env)}
	}
	capabilities := map[string]any{"sampling": struct{}{}, "roots": struct{}{}}
	answers := map[string]json.RawMessage{
		"sampling/createMessage": json.RawMessage(sampleAnswer),
		"roots/list":             json.RawMessage(rootsAnswer),
	}
	if p.elicit != "" {
		capabilities["elicitation"] = map[string]any{"form": struct{}{}}
		answers["elicitation/create"] = json.RawMessage(p.elicit)
	}
	config := mustJSON(t, map[string]any{"server": server, "revision": revision, "capabilities": capabilities, "answers": answers})
	c := &tsClient{
		cmd: exec.Command(node, filepath.Join(clients, "ts", "driver.mjs"), sdk, string(config)),
		ev:  newEvents(), read: make(chan struct{}), pending: map[int]chan tsAnswer{0: make(chan tsAnswer, 1)},
	}
	c.cmd.Stderr = os.Stderr
	orders, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.orders = orders
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.listen(said)
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil { // the test failed before it closed
			_ = c.cmd.Process.Kill()
			<-c.read
			_ = c.cmd.Wait()
		}
	})
	return c
}

// environment returns this process's environment and what is added to it.
func environment(added []string) map[string]string {
	env := map[string]string{}
	for _, kv := range append(os.Environ(), added...) {
		for i := range kv {
			if kv[i] == '=' {
				env[kv[:i]] = kv[i+1:]
				break
			}
		}
	}
	return env
}

func (c *tsClient) listen(answers io.Reader) {
	defer close(c.read)
	r := bufio.NewReader(answers)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		var a tsAnswer
		switch err := json.Unmarshal(line, &a); {
		case err != nil:
			c.ev.add("garbage", line)
		case a.Event != "":
			c.ev.add(a.Event, a.Params)
		case a.Wire != nil:
			c.ev.add("wire", a.Wire)
		case a.ID != nil:
			c.mu.Lock()
			waiting := c.pending[*a.ID]
			c.mu.Unlock()
			waiting <- a
		}
	}
}

func (c *tsClient) hello() hello    { return c.said }
func (c *tsClient) events() *events { return c.ev }
func (c *tsClient) showsWire() bool { return true }

func (c *tsClient) do(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	id, answer, err := c.order(method, params)
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a.result()
	case <-c.read:
		return nil, errors.New("the driver ended")
	case <-ctx.Done():
	}
	// The SDK gives the request up at once and tells so.
	if _, _, err := c.order("cancel", json.RawMessage(fmt.Sprintf(`{"id":%d}`, id))); err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a.result()
	case <-c.read:
		return nil, errors.New("the driver ended")
	}
}

func (a tsAnswer) result() (json.RawMessage, error) {
	if a.Error != nil {
		return nil, a.Error.err()
	}
	return a.Result, nil
}

func (c *tsClient) order(method string, params json.RawMessage) (int, <-chan tsAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	answer := make(chan tsAnswer, 1)
	c.pending[c.next] = answer
	line, err := json.Marshal(map[string]any{"id": c.next, "method": method, "params": params})
	if err != nil {
		return 0, nil, err
	}
	_, err = c.orders.Write(append(line, '\n'))
	return c.next, answer, err
}

func (c *tsClient) close() error {
	_, closeErr := c.do(context.Background(), "close", json.RawMessage(`{}`))
	err := errors.Join(closeErr, c.orders.Close())
	<-c.read
	return errors.Join(err, c.cmd.Wait())
}
