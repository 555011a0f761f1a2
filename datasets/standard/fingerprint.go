package standard

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"satgraph/volume"
)

// fingerprintSide is how many cells a fingerprint has along an axis.
const fingerprintSide = 12

// Fingerprint is a small picture of a standardised image that stays nearly the
// same when the scan is saved again: with other numbers for the same
// intensities, other spacing, or a voxel more or less at its edges. The image is
// cut into 12×12×12 cells; of each cell's mean the mean of the cells around it is
// taken away, so that what all bodies have in common counts little, and the
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
	for k := max(0, at[2]-1); k <= min(n-1, at[2]+1); k++ {
		for j := max(0, at[1]-1); j <= min(n-1, at[1]+1); j++ {
			for i := max(0, at[0]-1); i <= min(n-1, at[0]+1); i++ {
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

// Likely is the likeness from which two images are taken for one. On five real
// scans and their forms the least likeness of one scan's is 0.83, the greatest of
// two scans' 0.63.
const Likely = 0.75

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

// Likeness is the rank correlation of two fingerprints, the greatest over the
// image as it is and turned over along one axis: 1 for the same image, near 0
// for others. It is 0 where one is damaged.
func (f *Fingerprint) Likeness(g *Fingerprint) float64 {
	best := 0.0
	norm := math.Sqrt(float64(dot(f.Cells, f.Cells)) * float64(dot(g.Cells, g.Cells)))
	if len(f.Cells) != len(g.Cells) || norm == 0 {
		return 0
	}
	for _, cells := range g.mirrored() {
		best = max(best, float64(dot(f.Cells, cells))/norm)
	}
	return best
}

func dot(a, b []byte) int {
	sum := 0
	for i := range min(len(a), len(b)) {
		sum += int(int8(a[i])) * int(int8(b[i])) //nolint:gosec // signed bytes
	}
	return sum
}

// mirrored are the cells as they are, and turned over along each axis; none of a
// damaged fingerprint.
func (f *Fingerprint) mirrored() [][]byte {
	const n = fingerprintSide
	if len(f.Cells) != n*n*n {
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

// differing is the greatest share of differing bits with which a likeness of
// Likely can be expected: normal variables of that correlation differ in sign in
// acos(0.75)/π = 0.23 of cases.
const differing = 0.32

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
