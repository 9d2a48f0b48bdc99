package wasi

// dir returns the directory that the descriptor in parameter i stands for.
func (c *call) dir(i int) (*dir, Errno) {
	d, errno := c.fd(c.u32(i))
	if errno != Success {
		return nil, errno
	}
	if d, ok := d.file.(*dir); ok {
		return d, Success
	}
	return nil, ENOTDIR
}

// at is the common beginning of the functions on paths: the directory in
// parameter fd, the path in parameter path and the one after it.
func (c *call) at(fd, path int, do func(*dir, string) Errno) Errno {
	d, errno := c.dir(fd)
	if errno != Success {
		return errno
	}
	p, errno := c.path(c.u32(path), c.u32(path+1))
	if errno != Success {
		return errno
	}
	return do(d, p)
}

// follow reads "lookupflags", which are the second parameter wherever they are
// one.
func (c *call) follow() bool { return c.u32(1)&1 != 0 }

func fdPrestat(c *call) Errno {
	name, errno := c.prestat()
	if errno != Success {
		return errno
	}
	const tagDir = 0
	return c.put64(c.u32(1), tagDir|uint64(len(name))<<32)
}

func fdPrestatName(c *call) Errno {
	name, errno := c.prestat()
	if errno != Success {
		return errno
	}
	if uint64(c.u32(2)) < uint64(len(name)) {
		return ENAMETOOLONG
	}
	b, errno := c.bytes(c.u32(1), uint32(len(name)))
	copy(b, name)
	return errno
}

// prestat: EBADF is how a guest learns where the list of its directories ends.
func (c *call) prestat() (string, Errno) {
	d, errno := c.dir(0)
	if errno != Success {
		return "", EBADF
	}
	if !d.preopened {
		return "", EBADF
	}
	return d.mount.Path, Success
}

func fdReaddir(c *call) Errno {
	d, errno := c.dir(0)
	if errno != Success {
		return errno
	}
	b, errno := c.bytes(c.u32(1), c.u32(2))
	if errno != Success {
		return errno
	}
	n, errno := d.readDir(c.ctx, b, c.u64(3))
	if errno != Success {
		return errno
	}
	return c.put32(c.u32(4), uint32(n))
}

func pathMkdir(c *call) Errno  { return c.at(0, 1, (*dir).mkdir) }
func pathRmdir(c *call) Errno  { return c.at(0, 1, (*dir).rmdir) }
func pathUnlink(c *call) Errno { return c.at(0, 1, (*dir).unlink) }

func pathFilestat(c *call) Errno {
	return c.at(0, 2, func(d *dir, path string) Errno {
		st, errno := d.lstat(path, c.follow())
		if errno != Success {
			return errno
		}
		return c.putFilestat(c.u32(4), st)
	})
}

func pathSetTimes(c *call) Errno {
	return c.at(0, 2, func(d *dir, path string) Errno {
		return d.chtimes(path, c.follow(), c.u64(4), c.u64(5), c.u16(6))
	})
}

func pathLink(c *call) Errno {
	return c.at(0, 2, func(d *dir, path string) Errno {
		return c.at(4, 5, func(to *dir, toPath string) Errno { return d.link(path, c.follow(), to, toPath) })
	})
}

func pathRename(c *call) Errno {
	return c.at(0, 1, func(d *dir, path string) Errno {
		return c.at(3, 4, func(to *dir, toPath string) Errno { return d.rename(path, to, toPath) })
	})
}

func pathSymlink(c *call) Errno {
	target, errno := c.path(c.u32(0), c.u32(1))
	if errno != Success {
		return errno
	}
	return c.at(2, 3, func(d *dir, path string) Errno { return d.symlink(target, path) })
}

func pathReadlink(c *call) Errno {
	return c.at(0, 1, func(d *dir, path string) Errno {
		b, errno := c.bytes(c.u32(3), c.u32(4))
		if errno != Success {
			return errno
		}
		target, errno := d.readlink(path)
		if errno != Success {
			return errno
		}
		return c.put32(c.u32(5), uint32(copy(b, target)))
	})
}

func pathOpen(c *call) Errno {
	return c.at(0, 2, func(d *dir, path string) Errno {
		if _, errno := c.bytes(c.u32(8), 4); errno != Success {
			return errno // before anything is created
		}
		f, errno := d.open(path, c.follow(), c.u16(4), c.u64(5), c.u16(7))
		if errno != Success {
			return errno
		}
		n, errno := c.add(f, c.u16(7))
		if errno != Success {
			f.Close()
			return errno
		}
		return c.put32(c.u32(8), n)
	})
}
