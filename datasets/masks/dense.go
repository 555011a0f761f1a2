package masks

import (
	"bytes"
	"fmt"

	"satgraph/volume"
)

// Dense is a volume of a byte a voxel, 1 or 0, the first axis fastest, into which
// the classes of files are read one after another: what the last one set is
// cleared, not the volume. The zero value is ready for use; it may be used by one
// goroutine at a time, and whoever writes to Data has to undo it.
type Dense struct {
	volume.Mask
	set     volume.Box // holds all that is set
	ones    []byte     // as many as a row is long
	scratch scratch
}

// ReadDense reads one class into a volume of the file's grid. Errors are those of
// Read; after one the volume may hold a part of the class until it is read into
// again.
func (f *File) ReadDense(name string, into *Dense) error {
	e, err := f.entry(name)
	if err != nil {
		return err
	}
	into.empty(f.grid)
	into.set = e.box()
	return f.paint(name, into, [3]int{})
}

// ReadBox reads one class as a volume of its box alone, which is put into the
// volume's memory where it has room. A class without voxels gives one of no
// voxels. Errors are those of ReadDense.
func (f *File) ReadBox(name string, into *Dense) error {
	e, err := f.entry(name)
	if err != nil {
		return err
	}
	if e.Voxels == 0 {
		into.empty(volume.Grid{})
		return nil
	}
	g, err := f.grid.Crop(e.box())
	if err != nil {
		return fileError(f.path, fmt.Errorf("class %q: %w: %w", name, ErrDamaged, err))
	}
	into.empty(g)
	into.set = volume.Box{Max: g.Shape}
	return f.paint(name, into, e.Box[0])
}

// empty makes it a volume of the grid without a voxel set.
func (d *Dense) empty(g volume.Grid) {
	n := g.Voxels()
	switch {
	case d.Shape == g.Shape:
		d.clear()
	case cap(d.Data) < n:
		d.Data = make([]byte, n)
	default:
		d.clear()
		d.Data = d.Data[:cap(d.Data)][:n] // what lies behind was cleared when it was left
	}
	d.Grid, d.set = g, volume.Box{}
	if len(d.ones) < g.Shape[0] {
		d.ones = bytes.Repeat([]byte{1}, g.Shape[0])
	}
}

// clear puts back what was set, in as few pieces as lie together.
func (d *Dense) clear() {
	s := d.set.Shape()
	if s[0] == d.Shape[0] { // whole rows
		s[0], s[1] = s[0]*s[1], min(s[1], 1)
	}
	if len(d.Data) == 0 || s[0]*s[1]*s[2] == 0 {
		return
	}
	for k := range s[2] {
		for j := range s[1] {
			clear(d.Data[d.Index(d.set.Min[0], d.set.Min[1]+j, d.set.Min[2]+k):][:s[0]])
		}
	}
}

// paint sets the voxels of a class in a volume whose first voxel is at origin.
func (f *File) paint(name string, d *Dense, origin [3]int) error {
	return f.rows(name, &d.scratch, func(e *entry, edges []int, j, k int) {
		row := d.Data[d.Index(e.Box[0][0]-origin[0], j-origin[1], k-origin[2]):]
		for ; len(edges) >= 2; edges = edges[2:] {
			copy(row[edges[0]:edges[1]], d.ones)
		}
	})
}
