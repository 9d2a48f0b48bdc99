package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// A record is a version and an expiry (milliseconds, 0 for never), 8 bytes each,
// a CRC-32C over key, version, expiry and value, and the value; integers are
// big-endian. The file's own checksum covers its root only, and a value that lost
// a bit must not pass for what was stored.
const recordHead = 8 + 8 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func recordSum(key, head, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, head)
	return crc32.Update(sum, castagnoli, value)
}

func encodeRecord(key []byte, version, expires uint64, value []byte) []byte {
	b := make([]byte, 0, recordHead+len(value))
	b = binary.BigEndian.AppendUint64(b, version)
	b = binary.BigEndian.AppendUint64(b, expires)
	b = binary.BigEndian.AppendUint32(b, recordSum(key, b, value))
	return append(b, value...)
}

// record is a decoded one; value is a part of what it was decoded from.
type record struct {
	version, expires uint64
	value            []byte
}

func decodeRecord(key, b []byte) (record, error) {
	if len(b) < recordHead {
		return record{}, fmt.Errorf("%w: the record of %q is cut off", ErrDamaged, key)
	}
	head, value := b[:16], b[recordHead:]
	if binary.BigEndian.Uint32(b[16:]) != recordSum(key, head, value) {
		return record{}, fmt.Errorf("%w: the record of %q does not match its checksum", ErrDamaged, key)
	}
	return record{binary.BigEndian.Uint64(head), binary.BigEndian.Uint64(head[8:]), value}, nil
}

// alive reports whether the record exists at a time.
func (r record) alive(now time.Time) bool {
	return r.version != 0 && (r.expires == 0 || r.expires > uint64(max(now.UnixMilli(), 0)))
}

// The index of what expires has the expiry and the key, and no values.
func expiryKey(expires uint64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, expires), key...)
}

func splitExpiryKey(b []byte) (expires uint64, key []byte, err error) {
	if len(b) < 9 {
		return 0, nil, fmt.Errorf("%w: the index of what expires has a key of %d bytes", ErrDamaged, len(b))
	}
	return binary.BigEndian.Uint64(b), b[8:], nil
}
