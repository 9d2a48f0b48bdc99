package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// Pin gives the server the definitions that it is known by, before Attach: lists
// are answered from them, the guest is never asked for them, and what it says
// about them changes nothing. It refuses definitions that are not well formed, and
// those that the capabilities c, which may be nil, do not fit.
func (s *Server) Pin(d *plugins.Definitions, c Capabilities) error {
	own, err := checkedDefinitions(d)
	if err != nil {
		return fmt.Errorf("definitions: %w", err)
	}
	s.capabilities, s.pinned = c, true
	_, err = s.accept(own)
	return err
}

// checkedDefinitions copies definitions that were not read from a guest, checked
// as if they were.
func checkedDefinitions(d *plugins.Definitions) (*plugins.Definitions, error) {
	with := *d
	if len(with.Capabilities) == 0 {
		with.Capabilities = capabilitiesOf(d)
	}
	data, err := marshalDefinitions(&with)
	if err != nil {
		return nil, err
	}
	own, err := decodeDefinitions(data)
	if err != nil {
		return nil, err
	}
	if len(own.ServerInfo) > 0 && wire.KindOf(own.ServerInfo) != "an object" {
		return nil, fmt.Errorf("serverInfo is %s: want an object", wire.KindOf(own.ServerInfo))
	}
	for _, spec := range lists {
		if err := checkUnique(spec, spec.list(own)); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.member, err)
		}
	}
	return own, nil
}

// capabilitiesOf are those of a server of which only its lists are known.
func capabilitiesOf(d *plugins.Definitions) json.RawMessage {
	var caps wire.Object
	for _, spec := range lists {
		if len(spec.list(d).Items) > 0 {
			caps = caps.Set(spec.capability, json.RawMessage("{}"))
		}
	}
	return caps.JSON()
}

// logPinned says once for each list that a guest would have changed it.
func (s *Server) logPinned(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stale[method] {
		s.stale[method] = true
		s.log.Warn("the server says that a list has changed; it stays what its package says", "notification", method)
	}
}
