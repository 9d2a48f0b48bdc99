// Standin is an issue tracker in memory: the API that the sample issues talks
// to, to try it without an account anywhere. It listens on 127.0.0.1 and wants
// the token of the variable API_TOKEN.
//
//	API_TOKEN=demo-token go run ./plugins/examples/issues/standin -port 8090
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/examples/issues/standin/tracker"
)

func main() {
	port := flag.Int("port", 8090, "the port to listen on, 0 for any")
	flag.Parse()
	if err := serve(*port, os.Getenv("API_TOKEN")); err != nil {
		log.Fatal(err)
	}
}

func serve(port int, token string) error {
	if token == "" {
		return fmt.Errorf("the variable API_TOKEN is not set: it is the token that callers must have")
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	s := &http.Server{Handler: tracker.New(token), ReadHeaderTimeout: 10 * time.Second}
	return s.Serve(l)
}
