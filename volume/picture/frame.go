package picture

import (
	"math"

	"satgraph/volume"
)

// The three axes of the patient, in RAS order: each grows towards the
// patient's right, anterior, and superior side.
const (
	axisR = iota
	axisA
	axisS
)

// frame reads a volume as if it lay in RAS order, without moving a voxel.
type frame struct {
	file    [3]int               // voxels along the file's axes
	to      volume.Reorientation // which file axis runs along R, A, S
	shape   [3]int               // voxels along R, A, S
	spacing [3]float64           // mm along R, A, S
	stride  [3]int               // step in memory for one voxel towards R, A, S
	origin  int                  // place in memory of RAS voxel (0,0,0)
}

func newFrame(g volume.Grid) frame {
	f := frame{file: g.Shape, to: g.ToRAS()}
	spacing := g.Spacing()
	step := [3]int{1, g.Shape[0], g.Shape[0] * g.Shape[1]}
	for ras, axis := range f.to.Perm {
		f.shape[ras] = g.Shape[axis]
		f.spacing[ras] = spacing[axis]
		f.stride[ras] = step[axis]
		if f.to.Flip[ras] {
			f.stride[ras] = -step[axis]
			f.origin += step[axis] * (g.Shape[axis] - 1)
		}
	}
	return f
}

// voxel returns the file index of a RAS index.
func (f frame) voxel(ras [3]int) (ijk [3]int) {
	for axis, n := range ras {
		if f.to.Flip[axis] {
			n = f.shape[axis] - 1 - n
		}
		ijk[f.to.Perm[axis]] = n
	}
	return ijk
}

// A run is an unbroken line of set voxels along the file's first axis; first
// is the place in memory of its first voxel.
type run struct{ first, n int }

// findRuns returns the runs of a mask whose first axis has width voxels, and
// how many voxels are set.
func findRuns(data []uint8, width int) (runs []run, voxels int) {
	for line := 0; line < len(data); line += width {
		for i := line; i < line+width; i++ {
			if data[i] == 0 {
				continue
			}
			first := i
			for i < line+width && data[i] != 0 {
				i++
			}
			runs = append(runs, run{first, i - first})
			voxels += i - first
		}
	}
	return runs, voxels
}

// ras returns the RAS index of the voxel at a place in memory, and the RAS axis
// and the direction (1 or -1) in which a run goes on from there.
func (f frame) ras(offset int) (at [3]int, along, direction int) {
	line := offset / f.file[0]
	ijk := [3]int{offset % f.file[0], line % f.file[1], line / f.file[1]}
	for ras, axis := range f.to.Perm {
		n, step := ijk[axis], 1
		if f.to.Flip[ras] {
			n, step = f.shape[ras]-1-n, -1
		}
		at[ras] = n
		if axis == 0 {
			along, direction = ras, step
		}
	}
	return at, along, direction
}

// bestPoint returns the RAS voxel through which the three planes are laid: on
// each axis the plane that shows the most of the structures, each counted by
// the square root of its area there (its breadth), so that a large one does
// not drown small ones. Among equals it is the plane nearest to the
// structures' centre of mass; with no structure at all, the middle.
func (f frame) bestPoint(layers []layer) (point [3]int) {
	var score [3][]float64
	var centre [3]float64
	for axis := range score {
		score[axis] = make([]float64, f.shape[axis])
	}
	total := 0
	for _, l := range layers {
		var area [3][]int
		for axis := range area {
			area[axis] = make([]int, f.shape[axis])
		}
		for _, r := range l.runs {
			at, along, direction := f.ras(r.first)
			for axis := range area {
				if axis != along {
					area[axis][at[axis]] += r.n
				}
			}
			for k := range r.n {
				area[along][at[along]+direction*k]++
			}
		}
		for axis := range area {
			for n, a := range area[axis] {
				score[axis][n] += math.Sqrt(float64(a))
				centre[axis] += float64(n) * float64(a)
			}
		}
		total += l.voxels
	}
	for axis := range point {
		if total == 0 {
			point[axis] = f.shape[axis] / 2
			continue
		}
		middle := centre[axis] / float64(total)
		for n, s := range score[axis] {
			best := score[axis][point[axis]]
			nearer := math.Abs(float64(n)-middle) < math.Abs(float64(point[axis])-middle)
			if s > best || (s == best && nearer) {
				point[axis] = n
			}
		}
	}
	return point
}

// A plane is one of the three views. Both of its axes are shown against their
// direction: to the left of the picture lies the side that across grows
// towards, at its top the side that up grows towards. That is the radiological
// convention for all three.
type plane struct {
	name                     string
	across, up, through      int
	left, right, top, bottom string
}

func planes() [3]plane {
	return [3]plane{
		{"Axial", axisR, axisA, axisS, "R", "L", "A", "P"},
		{"Coronal", axisR, axisS, axisA, "R", "L", "S", "I"},
		{"Sagittal", axisA, axisS, axisR, "A", "P", "S", "I"},
	}
}

// A field is a plane's voxels as they are shown: row by row from the top left.
type field struct {
	w, h int
	v    []float32
}

// size is the plane's extent in mm.
func (p plane) size(f frame) (w, h float64) {
	return float64(f.shape[p.across]) * f.spacing[p.across], float64(f.shape[p.up]) * f.spacing[p.up]
}

// cutImage takes the plane at index n (along p.through) out of an image.
func (p plane) cutImage(f frame, data []float32, n int) field {
	out := field{w: f.shape[p.across], h: f.shape[p.up]}
	out.v = make([]float32, out.w*out.h)
	base := f.origin + n*f.stride[p.through]
	for y := range out.h {
		line := base + (out.h-1-y)*f.stride[p.up]
		for x := range out.w {
			out.v[y*out.w+x] = data[line+(out.w-1-x)*f.stride[p.across]]
		}
	}
	return out
}

// cutRuns takes the plane at index n out of a structure; the field holds 0 and
// 1. It returns false where the plane does not meet the structure.
func (p plane) cutRuns(f frame, runs []run, n int) (field, bool) {
	out := field{w: f.shape[p.across], h: f.shape[p.up]}
	for _, r := range runs {
		at, along, direction := f.ras(r.first)
		length := r.n
		if along == p.through {
			steps := (n - at[along]) * direction
			if steps < 0 || steps >= r.n {
				continue
			}
			at[along], length = n, 1
		}
		if at[p.through] != n {
			continue
		}
		if out.v == nil {
			out.v = make([]float32, out.w*out.h)
		}
		for range length {
			out.v[(out.h-1-at[p.up])*out.w+out.w-1-at[p.across]] = 1
			at[along] += direction
		}
	}
	return out, out.v != nil
}
