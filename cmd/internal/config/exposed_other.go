//go:build !unix

package config

import "io/fs"

// writers says who may write to a file, as far as modes say it.
func writers(fs.FileInfo) string { return "" }
