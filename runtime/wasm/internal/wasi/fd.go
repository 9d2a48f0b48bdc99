package wasi

import "slices"

// withFile is the common beginning of the functions on descriptors.
func withFile(c *call, do func(File) Errno) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	return do(d.file)
}

func fdAdvise(c *call) Errno {
	return withFile(c, func(f File) Errno {
		if c.u32(3) > 5 { // "advice" has six values
			return EINVAL
		}
		if _, ok := f.(*dir); ok {
			return EBADF
		}
		if _, errno := f.SeekTo(0, 1); errno != Success {
			return errno
		}
		return Success // advice is free to be ignored
	})
}

func fdAllocate(c *call) Errno {
	return withFile(c, func(f File) Errno { return f.Allocate(c.u64(1), c.u64(2)) })
}

func fdClose(c *call) Errno {
	n := c.u32(0)
	return withFile(c, func(f File) Errno {
		c.fds[n] = nil
		return f.Close()
	})
}

func fdSync(c *call) Errno { return withFile(c, File.Sync) }

func fdStat(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	b, errno := c.bytes(c.u32(1), 24)
	if errno != Success {
		return errno
	}
	st := d.file.Fdstat()
	clear(b)
	b[0] = byte(st.Type)
	le.PutUint16(b[2:], d.flags)
	le.PutUint64(b[8:], st.Rights)
	le.PutUint64(b[16:], st.Inheriting)
	return Success
}

func fdSetFlags(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	if c.u32(1) > 31 { // "fdflags" has five bits
		return EINVAL
	}
	if r, ok := d.file.(*regular); ok {
		if errno := r.setAppend(c.u16(1)&flagAppend != 0); errno != Success {
			return errno
		}
	}
	d.flags = c.u16(1)
	return Success
}

// fdSetRights can only narrow rights. Those to read and write a file are the only
// ones that anything is decided by: preview 1 has dropped the others in all but
// name.
func fdSetRights(c *call) Errno {
	return withFile(c, func(f File) Errno {
		st := f.Fdstat()
		if c.u64(1)&^st.Rights != 0 || c.u64(2)&^st.Inheriting != 0 {
			return ENOTCAPABLE
		}
		if r, ok := f.(*regular); ok {
			r.rights = c.u64(1)
		}
		return Success
	})
}

func (c *call) putFilestat(ptr uint32, st Filestat) Errno {
	b, errno := c.bytes(ptr, 64)
	if errno != Success {
		return errno
	}
	clear(b)
	le.PutUint64(b, st.Dev)
	le.PutUint64(b[8:], st.Ino)
	b[16] = byte(st.Type)
	le.PutUint64(b[24:], st.Links)
	le.PutUint64(b[32:], st.Size)
	for i, t := range []uint64{st.Atim, st.Mtim, st.Ctim} {
		// A file that is written now is no finer clock than the guest has.
		le.PutUint64(b[40+8*i:], t-t%uint64(c.clocks.precision))
	}
	return Success
}

func fdFilestat(c *call) Errno {
	return withFile(c, func(f File) Errno {
		st, errno := f.Stat()
		if errno != Success {
			return errno
		}
		return c.putFilestat(c.u32(1), st)
	})
}

func fdSetSize(c *call) Errno {
	return withFile(c, func(f File) Errno { return f.SetSize(c.u64(1)) })
}

func fdSetTimes(c *call) Errno {
	return withFile(c, func(f File) Errno { return f.SetTimes(c.u64(1), c.u64(2), c.u16(3)) })
}

func fdRead(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	return c.transfer(d, 3, false, d.file.Read)
}

func fdWrite(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	return c.transfer(d, 3, true, d.file.Write)
}

func fdPread(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	off := c.u64(3)
	return c.transfer(d, 4, false, func(p []byte) (int, Errno) {
		n, errno := d.file.ReadAt(p, off)
		off += uint64(n)
		return n, errno
	})
}

func fdPwrite(c *call) Errno {
	d, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	off := c.u64(3)
	return c.transfer(d, 4, true, func(p []byte) (int, Errno) {
		n, errno := d.file.WriteAt(p, off)
		off += uint64(n)
		return n, errno
	})
}

// transfer moves bytes between the buffers that parameters 1 and 2 name and a
// file, and answers with their number through parameter out. It waits for the
// first byte unless the descriptor is non-blocking; a write that blocks goes on
// to the last.
func (c *call) transfer(d *descriptor, out int, write bool, move func([]byte) (int, Errno)) Errno {
	vs, errno := c.vectors(c.u32(1), c.u32(2))
	if errno != Success {
		return errno
	}
	if !slices.ContainsFunc(vs, func(v []byte) bool { return len(v) > 0 }) {
		// Nothing to move, but whether it could be moved is still asked.
		if _, errno := d.file.Ready(write); errno != Success {
			return errno
		}
	}
	blocking := d.flags&flagNonblock == 0
	total := 0
	for _, v := range vs {
		for len(v) > 0 {
			stop(c.ctx)
			n, errno := move(v)
			total += n
			v = v[n:]
			switch {
			case errno == EAGAIN && blocking && (write || total == 0):
				c.wait(c.ctx, nil, d == c.input())
				continue
			case errno == EAGAIN && total == 0:
				return EAGAIN
			case errno != Success && errno != EAGAIN && total == 0:
				return errno
			case errno != Success, !write && len(v) > 0:
				return c.moved(out, total)
			}
		}
	}
	return c.moved(out, total)
}

func (c *call) moved(out, total int) Errno {
	if total > 0 {
		c.spin.reset()
	}
	return c.put32(c.u32(out), uint32(total))
}

// input returns the descriptor that reads the pipe from the host.
func (s *System) input() *descriptor {
	for _, d := range s.fds {
		if d == nil {
			continue
		}
		if in, ok := d.file.(source); ok && in.p == s.stdin {
			return d
		}
	}
	return nil
}

func fdRenumber(c *call) Errno {
	from, errno := c.fd(c.u32(0))
	if errno != Success {
		return errno
	}
	to, errno := c.fd(c.u32(1))
	if errno != Success {
		return errno
	}
	if from == to {
		return Success
	}
	c.fds[c.u32(1)], c.fds[c.u32(0)] = from, nil
	return to.file.Close()
}

func fdSeek(c *call) Errno {
	return withFile(c, func(f File) Errno {
		if c.u32(2) > 2 {
			return EINVAL
		}
		at, errno := f.SeekTo(int64(c.u64(1)), uint8(c.u32(2)))
		if errno != Success {
			return errno
		}
		return c.put64(c.u32(3), at)
	})
}

func fdTell(c *call) Errno {
	return withFile(c, func(f File) Errno {
		at, errno := f.SeekTo(0, 1)
		if errno != Success {
			return errno
		}
		return c.put64(c.u32(1), at)
	})
}
