// Package bench measures mcpwasm from outside, as a client sees it: a call per
// transport, shape and lifetime, and a cold start, each beside the same server
// called natively in the same run. It has nothing but benchmarks; `make bench`
// runs them and `make bench-report` writes docs/benchmarks.md. It is a module of
// its own, so that users of mcpwasm do not inherit what it compares with.
package bench
