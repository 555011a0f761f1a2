package merge

import (
	"slices"

	"satgraph/graph"
)

// walker follows relations upwards while more of them are added.
type walker struct {
	ids   []string
	at    map[string]int32
	up    [][]step
	seen  []int32 // the walk that saw a term last
	from  []int32 // by which child that walk came
	walks int32
	stack []int32
}

type step struct {
	to   int32
	kind graph.RelationType
}

func newWalker(s *graph.Snapshot) *walker {
	n := len(s.Terms)
	w := &walker{
		ids: make([]string, n), at: make(map[string]int32, n), up: make([][]step, n), seen: make([]int32, n), from: make([]int32, n),
	}
	for i := range s.Terms {
		w.ids[i] = s.Terms[i].ID
		w.at[w.ids[i]] = int32(i)
	}
	for _, r := range s.Relations {
		w.add(r)
	}
	return w
}

func (w *walker) add(r graph.Relation) {
	child := w.at[r.Child]
	w.up[child] = append(w.up[child], step{w.at[r.Parent], r.Type})
}

// implies says that the relation follows from others: is_a from is_a alone,
// part_of from a way up of is_a and part_of, located_in from any.
func (w *walker) implies(r graph.Relation) bool {
	return w.walk(w.at[r.Child], w.at[r.Parent], func(kind graph.RelationType) bool {
		switch r.Type {
		case graph.IsA:
			return kind == graph.IsA
		case graph.PartOf:
			return kind != graph.LocatedIn
		default:
			return true
		}
	})
}

// path returns the ids on a way up, both ends included; nil where there is none.
func (w *walker) path(from, to string) []string {
	start, end := w.at[from], w.at[to]
	if !w.walk(start, end, func(graph.RelationType) bool { return true }) {
		return nil
	}
	var path []string
	for at := end; ; at = w.from[at] {
		path = append(path, w.ids[at])
		if at == start {
			break
		}
	}
	slices.Reverse(path)
	return path
}

func (w *walker) walk(start, end int32, follow func(graph.RelationType) bool) bool {
	w.walks++
	w.stack = append(w.stack[:0], start)
	w.seen[start] = w.walks
	for len(w.stack) > 0 {
		at := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		for _, s := range w.up[at] {
			if w.seen[s.to] == w.walks || !follow(s.kind) {
				continue
			}
			w.seen[s.to], w.from[s.to] = w.walks, at
			if s.to == end {
				return true
			}
			w.stack = append(w.stack, s.to)
		}
	}
	return false
}
