//go:build !wasip1

package gosdk

// singleThreaded says that reading the SDK's fields cannot race. It can
// natively, where the guest goes on running after an answer anyway.
const singleThreaded = false
