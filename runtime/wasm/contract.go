package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
	"github.com/mcpwasm/mcpwasm/runtime"
	"github.com/mcpwasm/mcpwasm/runtime/wasm/internal/wasi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// contractNames are the functions of version 1 of the contract.
var contractNames = []string{"message_read", "answer_write", "notify", "cancelled", plugins.ImportEffectOpen}

// exchange is one message to a reactor and what the guest did with it. It is
// the guest's goroutine's, but for cancelled.
type exchange struct {
	limits    runtime.Limits
	notify    func(plugins.Notification)
	message   []byte // nil during the guest's initialisation
	answer    []byte // a copy; nil until it is given
	answered  bool
	notified  int // bytes of notifications
	fault     *runtime.GuestError
	cancelled atomic.Bool
}

type exchangeKey struct{}

func (x *exchange) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// instantiateContract puts the host's functions into a runtime. They act on the
// exchange that the calling context carries.
func instantiateContract(ctx context.Context, r wazero.Runtime) error {
	i32 := api.ValueTypeI32
	b := r.NewHostModuleBuilder(plugins.ImportModuleV1)
	export := func(name string, f func(*exchange, api.Memory, []uint64), params int, results ...api.ValueType) {
		types := []api.ValueType{i32, i32}[:params]
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
			f(ctx.Value(exchangeKey{}).(*exchange), m.Memory(), stack)
		}), types, results).Export(name)
	}
	export("message_read", (*exchange).messageRead, 1)
	export("answer_write", (*exchange).answerWrite, 2)
	export("notify", (*exchange).notification, 2, i32)
	export("cancelled", (*exchange).isCancelled, 0, i32)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(effectOpen), []api.ValueType{i32, i32}, []api.ValueType{i32}).
		Export(plugins.ImportEffectOpen)
	_, err := b.Instantiate(ctx)
	return err
}

// read returns a part of the guest's memory; a bad pointer is a trap.
func read(mem api.Memory, stack []uint64, name string) []byte {
	if mem != nil {
		if b, ok := mem.Read(uint32(stack[0]), uint32(stack[1])); ok {
			return b
		}
	}
	panic(fmt.Errorf("%s: out of bounds memory access", name))
}

func (x *exchange) messageRead(mem api.Memory, stack []uint64) {
	if x.message == nil {
		panic(errors.New("message_read was called without a message"))
	}
	if mem == nil || !mem.Write(uint32(stack[0]), x.message) {
		panic(errors.New("message_read: out of bounds memory access"))
	}
}

func (x *exchange) answerWrite(mem api.Memory, stack []uint64) {
	b := read(mem, stack, "answer_write")
	switch {
	case x.message == nil:
		panic(errors.New("answer_write was called without a message"))
	case x.answered:
		x.fault = &runtime.GuestError{Kind: runtime.KindProtocol, Detail: "the guest answered twice"}
		panic(errors.New("answer_write was called twice"))
	case len(b) > x.limits.AnswerBytes:
		x.answered = true
		x.fail(&runtime.GuestError{
			Kind:   runtime.KindLimit,
			Limit:  "answer=" + runtime.FormatBytes(x.limits.AnswerBytes),
			Detail: fmt.Sprintf("the answer has %d bytes", len(b)),
		})
	default:
		x.answered = true
		x.answer = append(make([]byte, 0, len(b)), b...)
	}
}

// fail keeps the first violation for the end of the message. A guest that goes
// on to the next is ended.
func (x *exchange) fail(err *runtime.GuestError) {
	if x.fault != nil {
		panic(sys.NewExitError(sys.ExitCodeContextCanceled))
	}
	x.fault = err
}

// effectOpen asks the host for something, in the name of what the guest holds
// for the message that it works on.
func effectOpen(ctx context.Context, m api.Module, stack []uint64) {
	request := read(m.Memory(), stack, plugins.ImportEffectOpen)
	stack[0] = api.EncodeI32(wasi.From(ctx).OpenEffect(ctx, request))
}

func (x *exchange) isCancelled(_ api.Memory, stack []uint64) {
	stack[0] = 0
	if x.cancelled.Load() {
		stack[0] = 1
	}
}

func (x *exchange) notification(mem api.Memory, stack []uint64) {
	b := read(mem, stack, "notify")
	stack[0] = 1
	if x.message == nil || x.answered {
		return
	}
	if x.notified+len(b) > x.limits.NotifyBytes {
		x.fail(&runtime.GuestError{
			Kind:   runtime.KindLimit,
			Limit:  "notifications=" + runtime.FormatBytes(x.limits.NotifyBytes),
			Detail: "the guest sent too many notifications",
		})
		return
	}
	x.notified += len(b)
	n, err := parseNotification(append([]byte(nil), b...))
	if err != nil {
		return
	}
	x.notify(n)
	stack[0] = 0
}

// notifications are what a guest can send (docs/guest-contract.md, section 8).
var notifications = []string{
	plugins.NotifyProgress, plugins.NotifyLog, plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged,
	plugins.NotifyResourcesListChanged, plugins.NotifyResourceUpdated, plugins.NotifyCloseStream,
}

// parseNotification reads {"method":…,"params":{…}}.
func parseNotification(b []byte) (n plugins.Notification, err error) {
	if err := wire.Check(b); err != nil {
		return n, err
	}
	o, err := wire.ParseObject(b)
	if err != nil {
		return n, err
	}
	for _, m := range o.Members() {
		if m.Name != "method" && m.Name != "params" {
			return n, fmt.Errorf("unknown member %q", m.Name)
		}
	}
	if n.Method, _, err = o.GetString("method"); err != nil {
		return n, err
	}
	if !slices.Contains(notifications, n.Method) {
		return n, fmt.Errorf("method: %q is no notification of the contract", n.Method)
	}
	if _, _, err := o.GetObject("params"); err != nil {
		return n, err
	}
	n.Params, _ = o.Get("params")
	return n, nil
}

// isSignal tells the notifications that are not about one message.
func isSignal(method string) bool {
	switch method {
	case plugins.NotifyToolsListChanged, plugins.NotifyPromptsListChanged,
		plugins.NotifyResourcesListChanged, plugins.NotifyResourceUpdated:
		return true
	}
	return false
}

// result judges what the guest has answered.
func (x *exchange) result() (plugins.Answer, error) {
	protocol := func(format string, args ...any) (plugins.Answer, error) {
		return plugins.Answer{}, &runtime.GuestError{Kind: runtime.KindProtocol, Detail: shorten(fmt.Sprintf(format, args...))}
	}
	switch {
	case x.fault != nil:
		return plugins.Answer{}, x.fault
	case !x.answered:
		return protocol("the guest returned without an answer")
	}
	if err := wire.Check(x.answer); err != nil {
		return protocol("the guest's answer is not JSON: %v", err)
	}
	a, err := wire.ParseAnswer(x.answer)
	if err != nil {
		return protocol("the guest's answer is no answer: %v", err)
	}
	if a.Result == nil {
		return a, nil
	}
	o, err := wire.ParseObject(a.Result)
	if err != nil {
		return protocol("the guest's result: %v", err)
	}
	if !o.Has("resultType") {
		a.Result = o.SetString("resultType", plugins.ResultComplete).JSON()
	}
	return a, nil
}
