package metrics

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Distances are exact. A border cell looks for the nearest border cell of the
// other mask row by row, the nearest rows first: where two masks agree, that is
// a few rows. Cells that find none near are answered by lower envelopes of
// parabolas (Felzenszwalb and Huttenlocher 2012) over the box.

// nearRows is how far, in rows, a cell looks by itself.
const nearRows = 12

// offset is a row's place relative to a cell, and its distance squared in mm².
type offset struct {
	dj, dk int
	d2     float64
}

// spiral lists the offsets that are looked at, the nearest first. Beyond radius2
// (mm²) others may be nearer.
func spiral(spacing [3]float64) (list []offset, radius2 float64) {
	reach := (nearRows + 1) * min(spacing[1], spacing[2])
	radius2 = reach * reach
	nj, nk := int(reach/spacing[1]), int(reach/spacing[2])
	for dk := -nk; dk <= nk; dk++ {
		for dj := -nj; dj <= nj; dj++ {
			y, z := float64(dj)*spacing[1], float64(dk)*spacing[2]
			if d2 := y*y + z*z; d2 < radius2 {
				list = append(list, offset{dj, dk, d2})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b offset) int { return cmp.Compare(a.d2, b.d2) })
	return list, radius2
}

// measure lists the surfels of a mask with their distances from the border of
// another. A border without cells is infinitely far.
func (w *worker) measure(out []surfel, mask, border, other *bitmap, empty bool) []surfel {
	none := make([]uint64, mask.words)
	w.far = w.far[:0]
	for k := range border.shape[2] {
		for j := range border.shape[1] {
			var rows [4][]uint64
			found := false
			for n, word := range border.row(j, k) {
				for ; word != 0; word &= word - 1 {
					if !found {
						rows, found = mask.around(j, k, none), true
					}
					i := n*64 + bits.TrailingZeros64(word)
					s := surfel{w.areas[code(&rows, i)], math.Inf(1)}
					if !empty {
						d2, ok := w.near(other, i, j, k)
						if !ok {
							w.far = append(w.far, query{i, j, k, len(out), d2})
						}
						s.distance = math.Sqrt(d2)
					}
					out = append(out, s)
				}
			}
		}
	}
	if len(w.far) > 0 {
		w.envelope(other, out)
	}
	return out
}

// near finds the nearest cell among the rows of the spiral; it is not ok where
// one beyond may be nearer. It returns the best distance squared so far.
func (w *worker) near(b *bitmap, i, j, k int) (best float64, ok bool) {
	best = math.Inf(1)
	for _, o := range w.spiral {
		if o.d2 >= best {
			return best, true
		}
		y, z := j+o.dj, k+o.dk
		if y < 0 || z < 0 || y >= b.shape[1] || z >= b.shape[2] {
			continue
		}
		limit := math.MaxInt
		if !math.IsInf(best, 1) {
			limit = int(math.Sqrt(best-o.d2)/w.spacing[0]) + 1
		}
		if d := nearest(b.row(y, z), i, limit); d >= 0 {
			x := float64(d) * w.spacing[0]
			best = min(best, x*x+o.d2)
		}
	}
	return best, best <= w.radius2
}

// nearest is the distance from bit i to the nearest one that is set, -1 where
// there is none within the limit.
func nearest(row []uint64, i, limit int) int {
	n, low := i/64, i%64
	best := -1
	// To the right, itself included.
	if v := row[n] >> low; v != 0 {
		best = bits.TrailingZeros64(v)
	} else {
		for m := n + 1; m < len(row) && m*64-i <= limit; m++ {
			if row[m] != 0 {
				best = m*64 + bits.TrailingZeros64(row[m]) - i
				break
			}
		}
	}
	if best == 0 {
		return 0
	}
	// To the left.
	if v := row[n] << (63 - low); v != 0 {
		if d := bits.LeadingZeros64(v); best < 0 || d < best {
			best = d
		}
		return best
	}
	for m := n - 1; m >= 0 && i-(m*64+63) <= limit && (best < 0 || i-(m*64+63) < best); m-- {
		if row[m] != 0 {
			if d := i - (m*64 + 63 - bits.LeadingZeros64(row[m])); best < 0 || d < best {
				best = d
			}
			break
		}
	}
	return best
}

// query is a cell that has found nothing near: where it is, its surfel, and the
// best that it has found all the same (mm²).
type query struct {
	i, j, k int
	surfel  int
	best    float64
}

// parabola is one of an envelope: f(x) = height + (x-at)², reaching from start.
type parabola struct {
	at, height, start float64
	index             int
}

// lower adds a parabola to an envelope; at grows from call to call.
func lower(e []parabola, p parabola) []parabola {
	p.start = math.Inf(-1)
	for len(e) > 0 {
		q := e[len(e)-1]
		p.start = (p.height + p.at*p.at - q.height - q.at*q.at) / (2 * (p.at - q.at))
		if p.start > q.start {
			break
		}
		e = e[:len(e)-1]
		p.start = math.Inf(-1)
	}
	return append(e, p)
}

// absent marks a column of a slice without any cell.
const absent = math.MaxUint16

// envelope answers w.far. For each column (i, k) that a question can reach, it
// finds the nearest row of each j by a lower envelope, then for each question
// the nearest slice by another.
func (w *worker) envelope(b *bitmap, out []surfel) {
	// Questions in the order of their columns (i, j).
	slices.SortFunc(w.far, func(p, q query) int {
		return cmp.Or(cmp.Compare(p.i, q.i), cmp.Compare(p.j, q.j), cmp.Compare(p.k, q.k))
	})
	nj, nk := b.shape[1], b.shape[2]
	if n := nj * nk; cap(w.nearRow) < n {
		w.nearRow = make([]uint16, n)
	}
	nearRow := w.nearRow[:nj*nk]
	for from := 0; from < len(w.far); {
		i := w.far[from].i
		to := from
		for to < len(w.far) && w.far[to].i == i {
			to++
		}
		w.columns(b, i, nearRow)
		w.answer(b, i, nearRow, w.far[from:to], out)
		from = to
	}
}

// columns finds, in the plane of all cells with one i, for each (j, k) the row of
// slice k with the cell nearest to (i, j).
func (w *worker) columns(b *bitmap, i int, nearRow []uint16) {
	nj := b.shape[1]
	for k := range b.shape[2] {
		e := w.parabolas[:0]
		for j := range nj {
			if d := nearest(b.row(j, k), i, math.MaxInt); d >= 0 {
				x := float64(d) * w.spacing[0]
				e = lower(e, parabola{at: float64(j) * w.spacing[1], height: x * x, index: j})
			}
		}
		w.parabolas = e
		row := nearRow[k*nj : (k+1)*nj]
		n := 0
		for j := range row {
			if len(e) == 0 {
				row[j] = absent
				continue
			}
			for y := float64(j) * w.spacing[1]; n+1 < len(e) && e[n+1].start <= y; n++ { //nolint:revive // the loop is its own work
			}
			row[j] = uint16(e[n].index) //nolint:gosec // axes are shorter
		}
	}
}

// answer finds the nearest slice for the questions of one i.
func (w *worker) answer(b *bitmap, i int, nearRow []uint16, questions []query, out []surfel) {
	nj := b.shape[1]
	for from := 0; from < len(questions); {
		j := questions[from].j
		e := w.parabolas[:0]
		for k := range b.shape[2] {
			near := nearRow[k*nj+j]
			if near == absent {
				continue
			}
			x := float64(nearest(b.row(int(near), k), i, math.MaxInt)) * w.spacing[0]
			y := float64(int(near)-j) * w.spacing[1]
			e = lower(e, parabola{at: float64(k) * w.spacing[2], height: x*x + y*y, index: k})
		}
		w.parabolas = e
		n := 0
		for ; from < len(questions) && questions[from].j == j; from++ {
			q := questions[from]
			z := float64(q.k) * w.spacing[2]
			for n+1 < len(e) && e[n+1].start <= z {
				n++
			}
			d := float64(q.k-e[n].index) * w.spacing[2]
			out[q.surfel].distance = math.Sqrt(min(q.best, e[n].height+d*d))
		}
	}
}
