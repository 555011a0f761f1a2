package inference

import "satgraph/volume"

// span is a run of a mask with its component's number, or that of another run
// of its component.
type span struct{ from, to, parent int32 }

// components are a mask's face-connected components, found by joining runs of
// neighbouring rows.
type components struct {
	runs  []span
	rows  []int32 // where each row's runs begin, and the end
	shape [3]int
}

func findComponents(b *volume.Bits) *components {
	c := &components{shape: b.Shape, rows: make([]int32, b.Shape[1]*b.Shape[2]+1)}
	row := 0
	//nolint:gosec // no axis of a scan has 2^31 voxels, and no mask as many runs
	b.Runs(func(r volume.Run) bool {
		for at := r.J + b.Shape[1]*r.K; row <= at; row++ {
			c.rows[row] = int32(len(c.runs)) //nolint:gosec // as above
		}
		c.runs = append(c.runs, span{int32(r.From), int32(r.To), int32(len(c.runs))})
		return true
	})
	for ; row < len(c.rows); row++ {
		c.rows[row] = int32(len(c.runs)) //nolint:gosec // as above
	}
	for k := range c.shape[2] {
		for j := range c.shape[1] {
			row := j + c.shape[1]*k
			if c.rows[row] == c.rows[row+1] {
				continue
			}
			if j > 0 {
				c.join(row, row-1)
			}
			if k > 0 {
				c.join(row, row-c.shape[1])
			}
		}
	}
	return c
}

// join unites the runs of two rows that touch.
func (c *components) join(a, b int) {
	i, j := c.rows[a], c.rows[b]
	for i < c.rows[a+1] && j < c.rows[b+1] {
		x, y := c.runs[i], c.runs[j]
		if x.from < y.to && y.from < x.to {
			p, q := c.root(i), c.root(j)
			// The first run of a component stands for it.
			c.runs[max(p, q)].parent = min(p, q)
		}
		if x.to < y.to {
			i++
		} else {
			j++
		}
	}
}

func (c *components) root(i int32) int32 {
	for c.runs[i].parent != i {
		c.runs[i].parent = c.runs[c.runs[i].parent].parent
		i = c.runs[i].parent
	}
	return i
}

// count is the number of components.
func (c *components) count() int {
	n := 0
	for i := range c.runs {
		if int(c.runs[i].parent) == i {
			n++
		}
	}
	return n
}

// largest copies the largest component; among equals, the first.
func (c *components) largest(g volume.Grid) *volume.Bits {
	sizes := make([]int64, len(c.runs))
	for i, r := range c.runs {
		sizes[c.root(int32(i))] += int64(r.to - r.from)
	}
	best := int32(0)
	for i, n := range sizes {
		if n > sizes[best] {
			best = int32(i)
		}
	}
	out := volume.NewBits(g)
	for row := range len(c.rows) - 1 {
		for i := c.rows[row]; i < c.rows[row+1]; i++ {
			if c.root(i) == best {
				out.SetRun(int(c.runs[i].from), int(c.runs[i].to), row%c.shape[1], row/c.shape[1])
			}
		}
	}
	return out
}
