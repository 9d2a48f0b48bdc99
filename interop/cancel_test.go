package interop

import (
	"context"
	"testing"
)

func TestCancel(t *testing.T) {
	for shape, file := range map[string]string{"reactor": guest("wait"), "stdio": guest("waitstdio")} {
		t.Run(shape, func(t *testing.T) {
			everyClient(t, []string{"run", "--lifetime", "process", file}, checkCancel)
		})
	}
}

// checkCancel cancels a call once it runs, and asks the guest, which lives on,
// whether it was told.
func checkCancel(t *testing.T, c subject) {
	t.Helper()
	before := call(t, c, "cancelled", nil)
	c.events().clear()
	patient := deadline(t)
	ctx, cancel := context.WithCancel(patient)
	defer cancel()
	ended := make(chan error, 1)
	params := mustJSON(t, callParams("wait", nil))
	go func() {
		_, err := c.do(ctx, "tools/call", params)
		ended <- err
	}()
	c.events().wait(t, "progress", 1)
	cancel()
	if err := <-ended; err == nil {
		t.Error("the cancelled call has a result")
	}
	for after := before; string(after) == string(before); {
		if patient.Err() != nil {
			t.Fatalf("the guest was not told: %s", after)
		}
		after = call(t, c, "cancelled", nil)
	}
}
