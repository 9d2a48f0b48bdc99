package main

import _ "unsafe" // for go:linkname

//go:linkname currentMemory runtime.currentMemory
func currentMemory() int32

// memorySize is how much linear memory there is.
func memorySize() uintptr { return uintptr(currentMemory()) << 16 }
