package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/host"
)

// stdioClient is a client at the other end of [host.Host.ServeStdio] or of
// mcpwasm run.
type stdioClient struct {
	in   *io.PipeWriter
	out  chan string
	done chan error
}

func newStdioClient(t *testing.T, h *host.Host) *stdioClient { return newClient(t, h.ServeStdio) }

// newCommandClient is a client of mcpwasm run.
func newCommandClient(t *testing.T, s host.Server) *stdioClient {
	dir := cacheDir(t)
	return newClient(t, func(ctx context.Context, in io.Reader, out io.Writer) error {
		args := append([]string{"run", "--cache-dir", dir, s.Source, "--"}, s.Args...)
		cmd := exec.CommandContext(ctx, binary(), args...)
		cmd.Stdin, cmd.Stdout = in, out
		return cmd.Run()
	})
}

func newClient(t *testing.T, serve func(context.Context, io.Reader, io.Writer) error) *stdioClient {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &stdioClient{in: inW, out: make(chan string, 1000), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		err := serve(ctx, inR, outW)
		_ = outW.Close() // never fails
		c.done <- err
	}()
	go func() {
		defer close(c.out)
		r := bufio.NewReader(outR)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			c.out <- line[:len(line)-1]
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = inW.Close() // never fails
	})
	return c
}

func (c *stdioClient) send(_, text string) error {
	_, err := io.WriteString(c.in, text+"\n")
	return err
}

func (c *stdioClient) receive(string) (string, error) {
	select {
	case line, ok := <-c.out:
		if !ok {
			return "", errors.New("the host ended the conversation")
		}
		return line, nil
	case <-time.After(patience):
		return "", errors.New("nothing came")
	}
}

// leave ends the input.
func (c *stdioClient) leave(string) error { return c.in.Close() }

func (c *stdioClient) close() (rest []string, err error) {
	if err := c.in.Close(); err != nil {
		return nil, err
	}
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-c.out:
			if !ok {
				if err := <-c.done; err != nil {
					return rest, fmt.Errorf("serve: %w", err)
				}
				return rest, nil
			}
			rest = append(rest, line)
		case <-timeout:
			return rest, errors.New("the host does not end with its input")
		}
	}
}
