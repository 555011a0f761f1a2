package standard

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/phantom"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// printed is a scan in one of its forms.
type printed struct {
	scan, form string
	print      *Fingerprint
}

// forms are ways in which datasets save a scan that others hold.
func forms(t *testing.T, im *volume.Image) map[string]*volume.Image {
	t.Helper()
	each := func(f func(float32) float32) *volume.Image {
		out := &volume.Image{Grid: im.Grid, Data: slices.Clone(im.Data)}
		for i, v := range out.Data {
			out.Data[i] = f(v)
		}
		return out
	}
	crop := func(low, high int) *volume.Image {
		b := volume.Box{Max: im.Shape}
		for a := range b.Max {
			b.Min[a], b.Max[a] = low, b.Max[a]-high
		}
		out, err := im.Crop(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	spaced := func(factor float64) *volume.Image {
		g := im.Grid
		for a := range g.Shape {
			g.Shape[a] = max(1, int(float64(g.Shape[a])/factor))
			for w := range 3 {
				g.Affine[w][a] *= factor
			}
		}
		out, err := im.Resample(g, 2)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	mirrored := &volume.Image{Grid: im.Grid, Data: volume.FlipPermute(volume.Reorientation{Perm: [3]int{0, 1, 2}, Flip: [3]bool{true, false, false}}, im.Shape, im.Data)}
	turned, _ := volume.ReorientRAS(&volume.Image{Grid: im.Grid, Data: slices.Clone(im.Data)})
	return map[string]*volume.Image{
		"whole numbers": each(func(v float32) float32 { return float32(math.Round(float64(v))) }),
		"cut one voxel": crop(1, 1), "cut below": crop(2, 0), "coarser": spaced(1.4), "finer": spaced(0.8),
		"mirrored": mirrored, "RAS": turned,
	}
}

// A scan saved again is known again; another scan, also one of the same region,
// is not taken for it.
func TestFingerprints(t *testing.T) {
	var all []printed
	add := func(name, form string, im *volume.Image, ct bool) {
		s, err := New(t.Context(), im, ct, SAT(), 2)
		if err != nil {
			t.Fatalf("%s, %s: %v", name, form, err)
		}
		if p := FingerprintOf(s.Image); p != nil {
			all = append(all, printed{name, form, p})
		}
	}
	dir := sharedtest.Path(t, "data")
	for _, at := range []string{"real-ct/example_ct.nii.gz", "real-ct-dicom/decompressed", "real-ct-heart/ct.nii.gz", "real-mr/abdomen/example_mr_sm.nii.gz", "real-mr/brain/*t1*.nii.gz"} {
		found, err := filepath.Glob(filepath.Join(dir, at))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", at, err)
		}
		for _, name := range found {
			im, err := volume.ReadImage(name, volume.ReadOptions{})
			if err != nil {
				continue
			}
			ct := !strings.HasPrefix(at, "real-mr")
			add(filepath.Base(name), "as it is", im, ct)
			for form, other := range forms(t, im) {
				add(filepath.Base(name), form, other, ct)
			}
		}
	}
	for seed := range 6 {
		p, err := phantom.Generate(phantom.Options{Seed: uint64(seed), Version: 1, Spacing: 4, FullFOV: true})
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprint("phantom ", seed), "as it is", p.Image, true)
	}
	// Precision and recall over all pairs, by likeness alone and with the size.
	var same, foundSame, found, foundBySize int
	low, high := 1.0, 0.0
	for i, a := range all {
		for _, b := range all[:i] {
			like := a.print.Likeness(b.print)
			if quick := a.print.Signs().Likeness(b.print.Signs()); quick != like && (quick != 0 || like >= Likely) {
				t.Errorf("%s, %s / %s, %s: %.3f by signs, %.3f", a.scan, a.form, b.scan, b.form, quick, like)
			}
			if like >= Likely {
				found++
				if a.print.SameExtent(b.print) {
					foundBySize++
				}
			}
			if a.scan != b.scan {
				high = max(high, like)
				continue
			}
			same++
			low = min(low, like)
			if like >= Likely && a.print.SameExtent(b.print) {
				foundSame++
			}
		}
	}
	t.Logf("%d scans in all forms: likeness of the same at least %.2f, of others at most %.2f", len(all), low, high)
	if foundSame != same || found != same || foundBySize != same {
		t.Errorf("%d pairs of one scan, %d found; %d found in all, %d of like size", same, foundSame, found, foundBySize)
	}
}

// The same values give the same ranks whatever their scale; equal ones share a
// rank; broken and small images have no fingerprint.
func TestRanks(t *testing.T) {
	for _, values := range [][]float64{{3, 1, 2}, {300, -100, 20}} {
		if got := ranks(values); !slices.Equal(got, []byte{127, 129, 0}) { // 129 is -127
			t.Errorf("%v: %v", values, got)
		}
	}
	if got := ranks([]float64{5, 5, 5}); !slices.Equal(got, []byte{0, 0, 0}) {
		t.Errorf("equal values: %v", got)
	}
	g := volume.Grid{Shape: [3]int{3, 20, 20}, Affine: volume.Affine{{1}, {0, 1}, {0, 0, 1}, {3: 1}}}
	if FingerprintOf(scanOf(g)) != nil {
		t.Error("three voxels are too few")
	}
	broken := &Fingerprint{Cells: []byte{1, 2}}
	if broken.Likeness(broken) != 0 || broken.Signs().Likeness(broken.Signs()) != 0 {
		t.Error("a damaged fingerprint is like something")
	}
}
