package prepare

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/npy/npytest"
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

// Every case of the fixture. By default we do what SAT does, but where that is
// a fault; with AsPublished also there. Files that are not one volume are refused
// in any case: SAT's network fails on them, but for three channels.
func TestPrepareAgreesWithSAT(t *testing.T) {
	dir, cases := officialCases(t)
	if len(cases) != 28 {
		t.Errorf("%d cases, 28 are known", len(cases))
	}
	known := map[string]struct {
		ct          bool
		orientation string // that SAT reads it in; RAS where empty
		read        error  // of reading
		do          error  // of preparing, by default
		warns       string // by default, and then the result is another than SAT's
	}{
		"c01": {ct: true}, "c02": {}, "c03": {}, "c04": {}, "c05": {ct: true}, "c06": {ct: true}, "c07": {ct: true},
		"c08": {ct: true, warns: "not cropped"},
		"c09": {},
		"c10": {read: volume.ErrNotVolume},
		"c11": {warns: "NaN or infinite"},
		"c12": {ct: true, warns: "NaN or infinite"},
		"c13": {orientation: "ASR"}, "c14": {ct: true},
		"c15": {ct: true, warns: "pixdim"},
		"c16": {ct: true}, "c17": {ct: true}, "c18": {ct: true},
		"c19": {ct: true, do: ErrConstant},
		"c20": {ct: true, read: volume.ErrBadAffine},
		"c21": {ct: true, read: volume.ErrNotVolume},
		"c22": {}, // prepared as everything that is not CT
		"c23": {ct: true}, "c24": {ct: true},
		"c25": {ct: true, read: volume.ErrTruncated},
		"c26": {ct: true, read: volume.ErrUnsupported},
		"c27": {ct: true, read: volume.ErrBadAffine},
		"c28": {read: volume.ErrNotVolume},
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
				p, err := Do(context.Background(), im, Options{Spacing: SATSpacing, CT: k.ct, Orientation: k.orientation, Threads: 2})
				switch {
				case !errors.Is(err, k.do):
					t.Fatalf("got %v, want %v", err, k.do)
				case err != nil:
				case k.warns != "":
					if !strings.Contains(strings.Join(p.Warnings, "\n"), k.warns) {
						t.Errorf("warnings %q do not say %q", p.Warnings, k.warns)
					}
					for _, v := range p.Data {
						if !isFinite(v) {
							t.Fatal("a voxel is not finite")
						}
					}
				default:
					for _, w := range p.Warnings {
						if !strings.Contains(w, "not at right angles") || !strings.Contains(want.Name, "sheared") {
							t.Errorf("warning %q", w)
						}
					}
					comparePrepared(t, dir, want, im, k.orientation, p)
				}
			}
			if errors.Is(k.read, volume.ErrNotVolume) || errors.Is(k.read, volume.ErrTruncated) || errors.Is(k.read, volume.ErrUnsupported) {
				return
			}
			im, err = volume.ReadImage(path, volume.ReadOptions{Rectify: true})
			if err != nil {
				t.Fatalf("as SAT reads it: %v", err)
			}
			p, err := Do(context.Background(), im, Options{Spacing: SATSpacing, CT: k.ct, Orientation: k.orientation, AsPublished: true, Threads: 2})
			if err != nil {
				t.Fatalf("as SAT does: %v", err)
			}
			comparePrepared(t, dir, want, im, k.orientation, p)
		})
	}
}

// comparePrepared compares what SAT has after each step.
func comparePrepared(t *testing.T, dir string, want *officialCase, im *volume.Image, orientation string, p *Scan) {
	t.Helper()
	turned := *im
	var err error
	turned.Grid, _, err = facing(im.Grid, orientation)
	if err != nil {
		t.Fatal(err)
	}
	grid, err := turned.Respaced(SATSpacing)
	if err != nil {
		t.Fatal(err)
	}
	spaced, _, err := resample(&turned, grid, 2)
	if err != nil {
		t.Fatal(err)
	}
	official := npytest.Float32s(t, filepath.Join(dir, "expected", want.Name+"_spaced.npy"))
	scale := 0.0
	for _, v := range official {
		if a := math.Abs(float64(v)); a > scale {
			scale = a
		}
	}
	npytest.Compare(t, "spaced", spaced, official, 1e-6*scale)

	lo, hi, file := want.box()
	for a := range 3 {
		if grid.Shape[a] != want.Steps.Spacing.Shape[a+1] {
			t.Errorf("spaced to %v, SAT to %v", grid.Shape, want.Steps.Spacing.Shape)
		}
		if p.Grid.Shape[a] != hi[a]-lo[a] {
			t.Fatalf("cropped to %v, SAT to %v..%v", p.Grid.Shape, lo, hi)
		}
	}
	if len(p.Data) > 0 {
		checkAffine(t, "spaced", p.Spaced.Affine, want.Steps.Spacing.Affine)
		if !want.Steps.Crop.Sensitive {
			checkAffine(t, "cropped", p.Grid.Affine, want.Steps.Crop.Affine)
		}
	}
	npytest.Compare(t, "normalised", p.Data, npytest.Float32s(t, filepath.Join(dir, "expected", file)), 1e-5)
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
		grid, err := im.Respaced(SATSpacing)
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
		npytest.Compare(t, "spaced", spaced, npytest.Float32s(t, filepath.Join(dir, "expected", want.Name+"_spaced.npy")), 1e-3)
		p := &Scan{}
		for c := range file.Shape[3] {
			p.Data = append(p.Data, cropInPlace(spaced[c*grid.Voxels():(c+1)*grid.Voxels()], grid.Shape, box)...)
		}
		if err := p.normalise(Options{}); err != nil {
			t.Fatal(err)
		}
		npytest.Compare(t, "normalised", p.Data, npytest.Float32s(t, filepath.Join(dir, "expected", want.Name+".npy")), 1e-5)
	}
	if done != 2 {
		t.Errorf("%d cases of two", done)
	}
}
