package wasm

import "slices"

// The native stack of a guest is the host's memory, which wazero doubles until
// it has 80 MiB and copies each time. So functions that can be part of a
// recursion take what their frames need from a budget, in a global that the guest
// cannot name, give it back when they return, and trap where there is none left.

const (
	// stackBytes is the budget. What frames take is estimated from above.
	stackBytes = 8 << 20
	// callsBytes is how much the frames of functions may take together that are
	// not charged for, since they cannot recur. Above it all functions that call are.
	callsBytes = 1 << 20
	// largeFrame is charged for in any function.
	largeFrame = 64 << 10
	// exportStack is the name of the export through which the host reads the
	// budget. It is negative once the guest trapped for it. A guest that has an
	// export of this name is not valid.
	exportStack = "mcpwasm stack left"
)

// callGraph has a function's calls of others. Indirect calls go to anywhere.
type callGraph struct {
	frames []uint64 // by function, without the imported ones
	calls  []uint32 // of all functions
	ends   []int    // by function: of its part of calls
}

// anywhere stands for all functions as the one that is called.
const anywhere = ^uint32(0)

// calledBy are the functions that i calls, in the graph in which one more node,
// the last, calls all.
func (g *callGraph) calledBy(i uint32) []uint32 {
	start := 0
	if i > 0 {
		start = g.ends[i-1]
	}
	return g.calls[start:g.ends[i]]
}

// charged reports which functions are to take their frame from the budget.
func (g *callGraph) charged() []bool {
	n := uint32(len(g.frames))
	w := walk{graph: g, seen: make([]uint32, n+1), low: make([]uint32, n+1), depth: make([]uint64, n+1), charged: make([]bool, n+1)}
	for i := range n {
		w.visit(i)
	}
	deep := slices.Max(append(w.depth, 0)) > callsBytes
	for i := range n {
		w.charged[i] = w.charged[i] || g.frames[i] > largeFrame || deep && len(g.calledBy(i)) > 0
	}
	return w.charged[:n]
}

// walk finds strongly connected components (Tarjan's algorithm), without
// recursion of its own.
type walk struct {
	graph   *callGraph
	seen    []uint32 // when, from 1
	low     []uint32 // 0 in a component that is complete
	depth   []uint64 // bytes of frames that are not charged for
	charged []bool
	clock   uint32
	open    []uint32
	path    []step
}

type step struct {
	node uint32
	next int
}

func (w *walk) visit(root uint32) {
	if w.seen[root] > 0 {
		return
	}
	w.enter(root)
	for len(w.path) > 0 {
		top := &w.path[len(w.path)-1]
		to, ok := w.callee(top.node, top.next)
		if !ok {
			w.leave(top.node)
			continue
		}
		top.next++
		switch {
		case w.seen[to] == 0:
			w.enter(to)
		case w.low[to] > 0:
			w.low[top.node] = min(w.low[top.node], w.seen[to])
		}
		w.charged[top.node] = w.charged[top.node] || to == top.node
	}
}

// callee is the i-th that a node calls.
func (w *walk) callee(node uint32, i int) (uint32, bool) {
	all := uint32(len(w.graph.frames))
	if node == all {
		return uint32(i), i < int(all)
	}
	calls := w.graph.calledBy(node)
	if i >= len(calls) {
		return 0, false
	}
	return min(calls[i], all), true // anywhere is above
}

func (w *walk) enter(node uint32) {
	w.clock++
	w.seen[node], w.low[node] = w.clock, w.clock
	w.open = append(w.open, node)
	w.path = append(w.path, step{node: node})
}

func (w *walk) leave(node uint32) {
	w.path = w.path[:len(w.path)-1]
	if len(w.path) > 0 {
		above := w.path[len(w.path)-1].node
		w.low[above] = min(w.low[above], w.low[node])
	}
	if w.low[node] != w.seen[node] {
		return
	}
	at := len(w.open) - 1
	for w.open[at] != node {
		at--
	}
	part := w.open[at:]
	w.open = w.open[:at]
	for _, i := range part {
		w.low[i] = 0
		w.charged[i] = w.charged[i] || len(part) > 1
	}
	w.measure(node, len(part) > 1)
}

// measure finds how much can be on the stack from a node down. What is called is
// complete.
func (w *walk) measure(node uint32, cyclic bool) {
	if node == uint32(len(w.graph.frames)) || cyclic {
		return // charged for, up to what is called beyond
	}
	for _, to := range w.graph.calledBy(node) {
		if to != anywhere && to != node {
			w.depth[node] = max(w.depth[node], w.depth[to])
		}
	}
	if !w.charged[node] {
		w.depth[node] += w.graph.frames[node]
	}
}
