package runtime

import (
	"context"
	"fmt"
)

// Subscriber is an [Instance] of a guest that tells of a resource's updates only
// when it was asked to. Guests that live for a call tell in passing.
type Subscriber interface {
	// Subscribe has the guest signal updates of the resource with a URI.
	Subscribe(ctx context.Context, uri string) error
	// Unsubscribe takes that back.
	Unsubscribe(ctx context.Context, uri string) error
}

// Subscribe asks the guest that c.Session keys to signal updates of a resource
// ([Options].Signal), for as long as that instance lives. It has no effect on
// guests that cannot be asked. c is what the guest is started for where it has
// to be; its message is not sent.
func (s *Server) Subscribe(ctx context.Context, c Call, uri string) error {
	return s.subscriber(ctx, c, func(ctx context.Context, i Subscriber) error { return i.Subscribe(ctx, uri) })
}

// Unsubscribe takes a Subscribe back.
func (s *Server) Unsubscribe(ctx context.Context, c Call, uri string) error {
	return s.subscriber(ctx, c, func(ctx context.Context, i Subscriber) error { return i.Unsubscribe(ctx, uri) })
}

func (s *Server) subscriber(ctx context.Context, c Call, do func(context.Context, Subscriber) error) error {
	if s.kept == nil {
		return nil
	}
	if !s.begin() {
		return fmt.Errorf("server %q: %w", s.name, ErrClosed)
	}
	defer s.calls.Done()
	c = s.normalise(c)
	if err := s.gate.enter(ctx, c.Session); err != nil {
		return blame(err, s.name, "")
	}
	defer s.gate.leave(c.Session)
	i, release, err := s.kept.get(ctx, c)
	if err != nil {
		return blame(err, s.name, "")
	}
	defer release()
	kept, ok := i.(keptInstance).Instance.(Subscriber)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Limits.Deadline)
	defer cancel()
	if err := do(ctx, kept); err != nil {
		return blame(err, s.name, "")
	}
	return nil
}
