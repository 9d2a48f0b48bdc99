package wasm

import (
	"bytes"
	"testing"
)

func tableModule(section ...byte) []byte {
	m := []byte("\x00asm\x01\x00\x00\x00\x00\x02\x01x") // a custom section before it
	m = append(m, 4, byte(len(section)))
	m = append(m, section...)
	return append(m, 0, 2, 1, 'y') // and one behind it
}

func rewriteTables(module []byte) ([]byte, error) {
	list, err := parseSections(module)
	if err == nil {
		err = boundTables(list)
	}
	return assembleSections(module, list), err
}

func TestBoundTables(t *testing.T) {
	for _, tc := range []struct {
		name     string
		in, want []byte // nil: refused
	}{
		{"fixed", tableModule(1, 0x70, 1, 5, 5), tableModule(1, 0x70, 1, 5, 5)},
		{"no maximum", tableModule(1, 0x70, 0, 5), tableModule(1, 0x70, 1, 5, 0x85, 0x80, 0x04)},
		{"huge maximum", tableModule(1, 0x6f, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), tableModule(1, 0x6f, 1, 0, 0x80, 0x80, 0x04)},
		{"one of two", tableModule(2, 0x70, 1, 1, 1, 0x70, 0, 0), tableModule(2, 0x70, 1, 1, 1, 0x70, 1, 0, 0x80, 0x80, 0x04)},
		{"huge at the start", tableModule(1, 0x70, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), nil},
		{"too many", tableModule(17), nil},
		{"64-bit", tableModule(1, 0x70, 4, 0), nil},
		{"cut off", tableModule(1, 0x70, 1, 5), nil},
		{"too long", tableModule(1, 0x70, 1, 5, 5, 0), nil},
		{"none", []byte("\x00asm\x01\x00\x00\x00"), []byte("\x00asm\x01\x00\x00\x00")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := rewriteTables(tc.in)
			if (err != nil) != (tc.want == nil) {
				t.Fatalf("err = %v", err)
			}
			if err == nil && !bytes.Equal(out, tc.want) {
				t.Errorf("module = %x, want %x", out, tc.want)
			}
		})
	}
}

func FuzzBoundTables(f *testing.F) {
	f.Add([]byte{1, 0x70, 0, 5})
	f.Add([]byte{2, 0x70, 1, 1, 1, 0x6f, 0, 0})
	f.Fuzz(func(t *testing.T, section []byte) {
		if len(section) > 127 {
			return
		}
		out, err := rewriteTables(tableModule(section...))
		if err != nil {
			return
		}
		again, err := rewriteTables(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x is not bounded yet: %v", out, err)
		}
	})
}
