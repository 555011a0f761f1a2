package standard

import (
	"math"

	"satgraph/volume"
)

// still is how far (voxels) a grid may stray from the axes of another and yet
// count as running along them.
const still = 1e-6

// nearest samples a mask at another grid, to, whose voxels place maps to those of
// the mask. Positions half way between two voxels go to the even one, counted
// along the axes of to, as torch does. Positions outside the mask are moved to
// its border with edge, else they are empty.
func nearest(m *volume.Bits, to volume.Grid, place volume.Affine, edge bool) *volume.Bits {
	axes, ok := along(place, to.Shape)
	if !ok {
		return anywhere(m, to, place, edge)
	}
	if axes != [3]int{0, 1, 2} {
		m, place = turn(m, place, axes)
	}
	var maps [3][]int
	for a := range maps {
		maps[a] = lookup(place[a][a], place[a][3], m.Shape[a], to.Shape[a], edge)
	}
	out := volume.NewBits(to)
	rows, box := byRow(m)
	if rows == nil {
		return out
	}
	before := cuts(maps[0], m.Shape[0])
	high := box.Max[1] - box.Min[1]
	for k, z := range maps[2] {
		if z < box.Min[2] || z >= box.Max[2] {
			continue
		}
		for j, y := range maps[1] {
			if y < box.Min[1] || y >= box.Max[1] {
				continue
			}
			for _, r := range rows[(y-box.Min[1])+high*(z-box.Min[2])] {
				lo, hi := before[r.From], before[r.To]
				out.SetRun(min(lo, hi), max(lo, hi), j, k)
			}
		}
	}
	return out
}

// along tells which axis of to each axis of the mask runs along; false where
// one runs askew.
func along(place volume.Affine, shape [3]int) (axes [3]int, ok bool) {
	taken := [3]bool{}
	for a := range 3 {
		found := false
		for c := range 3 {
			if math.Abs(place[a][c])*float64(shape[c]) <= still {
				continue
			}
			if found || taken[c] {
				return axes, false
			}
			found, taken[c], axes[a] = true, true, c
		}
		if !found { // to is one voxel thick, or nearly
			return axes, false
		}
	}
	return axes, true
}

// turn brings a mask's axes into the order of to.
func turn(m *volume.Bits, place volume.Affine, axes [3]int) (*volume.Bits, volume.Affine) {
	out := volume.Affine{3: {3: 1}}
	g := m.Grid
	for a, c := range axes {
		out[c] = place[a]
		g.Shape[c] = m.Shape[a]
	}
	turned := volume.NewBits(g)
	var v [3]int
	m.Runs(func(r volume.Run) bool {
		v[axes[1]], v[axes[2]] = r.J, r.K
		for i := r.From; i < r.To; i++ {
			v[axes[0]] = i
			turned.SetRun(v[0], v[0]+1, v[1], v[2])
		}
		return true
	})
	return turned, out
}

// lookup gives for each of n voxels of an axis the voxel of the mask that is
// nearest to scale·i + offset; -1 or size where that is outside of it.
func lookup(scale, offset float64, size, n int, edge bool) []int {
	out := make([]int, n)
	for i := range out {
		p := scale*float64(i) + offset
		if scale < 0 {
			p = float64(size-1) - p
		}
		out[i] = round(p, size, edge)
		if scale < 0 {
			out[i] = size - 1 - out[i]
		}
	}
	return out
}

// round is the voxel nearest to a position on an axis of some size.
func round(p float64, size int, edge bool) int {
	const snap = 1e-7 // what arithmetic leaves of a half is a half
	if twice := math.Round(2 * p); math.Abs(2*p-twice) < snap {
		p = twice / 2
	}
	switch {
	case edge:
		p = min(max(p, 0), float64(size-1))
	case !(p >= -0.5):
		return -1
	case p > float64(size)-0.5:
		return size
	}
	return min(max(int(math.RoundToEven(p)), 0), size-1)
}

// cuts gives for each edge between voxels of the mask, numbered from 0, where it
// lies among the voxels of the new axis: runs map to runs, since m is monotone.
func cuts(m []int, size int) []int {
	out := make([]int, size+1)
	if m[0] <= m[len(m)-1] {
		at := 0
		for s := range out {
			for at < len(m) && m[at] < s {
				at++
			}
			out[s] = at
		}
		return out
	}
	at := len(m)
	for s := range out {
		for at > 0 && m[at-1] < s {
			at--
		}
		out[s] = at
	}
	return out
}

// byRow lists the runs of each row of the mask's box.
func byRow(m *volume.Bits) ([][]volume.Run, volume.Box) {
	box, ok := m.Bounds()
	if !ok {
		return nil, box
	}
	s := box.Shape()
	rows := make([][]volume.Run, s[1]*s[2])
	var all []volume.Run
	start, row := 0, -1
	m.Runs(func(r volume.Run) bool {
		if n := r.J - box.Min[1] + s[1]*(r.K-box.Min[2]); n != row {
			start, row = len(all), n
		}
		all = append(all, r)
		rows[row] = all[start:len(all):len(all)]
		return true
	})
	return rows, box
}

// reach is the part of a grid that can see a box of the mask through place.
func reach(box volume.Box, to volume.Grid, place volume.Affine) (out volume.Box, ok bool) {
	back, err := place.Inverse()
	if err != nil {
		return out, false
	}
	lo := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
	hi := [3]float64{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	for n := range 8 {
		var p [3]float64
		for a := range p {
			p[a] = float64(box.Min[a]) - 1.5
			if n>>a&1 == 1 {
				p[a] = float64(box.Max[a]) + 0.5
			}
		}
		for a, v := range back.Apply(p) {
			lo[a], hi[a] = min(lo[a], v), max(hi[a], v)
		}
	}
	for a := range 3 {
		last := float64(to.Shape[a])
		out.Min[a] = int(min(max(math.Floor(lo[a])-1, 0), last))
		out.Max[a] = int(min(max(math.Ceil(hi[a])+2, 0), last))
		if out.Min[a] >= out.Max[a] {
			return out, false
		}
	}
	return out, true
}

// grown is the box, reaching to infinity where it touches the grid's edge, as
// the border does that positions outside are moved to.
func grown(box volume.Box, g volume.Grid) volume.Box {
	const far = 1 << 20
	for a := range 3 {
		if box.Min[a] == 0 {
			box.Min[a] = -far
		}
		if box.Max[a] == g.Shape[a] {
			box.Max[a] = far
		}
	}
	return box
}

// anywhere is nearest for grids that do not run along each other.
func anywhere(m *volume.Bits, to volume.Grid, place volume.Affine, edge bool) *volume.Bits {
	flip := [3]bool{}
	for a := range 3 { // along which way halves are counted
		most := 0
		for c := range 3 {
			if math.Abs(place[a][c]) > math.Abs(place[a][most]) {
				most = c
			}
		}
		flip[a] = place[a][most] < 0
	}
	return each(m, to, place, edge, func(p [3]float64) bool {
		var v [3]int
		for a := range v {
			if flip[a] {
				p[a] = float64(m.Shape[a]-1) - p[a]
			}
			v[a] = round(p[a], m.Shape[a], edge)
			if v[a] < 0 || v[a] == m.Shape[a] {
				return false
			}
			if flip[a] {
				v[a] = m.Shape[a] - 1 - v[a]
			}
		}
		return m.At(v[0], v[1], v[2])
	})
}

// linear interpolates a mask between eight voxels, positions outside moved to
// its border, and keeps what is above one half.
func linear(m *volume.Bits, to volume.Grid, place volume.Affine) *volume.Bits {
	const half = 0.5 + 1e-9 // rounding must not lift a half above it
	return each(m, to, place, true, func(p [3]float64) bool {
		var lo, hi [3]int
		var w [3]float64
		for a := range p {
			q := min(max(p[a], 0), float64(m.Shape[a]-1))
			lo[a] = int(q)
			w[a] = q - float64(lo[a])
			hi[a] = min(lo[a]+1, m.Shape[a]-1)
		}
		sum := 0.0
		for n := range 8 {
			at, weight := lo, 1.0
			for a := range 3 {
				if n>>a&1 == 1 {
					at[a] = hi[a]
					weight *= w[a]
				} else {
					weight *= 1 - w[a]
				}
			}
			if weight > 0 && m.At(at[0], at[1], at[2]) {
				sum += weight
			}
		}
		return sum > half
	})
}

// each asks for every voxel of to that a mask can reach whether it is in, by
// its position in the mask.
func each(m *volume.Bits, to volume.Grid, place volume.Affine, edge bool, in func(p [3]float64) bool) *volume.Bits {
	out := volume.NewBits(to)
	box, ok := m.Bounds()
	if !ok {
		return out
	}
	if edge {
		box = grown(box, m.Grid)
	}
	if box, ok = reach(box, to, place); !ok {
		return out
	}
	for k := box.Min[2]; k < box.Max[2]; k++ {
		for j := box.Min[1]; j < box.Max[1]; j++ {
			for i := box.Min[0]; i < box.Max[0]; i++ {
				if in(place.Apply([3]float64{float64(i), float64(j), float64(k)})) {
					out.SetRun(i, i+1, j, k)
				}
			}
		}
	}
	return out
}
