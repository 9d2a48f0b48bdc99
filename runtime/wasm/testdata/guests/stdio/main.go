// Command stdio is an ordinary program that speaks MCP of revision 2026-07-28
// on its standard streams, unaware of its host.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"time"
)

type request struct {
	ID     json.RawMessage
	Method string
	Params struct{ Name string }
}

// id is another one for each instance.
var id = rand.Text()

// arrived counts those who meet; all is closed when it is ten.
var (
	arrived atomic.Int64
	all     = make(chan struct{})
)

func main() {
	for _, a := range os.Args[1:] {
		switch a {
		case "spin":
			c := make(chan os.Signal, 1)
			signal.Notify(c, os.Interrupt)
		case "die":
			fmt.Fprintln(os.Stderr, "no licence")
			os.Exit(3)
		}
	}
	in := bufio.NewReader(os.Stdin)
	out := make(chan string)
	go func() {
		for s := range out {
			fmt.Println(s)
		}
	}()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var r request
		if json.Unmarshal([]byte(line), &r) != nil || r.ID == nil {
			continue
		}
		go serve(r, out)
	}
}

func serve(r request, out chan<- string) {
	result := func(s string) { out <- `{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":` + s + `}` }
	if r.Method == "server/discover" {
		result(`{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"g","version":"1"}}}`)
		return
	}
	switch r.Params.Name {
	case "echo":
		result(`{"resultType":"complete","content":[]}`)
	case "id":
		result(`{"resultType":"complete","id":"` + id + `"}`)
	case "meet":
		if arrived.Add(1) == 10 {
			close(all)
		}
		<-all
		result(`{"resultType":"complete"}`)
	case "slow":
		time.Sleep(50 * time.Millisecond)
		result(`{"resultType":"complete"}`)
	case "silent":
	case "loop":
		for {
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(7)
	case "panic":
		panic("on purpose")
	case "garbage":
		out <- `{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":`
	case "noise":
		for range 1000 {
			out <- "just talking"
		}
	case "huge":
		result(`{"resultType":"complete","x":"` + strings.Repeat("x", 4<<20) + `"}`)
	}
}
