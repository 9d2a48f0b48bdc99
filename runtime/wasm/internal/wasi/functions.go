package wasi

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/tetratelabs/wazero/sys"
)

var le = binary.LittleEndian

func le32(b []byte) uint32 { return le.Uint32(b) }

// functions are all functions of preview 1.
var functions = map[string]function{
	"args_get":                {"ii", func(c *call) Errno { return c.strings(c.args) }},
	"args_sizes_get":          {"ii", func(c *call) Errno { return c.sizes(c.args) }},
	"environ_get":             {"ii", func(c *call) Errno { return c.strings(c.env) }},
	"environ_sizes_get":       {"ii", func(c *call) Errno { return c.sizes(c.env) }},
	"clock_res_get":           {"ii", clockRes},
	"clock_time_get":          {"iIi", clockTime},
	"fd_advise":               {"iIIi", fdAdvise},
	"fd_allocate":             {"iII", fdAllocate},
	"fd_close":                {"i", fdClose},
	"fd_datasync":             {"i", fdSync},
	"fd_fdstat_get":           {"ii", fdStat},
	"fd_fdstat_set_flags":     {"ii", fdSetFlags},
	"fd_fdstat_set_rights":    {"iII", fdSetRights},
	"fd_filestat_get":         {"ii", fdFilestat},
	"fd_filestat_set_size":    {"iI", fdSetSize},
	"fd_filestat_set_times":   {"iIIi", fdSetTimes},
	"fd_pread":                {"iiiIi", fdPread},
	"fd_prestat_get":          {"ii", fdPrestat},
	"fd_prestat_dir_name":     {"iii", fdPrestatName},
	"fd_pwrite":               {"iiiIi", fdPwrite},
	"fd_read":                 {"iiii", fdRead},
	"fd_readdir":              {"iiiIi", fdReaddir},
	"fd_renumber":             {"ii", fdRenumber},
	"fd_seek":                 {"iIii", fdSeek},
	"fd_sync":                 {"i", fdSync},
	"fd_tell":                 {"ii", fdTell},
	"fd_write":                {"iiii", fdWrite},
	"path_create_directory":   {"iii", pathMkdir},
	"path_filestat_get":       {"iiiii", pathFilestat},
	"path_filestat_set_times": {"iiiiIIi", pathSetTimes},
	"path_link":               {"iiiiiii", pathLink},
	"path_open":               {"iiiiiIIii", pathOpen},
	"path_readlink":           {"iiiiii", pathReadlink},
	"path_remove_directory":   {"iii", pathRmdir},
	"path_rename":             {"iiiiii", pathRename},
	"path_symlink":            {"iiiii", pathSymlink},
	"path_unlink_file":        {"iii", pathUnlink},
	"poll_oneoff":             {"iiii", poll},
	"proc_exit":               {"i", procExit},
	"proc_raise":              {"i", func(*call) Errno { return ENOTSUP }}, // there are no signals
	"random_get":              {"ii", random},
	"sched_yield":             {"", yield},
	"sock_accept":             {"iii", socket},
	"sock_recv":               {"iiiiii", socket},
	"sock_send":               {"iiiii", socket},
	"sock_shutdown":           {"ii", shutdown},
}

// sizes answers with the number of strings and their bytes, each with a zero.
func (c *call) sizes(ss []string) Errno {
	n := 0
	for _, s := range ss {
		n += len(s) + 1
	}
	if errno := c.put32(c.u32(0), uint32(len(ss))); errno != Success {
		return errno
	}
	return c.put32(c.u32(1), uint32(n))
}

func (c *call) strings(ss []string) Errno {
	at := c.u32(1)
	ptrs, errno := c.bytes(c.u32(0), 4*uint32(len(ss)))
	if errno != Success {
		return errno
	}
	for i, s := range ss {
		b, errno := c.bytes(at, uint32(len(s))+1)
		if errno != Success {
			return errno
		}
		copy(b, s)
		b[len(s)] = 0
		le.PutUint32(ptrs[4*i:], at)
		at += uint32(len(s)) + 1
	}
	return Success
}

func procExit(c *call) Errno {
	c.exit, c.exited = c.u32(0), true
	panic(sys.NewExitError(c.exit))
}

// random fills in pieces, so that the end of the call's context ends it.
func random(c *call) Errno {
	b, errno := c.bytes(c.u32(0), c.u32(1))
	if errno != Success {
		return errno
	}
	for len(b) > 0 {
		stop(c.ctx)
		n := min(len(b), 64<<10)
		_, _ = rand.Read(b[:n]) // never fails
		b = b[n:]
	}
	return Success
}

func yield(c *call) Errno {
	stop(c.ctx)
	if c.spin.yield() {
		c.spun = true
		panic(sys.NewExitError(sys.ExitCodeContextCanceled))
	}
	return Success
}

// socket answers for descriptors none of which is a socket.
func socket(c *call) Errno {
	if _, errno := c.fd(c.u32(0)); errno != Success {
		return errno
	}
	return ENOTSOCK
}
