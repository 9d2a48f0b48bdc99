//go:build wasip1

// Package effects is what the guests effectreactor and effectstdio do: a tool asks
// the host for something, as its name says.
package effects

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

//go:wasmimport mcpwasm_v1 effect_open
//go:noescape
func effectOpen(ptr unsafe.Pointer, size int32) int32

// Args are what a tool is given.
type Args struct {
	Request string // to the host
	Size    int    // of a body, in bytes
	N       int    // how often
}

// Reply is what came of a request.
type Reply struct {
	FD    int    `json:"fd"` // or minus an errno
	Head  string `json:"head"`
	Size  int    `json:"size"` // of what follows the head
	Sum   uint32 `json:"sum"`  // of that, IEEE CRC-32
	Read  int    `json:"read"` // the errno that ended reading, 0 for the end
	Write int    `json:"write"`
}

// kept is a descriptor that outlives its message; started is the reply to a
// request that was made before the first one.
var (
	kept    int
	started Reply
)

// Start asks for something before there is a message.
func Start() { started = ask(`{"method":"start"}`) }

// Act does what a tool's name says and returns the result's members.
func Act(tool string, a Args) string {
	switch tool {
	case "ask":
		return encode(ask(a.Request))
	case "send":
		return encode(send(a.Request, a.Size, true))
	case "abandon":
		return encode(send(a.Request, a.Size, false))
	case "side":
		return encode(sideBySide(a.Request, a.N))
	case "limit":
		return encode(limit(a.Request))
	case "leave":
		for range a.N {
			open(a.Request)
		}
	case "churn":
		for range a.N {
			_ = syscall.Close(open(a.Request))
		}
	case "keep":
		kept = open(a.Request)
	case "kept":
		return encode(read(kept))
	case "started":
		return encode(started)
	}
	return `{"resultType":"complete"}`
}

func encode(v any) string {
	b, err := json.Marshal(map[string]any{"resultType": "complete", "replies": v})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func open(request string) int {
	return int(effectOpen(unsafe.Pointer(unsafe.StringData(request)), int32(len(request))))
}

// ask makes a request over a descriptor that blocks.
func ask(request string) Reply {
	fd := open(request)
	if fd < 0 {
		return Reply{FD: fd}
	}
	r := read(fd)
	_ = syscall.Close(fd)
	return r
}

func read(fd int) Reply {
	var all []byte
	b := make([]byte, 16<<10)
	for {
		n, err := syscall.Read(fd, b)
		if err != nil {
			return summary(fd, all, errno(err))
		}
		if n == 0 {
			return summary(fd, all, 0)
		}
		all = append(all, b[:n]...)
	}
}

func summary(fd int, all []byte, read int) Reply {
	head, rest, _ := bytes.Cut(all, []byte("\n"))
	return Reply{FD: fd, Head: string(head), Size: len(rest), Sum: crc32.ChecksumIEEE(rest), Read: read}
}

func errno(err error) int {
	var e syscall.Errno
	if errors.As(err, &e) {
		return int(e)
	}
	return 0
}

// send makes a request with a body that is n times 'b', over a descriptor that
// does not block: the reply is read beside. Without end the body breaks off.
func send(request string, size int, end bool) Reply {
	fd := open(request)
	if fd < 0 {
		return Reply{FD: fd}
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		panic(err)
	}
	f := os.NewFile(uintptr(fd), "effect")
	written := make(chan int, 1)
	go func() {
		_, err := f.Write(bytes.Repeat([]byte("b"), size))
		if end && err == nil {
			err = syscall.Shutdown(fd, syscall.SHUT_WR)
		}
		written <- errno(err)
	}()
	if !end {
		r := Reply{FD: fd, Write: <-written}
		_ = f.Close()
		return r
	}
	all, err := io.ReadAll(f)
	r := summary(fd, all, errno(err))
	r.Write = <-written
	_ = f.Close()
	return r
}

func sideBySide(request string, n int) []Reply {
	replies := make([]Reply, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { replies[i] = send(request, 0, true) })
	}
	all.Wait()
	return replies
}

// limit opens effects until that fails, and another one after one was closed.
func limit(request string) []int {
	var fds []int
	for {
		fd := open(request)
		if fd < 0 {
			_ = syscall.Close(fds[0])
			return []int{len(fds), fd, open(request)}
		}
		fds = append(fds, fd)
	}
}
