package cli

import (
	"context"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/mcpwasm/mcpwasm/registry/oci"
)

// minBarBytes is the least that a bar is shown for.
const minBarBytes = 64 << 10

// showTransfers returns a context whose transfers are shown on a terminal, and
// nowhere else. The function that is returned ends the bars.
func showTransfers(ctx context.Context, s Streams) (context.Context, func()) {
	if !isTerminal(s.Err) {
		return ctx, func() {}
	}
	b := &transferBars{progress: mpb.NewWithContext(ctx, mpb.WithOutput(s.Err), mpb.WithWidth(40)), bars: map[string]*mpb.Bar{}}
	return oci.WithProgress(ctx, b.report), b.end
}

// transferBars has a bar for each large transfer.
type transferBars struct {
	progress *mpb.Progress
	mu       sync.Mutex
	bars     map[string]*mpb.Bar // by digest
}

func (b *transferBars) report(t oci.Transfer) {
	if t.Total < minBarBytes || len(t.Digest) < 19 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	bar, ok := b.bars[t.Digest]
	if !ok {
		bar = b.progress.AddBar(t.Total,
			mpb.PrependDecorators(decor.Name(t.Digest[7:19]+" ")),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f of % .1f")))
		b.bars[t.Digest] = bar
	}
	bar.SetCurrent(t.Done)
}

func (b *transferBars) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bar := range b.bars {
		bar.Abort(false) // no effect on those that are complete
	}
	b.progress.Wait()
}
