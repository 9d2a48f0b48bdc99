package secrets

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
)

// A handle is a prefix and the digits of 160 bits that nobody can guess, in lower
// case: nothing that a URL, a form, JSON or HTML would escape.
const (
	handlePrefix = "mcpwasm_secret_"
	handleDigits = 40
	handleLen    = len(handlePrefix) + handleDigits
)

// processKey makes the handles of this process.
var processKey = sync.OnceValue(func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // ends the process rather than fail
	return key
})

// newHandle returns the handle of a server's secret: the same whenever it is asked
// for by this process.
func newHandle(server, name string) string {
	mac := hmac.New(sha256.New, processKey())
	_, _ = mac.Write([]byte(server + "\x00" + name)) // never fails; neither has a zero byte
	return handlePrefix + hex.EncodeToString(mac.Sum(nil))[:handleDigits]
}

// find returns where the first handle of this set stands in text, and whose it is;
// len(text) and nil where there is none. Handles of nobody are text like any other.
func (s *Set) find(text string) (int, *secret) {
	for at := 0; ; at++ {
		i := strings.Index(text[at:], handlePrefix)
		if i < 0 || at+i+handleLen > len(text) {
			return len(text), nil
		}
		at += i
		if sec := s.byHandle[text[at:at+handleLen]]; sec != nil {
			return at, sec
		}
	}
}

// unfinished returns how many bytes at the end of text may be the beginning of a
// handle.
func unfinished(text []byte) int {
	for n := min(handleLen-1, len(text)); n > 0; n-- {
		end := string(text[len(text)-n:])
		if strings.HasPrefix(handlePrefix, end) {
			return n
		}
		if digits, ok := strings.CutPrefix(end, handlePrefix); ok && strings.Trim(digits, "0123456789abcdef") == "" {
			return n
		}
	}
	return 0
}
