// Command effectstdio is an ordinary program that speaks MCP of revision 2026-07-28
// on its standard streams and asks its host for things.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/mcpwasm/mcpwasm/runtime/wasm/testdata/guests/effects"
)

type request struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name      string
		Arguments effects.Args
	}
}

var out sync.Mutex

func main() {
	effects.Start()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var r request
		if json.Unmarshal([]byte(line), &r) == nil && r.ID != nil {
			go serve(r)
		}
	}
}

func serve(r request) {
	result := `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"g","version":"1"}}}`
	if r.Method != "server/discover" {
		result = effects.Act(r.Params.Name, r.Params.Arguments)
	}
	out.Lock()
	defer out.Unlock()
	fmt.Println(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":` + result + `}`)
}
