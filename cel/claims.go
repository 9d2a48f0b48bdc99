package cel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Bounds of claims, which an embedder's code makes: what is beyond is unreadable.
const (
	maxClaimDepth  = 64
	maxClaimValues = 10_000
)

// claims are those of the caller. Go can have more in them than JSON has, and a map that holds
// itself.
func (a *activation) claims() ref.Val {
	c := claimReader{a: a, left: maxClaimValues}
	members := make(map[string]any, len(a.Principal.Claims))
	for name, v := range a.Principal.Claims {
		members[name] = c.read(v, 0)
	}
	return types.NewStringInterfaceMap(adapter, members)
}

type claimReader struct {
	a    *activation
	left int
}

var errClaims = errors.New("principal.claims: too many values, or too many inside one another")

// read returns what JSON has as CEL has it, and anything else as unreadable: cel-go would make
// it an error that "in" and "==" take for one that is not the same.
func (c *claimReader) read(v any, depth int) any {
	if c.left--; c.left < 0 || depth > maxClaimDepth {
		return &unreadable{c.a, errClaims}
	}
	switch v := v.(type) {
	case nil:
		return types.NullValue
	case json.Number:
		return c.number(v)
	case json.RawMessage:
		return c.unknown(v)
	}
	return c.reflected(reflect.ValueOf(v), depth)
}

// reflected reads the kinds of Go that encoding/json writes as JSON's types, such as []string.
func (c *claimReader) reflected(v reflect.Value, depth int) any {
	switch v.Kind() {
	case reflect.Bool:
		return types.Bool(v.Bool())
	case reflect.String:
		return types.String(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return types.Int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= math.MaxInt64 {
			return types.Int(n) //nolint:gosec // it fits
		}
		return c.a.noNumber(fmt.Sprint(v.Uint()), "does not fit 64 bits")
	case reflect.Float32, reflect.Float64:
		return c.a.float(v.Float())
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 { // which JSON has as base64
			return c.list(v, depth)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return c.mapping(v, depth)
		}
	}
	return c.unknown(v.Interface())
}

func (c *claimReader) list(v reflect.Value, depth int) any {
	elements := []any{}
	for i := range v.Len() {
		if c.left < 0 {
			return &unreadable{c.a, errClaims}
		}
		elements = append(elements, c.read(v.Index(i).Interface(), depth+1))
	}
	return elements
}

func (c *claimReader) mapping(v reflect.Value, depth int) any {
	members := map[string]any{}
	for it := v.MapRange(); it.Next(); {
		if c.left < 0 { // what is left out would seem not to be there
			return &unreadable{c.a, errClaims}
		}
		members[it.Key().String()] = c.read(it.Value().Interface(), depth+1)
	}
	return members
}

// number reads a number as it was written; json.Number can hold anything.
func (c *claimReader) number(n json.Number) any {
	if len(n) == 0 || n[0] != '-' && (n[0] < '0' || n[0] > '9') || !json.Valid([]byte(n)) {
		return c.unknown(n)
	}
	return c.a.number(string(n))
}

func (c *claimReader) unknown(v any) any {
	return &unreadable{c.a, fmt.Errorf("principal.claims: a %T is no value of JSON", v)}
}
