package store

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// bbolt follows what it reads, and not all that can come of it can be caught: a
// page that leads back to itself ends the process by an endless recursion. So the
// shape of the file is checked before a process uses it for the first time: that
// every page is where it says, is used once, and keeps what it has within itself.
// Values are not read; each has a checksum, which is compared when it is used.
//
// The layout is that of go.etcd.io/bbolt/internal/common: page.go, inode.go,
// meta.go and bucket.go. Integers are in the machine's order, which is
// little-endian on all that this project is built for; elsewhere the check fails.
const (
	pageHead    = 16 // id, flags (2 bytes), count (2), overflow (4)
	elementSize = 16
	metaSize    = 64

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	bucketFlag   = 0x01 // of an element in a leaf
	bucketHead   = 16   // root page, sequence

	// A tree of this depth has more keys than fit on a disk.
	maxDepth = 64
)

var order = binary.LittleEndian

// verifier checks one file.
type verifier struct {
	file     io.ReaderAt
	pageSize uint64
	pages    uint64 // how many there are
	used     map[uint64]bool
}

// verify checks the file, which nobody changes meanwhile.
func verify(file io.ReaderAt, size int64, pageSize int) error {
	v := verifier{file: file, pageSize: uint64(pageSize), used: map[uint64]bool{}}
	root, freelist, err := v.meta(size)
	if err == nil {
		err = v.freelist(freelist)
	}
	if err == nil {
		err = v.tree(root, 0)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// meta reads the newer of the two roots that matches its checksum.
func (v *verifier) meta(size int64) (root, freelist uint64, err error) {
	found, last := false, uint64(0)
	for page := range uint64(2) {
		b := make([]byte, metaSize)
		if _, err := v.file.ReadAt(b, int64(page*v.pageSize)+pageHead); err != nil {
			return 0, 0, err
		}
		sum := fnv.New64a()
		sum.Write(b[:56])
		txid := order.Uint64(b[48:])
		if sum.Sum64() != order.Uint64(b[56:]) || found && txid < last {
			continue
		}
		found, last = true, txid
		root, freelist, v.pages = order.Uint64(b[16:]), order.Uint64(b[32:]), order.Uint64(b[40:])
	}
	switch {
	case !found:
		return 0, 0, fmt.Errorf("neither root matches its checksum")
	case v.pages > uint64(size)/v.pageSize:
		return 0, 0, fmt.Errorf("it is cut off: %d bytes for %d pages of %d", size, v.pages, v.pageSize)
	}
	return root, freelist, nil
}

// page is a page's head.
type page struct {
	id           uint64
	flags, count uint16
	size         uint64 // with the pages that follow it
}

// page reads the head of a page that nothing else has led to.
func (v *verifier) page(id uint64) (page, error) {
	if id < 2 || id >= v.pages {
		return page{}, fmt.Errorf("page %d: there are %d", id, v.pages)
	}
	b := make([]byte, pageHead)
	if _, err := v.file.ReadAt(b, int64(id*v.pageSize)); err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(order.Uint32(b[12:]))
	switch {
	case order.Uint64(b) != id:
		return page{}, fmt.Errorf("page %d says that it is page %d", id, order.Uint64(b))
	case more >= v.pages-id:
		return page{}, fmt.Errorf("page %d: it ends behind the last", id)
	}
	for i := id; i <= id+more; i++ {
		if v.used[i] {
			return page{}, fmt.Errorf("page %d is used twice", i)
		}
		v.used[i] = true
	}
	return page{id, order.Uint16(b[8:]), order.Uint16(b[10:]), (more + 1) * v.pageSize}, nil
}

// freelist checks the list of pages that are free: as long as it says, and of
// pages that exist.
func (v *verifier) freelist(id uint64) error {
	p, err := v.page(id)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return fmt.Errorf("page %d: it is no list of free pages", id)
	}
	count, at := uint64(p.count), id*v.pageSize+pageHead
	if p.count == math.MaxUint16 { // then the first number is the count
		b := make([]byte, 8)
		if _, err := v.file.ReadAt(b, int64(at)); err != nil {
			return err
		}
		count, at = order.Uint64(b), at+8
	}
	if count > p.size/8 || at+8*count > id*v.pageSize+p.size {
		return fmt.Errorf("page %d: %d free pages do not fit", id, count)
	}
	b := make([]byte, 8*count)
	if _, err := v.file.ReadAt(b, int64(at)); err != nil {
		return err
	}
	last := uint64(1)
	for ; len(b) > 0; b = b[8:] {
		free := order.Uint64(b)
		if free <= last || free >= v.pages {
			return fmt.Errorf("free page %d after %d, of %d", free, last, v.pages)
		}
		v.used[free], last = true, free
	}
	return nil
}

// tree checks a page and all below it.
func (v *verifier) tree(id uint64, depth int) error {
	p, err := v.page(id)
	if err != nil {
		return err
	}
	if depth > maxDepth || p.flags != flagBranch && p.flags != flagLeaf {
		return fmt.Errorf("page %d: flags %#x at depth %d", id, p.flags, depth)
	}
	if p.flags == flagBranch && p.count == 0 {
		return fmt.Errorf("page %d: it leads nowhere", id)
	}
	return v.elements(io.NewSectionReader(v.file, int64(id*v.pageSize), int64(p.size)), p, depth)
}

// elements checks what a page, or a bucket within a leaf, consists of.
func (v *verifier) elements(r *io.SectionReader, p page, depth int) error {
	if pageHead+elementSize*uint64(p.count) > p.size {
		return fmt.Errorf("page %d: %d elements do not fit", p.id, p.count)
	}
	b := make([]byte, elementSize*int(p.count))
	if _, err := r.ReadAt(b, pageHead); err != nil && len(b) > 0 {
		return err
	}
	for at := uint64(pageHead); len(b) > 0; b, at = b[elementSize:], at+elementSize {
		var err error
		if p.flags == flagBranch {
			err = v.branch(b, at, p, depth)
		} else {
			err = v.leaf(r, b, at, p, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// branch checks an element at an offset: where its key is (4 bytes, from the
// element), the key's length (4), a page.
func (v *verifier) branch(b []byte, at uint64, p page, depth int) error {
	if at+uint64(order.Uint32(b))+uint64(order.Uint32(b[4:])) > p.size {
		return fmt.Errorf("page %d: a key is outside", p.id)
	}
	return v.tree(order.Uint64(b[8:]), depth+1)
}

// leaf checks an element at an offset: flags, where key and value are (from the
// element), the lengths of both; 4 bytes each.
func (v *verifier) leaf(r *io.SectionReader, b []byte, at uint64, p page, depth int) error {
	value := at + uint64(order.Uint32(b[4:])) + uint64(order.Uint32(b[8:]))
	size := uint64(order.Uint32(b[12:]))
	if value+size > p.size {
		return fmt.Errorf("page %d: a value is outside", p.id)
	}
	if order.Uint32(b)&bucketFlag == 0 {
		return nil
	}
	head := make([]byte, bucketHead+pageHead)
	if n, err := r.ReadAt(head[:min(uint64(len(head)), size)], int64(value)); err != nil || n < bucketHead {
		return fmt.Errorf("page %d: a bucket is cut off", p.id)
	}
	if root := order.Uint64(head); root != 0 {
		return v.tree(root, depth+1)
	}
	inline := page{p.id, order.Uint16(head[bucketHead+8:]), order.Uint16(head[bucketHead+10:]), size - bucketHead}
	if inline.flags != flagLeaf || size < uint64(len(head)) || depth > maxDepth {
		return fmt.Errorf("page %d: a bucket in it is no leaf", p.id)
	}
	return v.elements(io.NewSectionReader(r, int64(value)+bucketHead, int64(inline.size)), inline, depth+1)
}
