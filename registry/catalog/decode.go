package catalog

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// decoder reads a document into a type by the names of its json tags, in their
// exact case. What is read has the type that is wanted, or is an error that names
// the line and the path.
type decoder struct {
	// strict refuses unknown members, null, and a number or boolean of JSON where
	// text is wanted; else these are left out or taken as they are written.
	strict bool
}

// decodeStrict reads a form of our own.
func decodeStrict(n *node, to any) error {
	return (&decoder{strict: true}).value(n, reflect.ValueOf(to).Elem(), "")
}

// decodeLenient reads a foreign form, of which only some members matter.
func decodeLenient(n *node, to any) error {
	return (&decoder{}).value(n, reflect.ValueOf(to).Elem(), "")
}

// fromText is implemented by what can be written as plain text in place of an
// object.
type fromText interface{ fromText(text string) }

func (d *decoder) value(n *node, v reflect.Value, path string) error {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		if n.kind != kindNull {
			v.SetBytes(n.raw())
		}
		return nil
	}
	if n.kind == kindNull {
		if d.strict {
			return wrong(n, path, "a value: leave the key out")
		}
		return nil
	}
	switch to := v.Addr().Interface().(type) {
	case fromText:
		if n.kind == kindText {
			to.fromText(n.text)
			return nil
		}
	case encoding.TextUnmarshaler:
		if n.kind != kindText {
			return wrong(n, path, "text")
		}
		if err := to.UnmarshalText([]byte(n.text)); err != nil {
			return fmt.Errorf("line %d: %s: %w", n.line, pathName(path), err)
		}
		return nil
	}
	return d.plain(n, v, path)
}

func (d *decoder) plain(n *node, v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), path)
	case reflect.Struct:
		return d.structure(n, v, path)
	case reflect.Map:
		return d.mapping(n, v, path)
	case reflect.Slice:
		return d.list(n, v, path)
	case reflect.Bool:
		if n.kind != kindBoolean {
			return wrong(n, path, "true or false")
		}
		v.SetBool(n.text == "true")
	case reflect.Int:
		i, err := strconv.Atoi(n.text)
		if n.kind != kindNumber || err != nil {
			return wrong(n, path, "a whole number")
		}
		v.SetInt(int64(i))
	default:
		if n.kind > kindText || n.kind != kindText && d.strict && !n.plain {
			return wrong(n, path, "text")
		}
		v.SetString(n.text)
	}
	return nil
}

func (d *decoder) structure(n *node, v reflect.Value, path string) error {
	if n.kind != kindObject {
		return wrong(n, path, "an object")
	}
	fields := fieldsOf(v.Type())
	for _, m := range n.members {
		i, known := fields[m.name]
		switch {
		case known:
			if err := d.value(m.value, v.Field(i), join(path, m.name)); err != nil {
				return err
			}
		case d.strict:
			return fmt.Errorf("line %d: %s: unknown key %q%s", m.value.line, pathName(path), m.name,
				nearest.Hint(m.name, slices.Collect(maps.Keys(fields))))
		}
	}
	return nil
}

// fieldsOf maps the names of members to the fields of a struct.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			fields[name] = i
		}
	}
	return fields
}

func (d *decoder) mapping(n *node, v reflect.Value, path string) error {
	if n.kind != kindObject {
		return wrong(n, path, "an object")
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, m := range n.members {
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(m.value, elem, join(path, m.name)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(m.name), elem)
	}
	return nil
}

func (d *decoder) list(n *node, v reflect.Value, path string) error {
	if n.kind != kindList {
		return wrong(n, path, "a list")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		if err := d.value(item, v.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func wrong(n *node, path, want string) error {
	return fmt.Errorf("line %d: %s: want %s, have %s", n.line, pathName(path), want, n.kind)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func pathName(path string) string {
	if path == "" {
		return "top level"
	}
	return path
}
