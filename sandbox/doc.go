// Package sandbox attacks the program itself: make sandbox runs bin/mcpwasm with
// hostile guests beside a neighbour that minds its own business, and prints for
// every attack what stopped it, when, at what cost, and what the neighbour felt.
// It has nothing but tests. What is measured is measured on Linux.
package sandbox
