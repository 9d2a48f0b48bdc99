package runtime

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// Authority is what a guest may do beyond computing while it works on a
// message. The zero value is nothing at all.
type Authority struct {
	// Effects performs what the guest asks the host for. Nil denies everything.
	Effects Effects
	// Files decides on every use of a mount. Nil denies everything.
	Files FileGate
}

// Effects performs a guest's requests to the host (docs/guest-contract.md,
// "Effects").
type Effects interface {
	// Perform answers one request, {"method":…,"params":…}. It writes the
	// reply to reply: one line of JSON, {"result":{…}} or {"error":{…}}, and
	// then as many bytes as it likes. body is what the guest sends after the
	// request; it is at its end at once where the guest sends nothing.
	//
	// An error says that the reply breaks off where it is; the guest sees that
	// it did, and not why.
	//
	// Perform returns soon after ctx has ended, which is at the latest when
	// the guest's call has. It may be called several times at once. request is
	// bounded by the backend but otherwise the guest's own, unchecked bytes.
	Perform(ctx context.Context, request []byte, body io.Reader, reply io.Writer) error
}

// FileGate decides whether a guest may use a path in one of its mounts. path is
// the guest's own, absolute and clean; links in it are not resolved. write says
// that something would be changed: content, metadata or an entry. It is asked again
// for each use of an open file, so an answer that is the same should be cheap. ctx is
// that of the guest's call.
//
// An error is a denial: [ErrReadOnly] where the mount is for reading only, one that
// wraps [fs.ErrPermission] where this use is not allowed, and any other where nothing
// is.
type FileGate func(ctx context.Context, path string, write bool) error

// ErrReadOnly is a denial of writing alone.
var ErrReadOnly = errors.New("read-only")

// ErrQuota is why an [FS] refuses what would exceed its bounds.
var ErrQuota = errors.New("over quota")

// Mount is a folder that a guest sees.
type Mount struct {
	// Path is where, absolute and clean.
	Path string
	FS   FS
	// New makes a tree that belongs to one instance, in place of FS; end is
	// called when the instance has ended.
	New func() (tree FS, end func() error)
}

// FS is the tree behind a [Mount]. Names are relative and slash-separated; they
// are the guest's, unchecked: they may have ".." and links, and a trailing slash
// asks for a directory. An FS must not let any of that lead out of it, whoever
// changes the tree and whenever; [os.Root] has the methods and the care.
// Errors are those of package os: fs.ErrNotExist and its like, and a *PathError
// with the system's errno for the rest. It is safe for concurrent use.
type FS interface {
	// OpenFile opens with the flags of package os. It opens nothing but
	// regular files and directories, and never blocks. A last element that is
	// a link is an error where follow is false.
	OpenFile(name string, flag int, follow bool) (File, error)
	// Stat describes what a name stands for, or the link itself where follow is false.
	Stat(name string, follow bool) (fs.FileInfo, error)
	Mkdir(name string) error
	// Remove removes a directory (dir) or anything else (not dir).
	Remove(name string, dir bool) error
	Rename(from, to string) error
	Link(from, to string) error
	Symlink(target, name string) error
	Readlink(name string) (string, error)
	Chtimes(name string, follow bool, atime, mtime time.Time) error
}

// File is an open file or directory of an [FS].
type File interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	io.Seeker
	Stat() (fs.FileInfo, error)
	ReadDir(n int) ([]fs.DirEntry, error)
	Truncate(size int64) error
	// Grow makes a file that is shorter as long as size, with zeros.
	Grow(size int64) error
	Chtimes(atime, mtime time.Time) error
	Sync() error
}
