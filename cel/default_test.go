package cel

import (
	"bytes"
	"testing"
)

// TestDefaultSource changes what was handed out.
func TestDefaultSource(t *testing.T) {
	source := DefaultSource()
	clear(source)
	if again := DefaultSource(); !bytes.HasPrefix(again, []byte("# ")) {
		t.Errorf("the source begins with %q", again[:20])
	}
}
