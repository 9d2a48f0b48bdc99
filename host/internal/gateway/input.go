package gateway

import (
	"github.com/mcpwasm/mcpwasm/host/internal/gate"
	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// inputRequired checks what a guest wants of the client and seals its state.
func inputRequired(r Request, t target, call *gate.Call, result wire.Object) (wire.Object, error) {
	fault := func(format string, args ...any) error {
		return plugins.Errorf(plugins.CodeInternalError, "server %q: input_required: "+format, append([]any{t.server.name}, args...)...)
	}
	switch r.Method {
	case plugins.MethodCallTool, plugins.MethodGetPrompt, plugins.MethodReadResource:
	default:
		return result, fault("not possible for %s", r.Method)
	}
	inputs, hasInputs, err := result.GetObject("inputRequests")
	if err != nil {
		return result, fault("%v", err)
	}
	state, hasState, err := result.GetString("requestState")
	if err != nil {
		return result, fault("%v", err)
	}
	if !hasState && inputs.Len() == 0 {
		return result, fault("neither inputRequests nor requestState")
	}
	if hasInputs {
		for _, m := range inputs.Members() {
			if err := checkInput(r.Meta.Client, m, fault); err != nil {
				return result, err
			}
		}
	}
	if sealed, ok := call.Seal(state, hasState); ok {
		result = result.SetString("requestState", sealed)
	}
	return result, nil
}

// checkInput refuses a request that is none of the three, one that the client did
// not declare, and one that could be taken for the host's own.
func checkInput(client wire.Object, m wire.Member, fault func(string, ...any) error) error {
	if m.Name == gate.InputKey {
		return fault("%q: only the host asks by this name", m.Name)
	}
	o, err := wire.ParseObject(m.Value)
	if err != nil {
		return fault("%q: %v", m.Name, err)
	}
	method, _, err := o.GetString("method")
	if err != nil {
		return fault("%q: %v", m.Name, err)
	}
	params, _, err := o.GetObject("params")
	if err != nil {
		return fault("%q: %v", m.Name, err)
	}
	switch method {
	case "elicitation/create", "sampling/createMessage", "roots/list":
	default:
		return fault("%q: a server cannot ask a client for %q", m.Name, method)
	}
	if missing := missingCapability(client, method, params); missing != nil {
		e := plugins.Errorf(plugins.CodeMissingCapability, "the server needs a capability that the client has not declared, for %s", method)
		e.Data = wire.Object{}.Set("requiredCapabilities", missing).JSON()
		return e
	}
	return nil
}
