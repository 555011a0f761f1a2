package inference

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// officialCase is one entry of the preprocess fixture: what SAT's own loader
// made of an odd file.
type officialCase struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	Steps struct {
		Spacing struct {
			Shape  []int       `json:"shape"`
			Affine [][]float64 `json:"affine"`
		} `json:"spacing"`
		Crop struct {
			Affine     [][]float64 `json:"affine"`
			Start      []int       `json:"box_start"`
			End        []int       `json:"box_end"`
			Sensitive  bool        `json:"box_noise_sensitive"`
			CleanStart []int       `json:"box_start_without_noise"`
			CleanEnd   []int       `json:"box_end_without_noise"`
		} `json:"crop_foreground"`
	} `json:"steps"`
}

// box is where SAT crops, and the file of what it then has.
func (c *officialCase) box() (lo, hi []int, file string) {
	if c.Steps.Crop.Sensitive {
		return c.Steps.Crop.CleanStart, c.Steps.Crop.CleanEnd, c.Name + "_without_noise.npy"
	}
	return c.Steps.Crop.Start, c.Steps.Crop.End, c.Name + ".npy"
}

func officialCases(t *testing.T) (dir string, cases []officialCase) {
	t.Helper()
	dir = sharedtest.Path(t, "fixtures/preprocess")
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Cases []officialCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return dir, doc.Cases
}

// satManifest prepares as SAT's published models do.
var satManifest = &Manifest{Name: "sat", Spacing: [3]float64{1, 1, 3}, Patch: [3]int{288, 288, 96}}

// Every case of the fixture. By default we do what SAT does, but where that is
// a fault; with SATExact also there. Files that are not one volume are refused
// in any case: SAT's network fails on them, but for three channels.
func TestPrepareAgreesWithSAT(t *testing.T) {
	dir, cases := officialCases(t)
	if len(cases) != 28 {
		t.Errorf("%d cases, 28 are known", len(cases))
	}
	known := map[string]struct {
		m       Modality
		read    error  // of reading
		prepare error  // of preparing, by default
		warns   string // by default, and then the result is another than SAT's
	}{
		"c01": {m: CT}, "c02": {m: MRI}, "c03": {m: PET}, "c04": {m: MRI}, "c05": {m: CT}, "c06": {m: CT}, "c07": {m: CT},
		"c08": {m: CT, warns: "not cropped"},
		"c09": {m: MRI},
		"c10": {m: MRI, read: volume.ErrNotVolume},
		"c11": {m: MRI, warns: "NaN or infinite"},
		"c12": {m: CT, warns: "NaN or infinite"},
		"c13": {m: MRI}, "c14": {m: CT},
		"c15": {m: CT, warns: "pixdim"},
		"c16": {m: CT}, "c17": {m: CT}, "c18": {m: CT},
		"c19": {m: CT, prepare: ErrConstantImage},
		"c20": {m: CT, read: volume.ErrBadAffine},
		"c21": {m: CT, read: volume.ErrNotVolume},
		"c22": {m: MRI}, // prepared as everything that is not CT
		"c23": {m: CT}, "c24": {m: CT},
		"c25": {m: CT, read: volume.ErrTruncated},
		"c26": {m: CT, read: volume.ErrUnsupported},
		"c27": {m: CT, read: volume.ErrBadAffine},
		"c28": {m: MRI, read: volume.ErrNotVolume},
	}
	for i := range cases {
		want := &cases[i]
		t.Run(want.Name, func(t *testing.T) {
			k, ok := known[want.Name[:3]]
			if !ok {
				t.Fatal("nothing is known of this case")
			}
			path := filepath.Join(dir, want.Image)
			im, err := volume.ReadImage(path, volume.ReadOptions{})
			if !errors.Is(err, k.read) {
				t.Fatalf("reading: %v, want %v", err, k.read)
			}
			if err == nil {
				p, err := prepare(context.Background(), im, k.m, satManifest, Options{Threads: 2}.withDefaults())
				switch {
				case !errors.Is(err, k.prepare):
					t.Fatalf("got %v, want %v", err, k.prepare)
				case err != nil:
				case k.warns != "":
					if !strings.Contains(strings.Join(p.warnings, "\n"), k.warns) {
						t.Errorf("warnings %q do not say %q", p.warnings, k.warns)
					}
					for _, v := range p.data {
						if !isFinite(v) {
							t.Fatal("a voxel is not finite")
						}
					}
				default:
					if len(p.warnings) != 0 {
						t.Errorf("warnings %q", p.warnings)
					}
					comparePrepared(t, dir, want, im, p)
				}
			}
			if errors.Is(k.read, volume.ErrNotVolume) || errors.Is(k.read, volume.ErrTruncated) || errors.Is(k.read, volume.ErrUnsupported) {
				return
			}
			im, err = volume.ReadImage(path, volume.ReadOptions{Rectify: true})
			if err != nil {
				t.Fatalf("as SAT reads it: %v", err)
			}
			p, err := prepare(context.Background(), im, k.m, satManifest, Options{SATExact: true, Threads: 2}.withDefaults())
			if err != nil {
				t.Fatalf("as SAT does: %v", err)
			}
			comparePrepared(t, dir, want, im, p)
		})
	}
}

// comparePrepared compares what SAT has after each step.
func comparePrepared(t *testing.T, dir string, want *officialCase, im *volume.Image, p *prepared) {
	t.Helper()
	man := *satManifest
	axes := [3]int{0, 1, 2}
	if strings.HasPrefix(want.Name, "c13") {
		// SAT reads spine scans along other axes ("ASR": A, S, R at 1, 1, 3 mm); a
		// bundle's spacing is along R, A and S, so the same volume comes out with
		// its axes in another order.
		man.Spacing, axes = [3]float64{3, 1, 1}, [3]int{1, 2, 0}
		var err error
		if p, err = prepare(context.Background(), im, MRI, &man, Options{}.withDefaults()); err != nil {
			t.Fatal(err)
		}
	}
	grid, err := im.Respaced(man.Spacing)
	if err != nil {
		t.Fatal(err)
	}
	spaced, _, err := resample(im, grid, 2)
	if err != nil {
		t.Fatal(err)
	}
	official := readNpy(t, filepath.Join(dir, "expected", want.Name+"_spaced.npy"))
	scale := 0.0
	for _, v := range official {
		if a := math.Abs(float64(v)); a > scale {
			scale = a
		}
	}
	compare(t, "spaced", turn(spaced, grid.Shape, axes), official, 1e-6*scale)

	lo, hi, file := want.box()
	shape := p.grid.Shape
	for a, from := range axes {
		if grid.Shape[from] != want.Steps.Spacing.Shape[a+1] {
			t.Errorf("spaced to %v, SAT to %v", grid.Shape, want.Steps.Spacing.Shape)
		}
		if shape[from] != hi[a]-lo[a] {
			t.Fatalf("cropped to %v, SAT to %v..%v", shape, lo, hi)
		}
	}
	if axes == [3]int{0, 1, 2} {
		checkAffine(t, "spaced", grid.Affine, want.Steps.Spacing.Affine)
		if !want.Steps.Crop.Sensitive && len(p.data) > 0 {
			checkAffine(t, "cropped", p.grid.Affine, want.Steps.Crop.Affine)
		}
	}
	compare(t, "normalised", turn(p.data, shape, axes), readNpy(t, filepath.Join(dir, "expected", file)), 1e-5)
}

func checkAffine(t *testing.T, what string, got volume.Affine, want [][]float64) {
	t.Helper()
	for r := range 3 {
		for c := range 4 {
			if math.Abs(got[r][c]-want[r][c]) > 1e-4 {
				t.Fatalf("%s: affine %v, SAT %v", what, got, want)
			}
		}
	}
}

// turn gives a C-order volume with its axes in another order.
func turn(data []float32, shape [3]int, axes [3]int) []float32 {
	if axes == [3]int{0, 1, 2} {
		return data
	}
	step := [3]int{shape[1] * shape[2], shape[2], 1}
	out := make([]float32, 0, len(data))
	for x := range shape[axes[0]] {
		for y := range shape[axes[1]] {
			for z := range shape[axes[2]] {
				out = append(out, data[x*step[axes[0]]+y*step[axes[1]]+z*step[axes[2]]])
			}
		}
	}
	return out
}

// Files of several volumes are refused when they are read; their numbers are
// those of SAT all the same, channel by channel.
func TestPreparationOfChannelsAgreesWithSAT(t *testing.T) {
	dir, cases := officialCases(t)
	done := 0
	for i := range cases {
		want := &cases[i]
		if !strings.HasPrefix(want.Name, "c10") && !strings.HasPrefix(want.Name, "c28") {
			continue
		}
		done++
		file, err := volume.ReadAny(filepath.Join(dir, want.Image), volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		im := &volume.Image{Grid: volume.Grid{Shape: [3]int(file.Shape[:3]), Affine: file.Affine}}
		grid, err := im.Respaced(satManifest.Spacing)
		if err != nil {
			t.Fatal(err)
		}
		n := im.Voxels()
		var spaced []float32
		box := volume.Box{Min: grid.Shape}
		for c := range file.Shape[3] {
			im.Data = im.Data[:0]
			for _, v := range file.Data[c*n : (c+1)*n] {
				im.Data = append(im.Data, float32(v))
			}
			one, b, err := resample(im, grid, 2)
			if err != nil {
				t.Fatal(err)
			}
			spaced = append(spaced, one...)
			for a := range 3 {
				box.Min[a], box.Max[a] = min(box.Min[a], b.Min[a]), max(box.Max[a], b.Max[a])
			}
		}
		compare(t, "spaced", spaced, readNpy(t, filepath.Join(dir, "expected", want.Name+"_spaced.npy")), 1e-3)
		p := &prepared{}
		for c := range file.Shape[3] {
			p.data = append(p.data, cropInPlace(spaced[c*grid.Voxels():(c+1)*grid.Voxels()], grid.Shape, box)...)
		}
		if err := p.normalise(MRI, Options{}); err != nil {
			t.Fatal(err)
		}
		compare(t, "normalised", p.data, readNpy(t, filepath.Join(dir, "expected", want.Name+".npy")), 1e-5)
	}
	if done != 2 {
		t.Errorf("%d cases of two", done)
	}
}

func readNpy(t *testing.T, path string) []float32 {
	t.Helper()
	a, err := npy.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return a.Float32s()
}

// compare fails where two arrays differ by more than tol anywhere.
func compare(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if got[i] != got[i] && want[i] != want[i] {
			continue // NaN in both
		}
		if !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: element %d is %g, want %g (tolerance %g)", what, at, got[at], want[at], tol)
	}
}
