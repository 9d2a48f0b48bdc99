package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
)

// fake is a backend and program whose guests are functions. It counts what it
// has brought up, so that a test can see that nothing is left.
type fake struct {
	shape plugins.Shape
	load  func() error
	start func(ctx context.Context, n int64) error
	// handle answers a message; die ends the instance.
	handle func(ctx context.Context, i *fakeInstance, c runtime.Call) (plugins.Answer, error)

	started, alive, most atomic.Int64
	closed               atomic.Int64
}

func (f *fake) Load(context.Context, runtime.Artifact, runtime.Options) (runtime.Program, error) {
	if f.load != nil {
		if err := f.load(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *fake) Shape() plugins.Shape { return f.shape }

func (f *fake) Close(context.Context) error {
	f.closed.Add(1)
	if f.alive.Load() != 0 {
		return errors.New("instances are left")
	}
	return nil
}

func (f *fake) Start(ctx context.Context, _ runtime.Call) (runtime.Instance, error) {
	n := f.started.Add(1)
	if f.start != nil {
		if err := f.start(ctx, n); err != nil {
			return nil, err
		}
	}
	for alive := f.alive.Add(1); ; {
		most := f.most.Load()
		if alive <= most || f.most.CompareAndSwap(most, alive) {
			break
		}
	}
	return &fakeInstance{fake: f, number: n, done: make(chan struct{})}, nil
}

type fakeInstance struct {
	fake     *fake
	number   int64
	done     chan struct{}
	die, end sync.Once
	busy     atomic.Int64
}

func (i *fakeInstance) Handle(ctx context.Context, c runtime.Call) (plugins.Answer, error) {
	i.busy.Add(1)
	defer i.busy.Add(-1)
	if i.fake.handle != nil {
		return i.fake.handle(ctx, i, c)
	}
	return i.answer(), nil
}

// answer says which instance it was.
func (i *fakeInstance) answer() plugins.Answer {
	b, _ := json.Marshal(map[string]int64{"instance": i.number})
	return plugins.Answer{Result: b}
}

func (i *fakeInstance) Done() <-chan struct{} { return i.done }

func (i *fakeInstance) stop() { i.die.Do(func() { close(i.done) }) }

func (i *fakeInstance) Close(context.Context) error {
	i.stop()
	i.end.Do(func() { i.fake.alive.Add(-1) })
	return nil
}
