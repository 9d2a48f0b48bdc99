// Package registry gets artifacts: the modules that a host runs, wherever they
// come from. [Open] reads one from a file.
package registry
