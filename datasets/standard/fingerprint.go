package standard

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"satgraph/volume"
)

// fingerprintSide is how many cells a fingerprint has along an axis.
const fingerprintSide = 16

// fingerprintReach is how many cells on each side count as those around one.
const fingerprintReach = 2

// Fingerprint is a small picture of a standardised image that stays nearly the
// same when the scan is saved again: with other numbers for the same
// intensities, other spacing, or a voxel more or less at its edges. The image is
// cut into 16×16×16 cells; of each cell's mean the mean of the 5×5×5 cells around
// it is taken away, so that what all bodies have in common counts little, and the
// results are replaced by their ranks, from -127 to 127.
type Fingerprint struct {
	// Extent is the size of the image, mm.
	Extent [3]float64 `json:"extent"`
	// Cells has the first axis fastest, as signed bytes.
	Cells []byte `json:"cells"`
}

// FingerprintOf makes the fingerprint of a standardised image; nil for one of
// fewer voxels along an axis than a third of the cells.
func FingerprintOf(im *volume.Image) *Fingerprint {
	const n = fingerprintSide
	f := &Fingerprint{}
	var edges [3][n + 1]float64
	for axis, spacing := range im.Affine.Spacing() {
		length := im.Shape[axis]
		if 3*length < n {
			return nil
		}
		f.Extent[axis] = math.Round(spacing*float64(length)*100) / 100
		for i := range edges[axis] {
			edges[axis][i] = float64(i*length) / n
		}
	}
	means := cellMeans(im, edges)
	detail := make([]float64, len(means))
	for k := range n {
		for j := range n {
			for i := range n {
				detail[i+n*(j+n*k)] = means[i+n*(j+n*k)] - around(means, [3]int{i, j, k})
			}
		}
	}
	f.Cells = ranks(detail)
	return f
}

// cellMeans averages the voxels of each cell; a voxel that a border cuts counts
// for each side by its share.
func cellMeans(im *volume.Image, edges [3][fingerprintSide + 1]float64) []float64 {
	const n = fingerprintSide
	// The first axis is summed voxel row by voxel row, the others by weights.
	type share struct {
		cell   int
		weight float64
	}
	shares := func(axis int) [][]share {
		out := make([][]share, im.Shape[axis])
		for c := range n {
			lo, hi := edges[axis][c], edges[axis][c+1]
			for v := int(lo); v < im.Shape[axis] && float64(v) < hi; v++ {
				if w := min(hi, float64(v+1)) - max(lo, float64(v)); w > 1e-9 {
					out[v] = append(out[v], share{c, w})
				}
			}
		}
		return out
	}
	xs, ys, zs := shares(0), shares(1), shares(2)
	sums, weights := make([]float64, n*n*n), make([]float64, n*n*n)
	var row, rowWeight [n]float64
	for c := range xs {
		for _, s := range xs[c] {
			rowWeight[s.cell] += s.weight
		}
	}
	for k := range zs {
		for j := range ys {
			row = [n]float64{}
			line := im.Data[im.Index(0, j, k):][:im.Shape[0]]
			for i, v := range line {
				for _, s := range xs[i] {
					row[s.cell] += s.weight * float64(v)
				}
			}
			for _, z := range zs[k] {
				for _, y := range ys[j] {
					w, at := z.weight*y.weight, n*(y.cell+n*z.cell)
					for c := range row {
						sums[at+c] += w * row[c]
						weights[at+c] += w * rowWeight[c]
					}
				}
			}
		}
	}
	for i := range sums {
		sums[i] /= weights[i]
	}
	return sums
}

// around is the mean of the cells around one, itself among them.
func around(cells []float64, at [3]int) float64 {
	const n = fingerprintSide
	sum, count := 0.0, 0
	const r = fingerprintReach
	for k := max(0, at[2]-r); k <= min(n-1, at[2]+r); k++ {
		for j := max(0, at[1]-r); j <= min(n-1, at[1]+r); j++ {
			for i := max(0, at[0]-r); i <= min(n-1, at[0]+r); i++ {
				sum += cells[i+n*(j+n*k)]
				count++
			}
		}
	}
	return sum / float64(count)
}

// ranks replaces values by their ranks, spread over signed bytes; equal values
// share the middle of theirs.
func ranks(values []float64) []byte {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(values[a], values[b]), a-b) })
	out := make([]byte, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		rank := (float64(from+to-1)/2/float64(max(1, len(order)-1)) - 0.5) * 254
		for _, i := range order[from:to] {
			out[i] = byte(int8(math.Round(rank))) //nolint:gosec // signed bytes in two's complement
		}
		from = to
	}
	return out
}

// Likely is the likeness from which two images may be one. Of five real scans in
// their forms the least likeness of one scan's is 0.88, the greatest of two scans'
// 0.68; 64 phantoms of one protocol reach 0.80.
const Likely = 0.84

// Own is the likeness beyond others from which two images of one protocol are one.
const Own = 0.7

// Current says whether it is a fingerprint as this program makes them, of which
// others are not like; false of none.
func (f *Fingerprint) Current() bool {
	return f != nil && len(f.Cells) == fingerprintSide*fingerprintSide*fingerprintSide
}

// SameExtent says whether the images may be one by their size: within 5% or 6 mm
// along each axis.
func (f *Fingerprint) SameExtent(g *Fingerprint) bool {
	for axis := range f.Extent {
		a, b := f.Extent[axis], g.Extent[axis]
		if math.Abs(a-b) > max(6, 0.05*max(a, b)) {
			return false
		}
	}
	return true
}

// unaligned is the correlation, as fingerprints lie, below which it is not worth
// while to lay them over each other.
const unaligned = 0.5

// Likeness is the rank correlation of two fingerprints, the greatest over the
// image as it is and turned over along one axis: 1 for the same image, near 0 for
// others, but up to 0.9 for two people's of one protocol, which Beyond tells apart.
// Where sizes differ, one lies over the other at either end or in the middle, as
// that of a scan which lost slices does. It is 0 where one is damaged.
func (f *Fingerprint) Likeness(g *Fingerprint) float64 {
	like, _ := f.match(g)
	return like
}

// Beyond is the correlation of two fingerprints in what each has beyond the mean
// of others: of scans of one protocol, bodies have much in common, and what is
// left is a person's own. It is 0 where one is damaged or there are no others.
func (f *Fingerprint) Beyond(g *Fingerprint, others []*Fingerprint) float64 {
	_, cells := f.match(g)
	mean, count := make([]float64, len(f.Cells)), 0.0
	for _, o := range others {
		if !o.Current() {
			continue
		}
		count++
		for i, c := range o.Cells {
			mean[i] += float64(int8(c)) //nolint:gosec // a signed byte
		}
	}
	if cells == nil || count == 0 {
		return 0
	}
	own := values(f.Cells)
	for i, m := range mean {
		own[i] -= m / count
		cells[i] -= m / count
	}
	return correlation(own, cells)
}

// values are signed bytes as numbers.
func values(cells []byte) []float64 {
	out := make([]float64, len(cells))
	for i, c := range cells {
		out[i] = float64(int8(c)) //nolint:gosec // a signed byte
	}
	return out
}

// correlation of values whose mean is 0; 0 where all are.
func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// match is the greatest likeness, with the cells of g as they then lie over f's.
func (f *Fingerprint) match(g *Fingerprint) (best float64, cells []float64) {
	if !f.Current() || !g.Current() {
		return 0, nil
	}
	own := values(f.Cells)
	layouts := f.layouts(g.Extent)
	for _, form := range g.mirrored() {
		plain := values(form)
		like := correlation(own, plain)
		if like > best {
			best, cells = like, plain
		}
		if like < unaligned || len(layouts) == 1 {
			continue
		}
		for i := range layouts {
			laid := layouts[i].lay(plain)
			if like := correlation(own, laid); like > best {
				best, cells = like, laid
			}
		}
	}
	return best, cells
}

// layouts are the ways to lay an image of another extent over this one: at one
// end, in the middle, or at the other, along each axis along which sizes differ.
func (f *Fingerprint) layouts(extent [3]float64) []layout {
	const near = 0.004 // of a size: no voxel was lost
	var axes [3][]places
	for axis := range 3 {
		room := f.Extent[axis] - extent[axis]
		at := []float64{room / 2}
		if math.Abs(room) > near*f.Extent[axis] {
			at = []float64{0, room / 2, room}
		}
		for _, from := range at {
			axes[axis] = append(axes[axis], placesOf(f.Extent[axis], extent[axis], from))
		}
	}
	var out []layout
	for i := range axes[0] {
		for j := range axes[1] {
			for k := range axes[2] {
				out = append(out, layout{&axes[0][i], &axes[1][j], &axes[2][k]})
			}
		}
	}
	return out
}

// layout says where the cells of another fingerprint are read.
type layout [3]*places

// places says, for each cell along an axis, between which two cells of another
// fingerprint its middle lies, and how near to the second.
type places struct {
	first  [fingerprintSide]int
	weight [fingerprintSide]float64
}

// placesOf lays an extent over another, from a place (mm) on.
func placesOf(extent, other, from float64) (p places) {
	const n = fingerprintSide
	for i := range n {
		at := ((float64(i)+0.5)*extent/n-from)*n/other - 0.5
		at = min(max(at, 0), n-1)
		p.first[i] = min(int(at), n-2)
		p.weight[i] = at - float64(p.first[i])
	}
	return p
}

// lay reads cells, between their middles, at the places of a layout.
func (at layout) lay(cells []float64) []float64 {
	const n = fingerprintSide
	out := make([]float64, 0, n*n*n)
	between := func(a, b, t float64) float64 { return a + (b-a)*t }
	for k := range n {
		for j := range n {
			low := n * (at[1].first[j] + n*at[2].first[k])
			y, z := at[1].weight[j], at[2].weight[k]
			for i := range n {
				c, x := low+at[0].first[i], at[0].weight[i]
				here := between(between(cells[c], cells[c+1], x), between(cells[c+n], cells[c+n+1], x), y)
				c += n * n
				above := between(between(cells[c], cells[c+1], x), between(cells[c+n], cells[c+n+1], x), y)
				out = append(out, between(here, above, z))
			}
		}
	}
	return out
}

// mirrored are the cells as they are, and turned over along each axis; none of a
// damaged fingerprint.
func (f *Fingerprint) mirrored() [][]byte {
	const n = fingerprintSide
	if !f.Current() {
		return nil
	}
	out := [][]byte{f.Cells}
	for axis := range 3 {
		r := volume.Reorientation{Perm: [3]int{0, 1, 2}}
		r.Flip[axis] = true
		out = append(out, volume.FlipPermute(r, [3]int{n, n, n}, f.Cells))
	}
	return out
}

// signWords is how many words hold a bit for each cell.
const signWords = fingerprintSide * fingerprintSide * fingerprintSide / 64

// Signs are fingerprints as bits, for looking through many pairs: whether each
// cell is above the middle, as the image is and turned over along each axis.
type Signs struct {
	f     *Fingerprint
	forms [][signWords]uint64
}

// Signs prepares a fingerprint for Signs.Likeness.
func (f *Fingerprint) Signs() *Signs {
	s := &Signs{f: f}
	for _, cells := range f.mirrored() {
		var form [signWords]uint64
		for i, c := range cells {
			if int8(c) > 0 { //nolint:gosec // a signed byte
				form[i/64] |= 1 << (i % 64)
			}
		}
		s.forms = append(s.forms, form)
	}
	return s
}

// differing is the greatest share of differing bits with which a correlation of
// unaligned can be expected: normal variables of that correlation differ in sign
// in acos(0.5)/π = 0.33 of cases.
const differing = 0.36

// Likeness is that of the fingerprints, or 0 where the signs say that it is far
// below Likely.
func (s *Signs) Likeness(t *Signs) float64 {
	if len(s.forms) == 0 {
		return 0
	}
	for i := range t.forms {
		n := 0
		for w := range signWords {
			n += bits.OnesCount64(s.forms[0][w] ^ t.forms[i][w])
		}
		if float64(n) < differing*64*signWords {
			return s.f.Likeness(t.f)
		}
	}
	return 0
}
