// Package files gives guests folders of the host.
//
// A [Folder] is one such folder, open for all instances of a server. It is built
// on [os.Root], which keeps every path inside whoever makes links in it and
// whenever, and adds what a host that survives its guests needs: nothing but
// regular files and directories is opened, and never in a way that blocks; what
// the folder holds and how much of it is open is bounded.
//
// A [Scratch] is a folder for one instance that is gone after it.
//
// Every change goes through one lock for each folder, so that what is counted is
// what was done. Reading what is open takes none.
package files
