package runtime

import (
	"container/list"
	"context"
	"sync"

	"github.com/mcpwasm/mcpwasm/plugins"
)

// keeper keeps an instance for each key: it starts it for the first message,
// replaces it when it has ended, and lets the least recently used idle one make
// way for another. The gate sees to it that no more keys are in use at once than
// there may be instances.
type keeper struct {
	ctx     context.Context // ends starts that nobody will wait for any more
	program Program
	most    int

	mu    sync.Mutex
	slots map[string]*slot
	lru   *list.List // of *slot, the most recently used first
	tasks sync.WaitGroup
}

// slot is one key's instance, or the attempt to start one.
type slot struct {
	key  string
	elem *list.Element
	// ready is closed when instance and err are set.
	ready    chan struct{}
	instance Instance
	err      error

	users int // messages that have or wait for the instance; under keeper.mu
	// ctx is done when the key was dropped or the server was ended; its cause
	// says so.
	ctx  context.Context
	drop context.CancelCauseFunc
}

func newKeeper(ctx context.Context, p Program, most int) *keeper {
	return &keeper{ctx: ctx, program: p, most: most, slots: map[string]*slot{}, lru: list.New()}
}

// get returns the instance for the call's key and what to call when the message
// is done. A start that fails fails for all who wait for it, and the next
// message tries again.
func (k *keeper) get(ctx context.Context, c Call) (Instance, func(), error) {
	s := k.claim(c)
	release := func() { k.release(s) }
	select {
	case <-s.ready:
	case <-ctx.Done():
		release()
		return nil, nil, context.Cause(ctx)
	}
	if s.err != nil {
		release()
		return nil, nil, callerFirst(s.ctx, s.err)
	}
	return keptInstance{s.instance, s.ctx}, release, nil
}

// keptInstance is an instance whose messages fail once its key is dropped.
type keptInstance struct {
	Instance
	dropped context.Context
}

func (i keptInstance) Handle(ctx context.Context, c Call) (plugins.Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(i.dropped, func() { cancel(context.Cause(i.dropped)) })()
	a, err := i.Instance.Handle(ctx, c)
	if err != nil && i.dropped.Err() != nil {
		return a, context.Cause(i.dropped)
	}
	return a, err
}

// claim returns the key's slot, a new one where there is none that lives, and
// counts the caller among its users.
func (k *keeper) claim(c Call) *slot {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.slots[c.Session]
	if s != nil && s.over() {
		k.remove(s)
		s = nil
	}
	if s == nil {
		victim := k.makeRoom()
		s = &slot{key: c.Session, ready: make(chan struct{})}
		k.slots[s.key] = s
		s.elem = k.lru.PushFront(s)
		s.ctx, s.drop = context.WithCancelCause(k.ctx)
		k.tasks.Go(func() { k.start(s, victim, c) })
	}
	s.users++
	k.lru.MoveToFront(s.elem)
	return s
}

// over reports whether a slot can take no more messages: its start failed, or
// its instance has ended.
func (s *slot) over() bool {
	select {
	case <-s.ready:
	default:
		return false
	}
	if s.err != nil {
		return true
	}
	select {
	case <-s.instance.Done():
		return true
	default:
		return false
	}
}

// start fills a new slot, after its predecessor's room was freed. It ends with
// the slot, not with the caller: others wait for it, too.
func (k *keeper) start(s, victim *slot, c Call) {
	if victim != nil {
		k.end(victim)
	}
	defer close(s.ready)
	s.instance, s.err = k.program.Start(s.ctx, c)
}

// makeRoom takes out the least recently used idle slot when there are as many
// as there may be; it is the caller's to end. It is called with mu held.
func (k *keeper) makeRoom() *slot {
	if len(k.slots) < k.most {
		return nil
	}
	for e := k.lru.Back(); e != nil; e = e.Prev() {
		if s := e.Value.(*slot); s.users == 0 {
			k.forget(s)
			return s
		}
	}
	return nil
}

// forget takes a slot out of the tables. It is called with mu held.
func (k *keeper) forget(s *slot) {
	if k.slots[s.key] == s {
		delete(k.slots, s.key)
	}
	k.lru.Remove(s.elem)
}

// remove forgets a slot and ends it in the background. It is called with mu
// held.
func (k *keeper) remove(s *slot) {
	k.forget(s)
	k.tasks.Go(func() { k.end(s) })
}

// end waits for the slot's start and ends its instance.
func (k *keeper) end(s *slot) {
	<-s.ready
	defer s.drop(nil)
	if s.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), closeTimeout)
	defer cancel()
	// There is nobody whom its error would tell anything: the instance is not
	// needed any more.
	_ = s.instance.Close(ctx)
}

// release is the end of a message's use of a slot. An instance that has ended
// is freed as soon as it is seen.
func (k *keeper) release(s *slot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.users--
	if k.slots[s.key] == s && s.over() {
		k.remove(s)
	}
}

// drop ends the instance of a key, busy or not.
func (k *keeper) drop(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.slots[key]; s != nil {
		s.drop(ErrClosed)
		k.remove(s)
	}
}

// close ends all instances and waits for them. No message is under way.
func (k *keeper) close() {
	k.mu.Lock()
	for _, s := range k.slots {
		k.remove(s)
	}
	k.mu.Unlock()
	k.tasks.Wait()
}
