package gateway

import (
	"encoding/json"
	"errors"

	"github.com/mcpwasm/mcpwasm/internal/wire"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// storedDefinitions is the form of definitions in the cache.
type storedDefinitions struct {
	ServerInfo   json.RawMessage       `json:"serverInfo,omitempty"`
	Capabilities json.RawMessage       `json:"capabilities"`
	Instructions string                `json:"instructions,omitempty"`
	Lists        map[string]storedList `json:"lists"` // by method
}

type storedList struct {
	Items      []json.RawMessage `json:"items"`
	TTLMillis  *int64            `json:"ttlMs,omitempty"`
	CacheScope string            `json:"cacheScope,omitempty"`
}

func encodeDefinitions(d *plugins.Definitions) []byte {
	data, err := marshalDefinitions(d)
	if err != nil {
		panic(err) // every raw value was checked when it was read
	}
	return data
}

func marshalDefinitions(d *plugins.Definitions) ([]byte, error) {
	out := storedDefinitions{d.ServerInfo, d.Capabilities, d.Instructions, map[string]storedList{}}
	for _, spec := range lists {
		l := spec.list(d)
		stored := storedList{TTLMillis: l.TTLMillis, CacheScope: l.CacheScope}
		for _, item := range l.Items {
			stored.Items = append(stored.Items, item.Raw)
		}
		out.Lists[spec.method] = stored
	}
	return json.Marshal(out)
}

func decodeDefinitions(data []byte) (*plugins.Definitions, error) {
	if err := wire.Check(data); err != nil {
		return nil, err
	}
	var in storedDefinitions
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, err
	}
	if wire.KindOf(in.Capabilities) != "an object" || len(in.Lists) != len(lists) {
		return nil, errors.New("not definitions")
	}
	d := &plugins.Definitions{ServerInfo: in.ServerInfo, Capabilities: in.Capabilities, Instructions: in.Instructions}
	for _, spec := range lists {
		stored, list := in.Lists[spec.method], spec.list(d)
		list.TTLMillis, list.CacheScope = stored.TTLMillis, stored.CacheScope
		page := wire.Object{}.Set(spec.member, mustJSON(stored.Items))
		if err := readPage(page, spec, list); err != nil {
			return nil, err
		}
		list.Sort()
	}
	return d, nil
}

func mustJSON(v []json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("[]")
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // v was just parsed
	}
	return data
}
