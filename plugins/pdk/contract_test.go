package pdk

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContractExample checks the example of the contract's specification against
// itself: the lengths that it gives are those of the texts that it shows.
func TestContractExample(t *testing.T) {
	b, err := os.ReadFile("../../docs/guest-contract.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(b), "## 15.")
	if !found {
		t.Fatal("the specification has no section 15")
	}
	blocks := regexp.MustCompile("(?m)^```json\n(.*)\n").FindAllStringSubmatch(text, 3)
	lengths := []*regexp.Regexp{
		regexp.MustCompile(`mcpwasm_v1_handle\((\d+)\)`),
		regexp.MustCompile(`notify\(0x00011000, (\d+)\)`),
		regexp.MustCompile(`answer_write\(0x00012000, (\d+)\)`),
	}
	for i, re := range lengths {
		want, err := strconv.Atoi(re.FindStringSubmatch(text)[1])
		if err != nil || len(blocks[i][1]) != want {
			t.Errorf("%v: %d bytes are said, %d shown: %s", re, want, len(blocks[i][1]), blocks[i][1])
		}
	}
	data := regexp.MustCompile(`\(data \(i32.const 16\) (".*")\)`).FindStringSubmatch(text)[1]
	smallest, err := strconv.Unquote(data)
	if err != nil || !json.Valid([]byte(smallest)) {
		t.Errorf("the smallest guest's answer is no JSON: %s (%v)", data, err)
	}
	if said := regexp.MustCompile(`\(i32.const 16\) \(i32.const (\d+)\)`).FindStringSubmatch(text)[1]; said != strconv.Itoa(len(smallest)) {
		t.Errorf("the smallest guest answers %d bytes and says %s", len(smallest), said)
	}
}
