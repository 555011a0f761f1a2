package standard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/npy/npytest"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
	"satgraph/volume/prepare"
)

type officialCase struct {
	Name        string `json:"name"`
	Image       string `json:"image"`
	Modality    string `json:"modality"`
	Orientation string `json:"orientation_code"`
	Label       string `json:"label"`
	Expected    struct {
		File string `json:"file"`
	} `json:"label_expected"`
	Steps struct {
		Crop struct {
			Start     []int `json:"box_start"`
			End       []int `json:"box_end"`
			Sensitive bool  `json:"box_noise_sensitive"`
		} `json:"crop_foreground"`
	} `json:"steps"`
}

// officialCases are the files of the preprocess fixture whose masks SAT's
// training loader was asked for.
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

func (c *officialCase) settings() Settings {
	s := SAT()
	if c.Orientation != "" {
		s.Orientation = c.Orientation
	}
	return s
}

// Image and label map of SAT's own loader, voxel by voxel.
func TestAgreesWithSAT(t *testing.T) {
	dir, cases := officialCases(t)
	done := 0
	for i := range cases {
		c := &cases[i]
		if c.Label == "" {
			continue
		}
		done++
		t.Run(c.Name, func(t *testing.T) {
			im, err := volume.ReadImage(filepath.Join(dir, c.Image), volume.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			labels, err := volume.ReadLabelMap(filepath.Join(dir, c.Label), volume.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(context.Background(), im, strings.EqualFold(c.Modality, "ct"), c.settings(), 2)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Steps.Crop.Sensitive {
				var data []float32 // in NumPy's order
				n := s.Image.Shape
				for x := range n[0] {
					for y := range n[1] {
						for z := range n[2] {
							data = append(data, s.Image.Data[s.Image.Index(x, y, z)])
						}
					}
				}
				npytest.Compare(t, "image", data, npytest.Float32s(t, filepath.Join(dir, "expected", c.Name+".npy")), 1e-5)
			}
			want, err := npy.ReadFile(filepath.Join(dir, c.Expected.File))
			if err != nil {
				t.Fatal(err)
			}
			flat := want.Float32s()
			shape := want.Shape[len(want.Shape)-3:]
			official := func(v [3]int) int { // by place before the crop, since boxes may differ by a slice of noise
				n := 0
				for a := range 3 {
					at := v[a] + s.Box.Min[a] - c.Steps.Crop.Start[a]
					if at < 0 || at >= shape[a] {
						t.Fatalf("SAT's box %v..%v does not hold ours, %v", c.Steps.Crop.Start, c.Steps.Crop.End, s.Box)
					}
					n = n*shape[a] + at
				}
				return int(flat[n])
			}
			place, err := s.ToGrid.Inverse()
			if err != nil {
				t.Fatal(err)
			}
			// Half way between two voxels, rounding noise decides in torch.
			tie := func(v [3]int) bool {
				for _, p := range place.Apply([3]float64{float64(v[0]), float64(v[1]), float64(v[2])}) {
					if math.Abs(p-math.Floor(p)-0.5) < 1e-9 {
						return true
					}
				}
				return false
			}
			for _, v := range labels.Values() {
				m, err := s.Mask(volume.BitsOf(labels.Mask(v)))
				if err != nil {
					t.Fatal(err)
				}
				wrong := 0
				for x := range m.Shape[0] {
					for y := range m.Shape[1] {
						for z := range m.Shape[2] {
							if at := [3]int{x, y, z}; m.At(x, y, z) != (official(at) == int(v)) && !tie(at) {
								wrong++
							}
						}
					}
				}
				if wrong > 0 {
					t.Errorf("label %d: %d of %d voxels differ", v, wrong, m.Count())
				}
			}
		})
	}
	if done != 8 {
		t.Errorf("%d cases with labels, 8 are known", done)
	}
}

// What SAT's loader spoils is right by default, and spoilt as published.
func TestOddScans(t *testing.T) {
	dir, cases := officialCases(t)
	known := map[string]struct {
		published error
		nan       bool
		warns     string
	}{
		"c08": {ErrNothing, false, "not cropped"},
		"c11": {nil, true, "NaN or infinite"},
		"c12": {nil, true, "NaN or infinite"},
	}
	for i := range cases {
		c := &cases[i]
		k, ok := known[c.Name[:3]]
		if !ok {
			continue
		}
		delete(known, c.Name[:3])
		im, err := volume.ReadImage(filepath.Join(dir, c.Image), volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ct := strings.EqualFold(c.Modality, "ct")
		s, err := New(context.Background(), im, ct, c.settings(), 2)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if !strings.Contains(strings.Join(s.Warnings, "\n"), k.warns) {
			t.Errorf("%s: warnings %q", c.Name, s.Warnings)
		}
		for _, v := range s.Image.Data {
			if v-v != 0 {
				t.Fatalf("%s: a voxel is not finite", c.Name)
			}
		}
		settings := c.settings()
		settings.AsPublished = true
		s, err = New(context.Background(), im, ct, settings, 2)
		if !errors.Is(err, k.published) {
			t.Errorf("%s as published: %v", c.Name, err)
		}
		if k.nan && (err != nil || s.Image.Data[0] == s.Image.Data[0]) {
			t.Errorf("%s as published: %v, no NaN", c.Name, err)
		}
	}
	if len(known) > 0 {
		t.Errorf("not in the fixture: %v", known)
	}
}

// scanOf is a scan with something to see.
func scanOf(g volume.Grid) *volume.Image {
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(1 + i%97)
	}
	return im
}

// ball is a ball around a place in the world, in mm.
func ball(g volume.Grid, at [3]float64, r float64) *volume.Bits {
	m := volume.NewBits(g)
	for k := range g.Shape[2] {
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				p := g.Affine.Apply([3]float64{float64(i), float64(j), float64(k)})
				if math.Hypot(math.Hypot(p[0]-at[0], p[1]-at[1]), p[2]-at[2]) < r {
					m.SetRun(i, i+1, j, k)
				}
			}
		}
	}
	return m
}

func count(a, b *volume.Bits) (both, either int) {
	c := a.Clone()
	_ = c.Subtract(b)
	both = a.Count() - c.Count()
	return both, a.Count() + b.Count() - both
}

// The laws of the way there and back: where the scan is finer than the
// standardised grid, there∘back changes nothing; where it is coarser, back∘there
// changes nothing; a turned scan loses nothing at all.
func TestRoundTrip(t *testing.T) {
	turned := []volume.Affine{
		{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
		{{-1, 0, 0, 0}, {0, -1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
		{{0, 0, 1, 0}, {-1, 0, 0, 0}, {0, -1, 0, 0}, {0, 0, 0, 1}},
		{{0, 1, 0, 0}, {0, 0, -1, 0}, {1, 0, 0, 0}, {0, 0, 0, 1}},
		{{0.96, -0.28, 0, 0}, {0.28, 0.96, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}},
		{{0.96, -0.2688, 0.0784, 0}, {0.28, 0.9216, -0.2688, 0}, {0, 0.28, 0.96, 0}, {0, 0, 0, 1}},
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for n, turn := range turned {
		for _, c := range []struct {
			size float64 // of the scan's voxels along each axis, mm, the new ones being 2
			law  string
		}{{0.83, "finer"}, {3.7, "coarser"}, {2, "same"}} {
			t.Run(fmt.Sprintf("%d %s", n, c.law), func(t *testing.T) {
				g := volume.Grid{Shape: [3]int{23 + rng.IntN(9), 20 + rng.IntN(9), 17 + rng.IntN(9)}, Affine: turn}
				for r := range 3 {
					for a := range 3 {
						g.Affine[r][a] *= c.size
					}
				}
				middle := [3]float64{float64(g.Shape[0]) / 2, float64(g.Shape[1]) / 2, float64(g.Shape[2]) / 2}
				set := Settings{Spacing: [3]float64{2, 2, 2}, Orientation: "RAS", Labels: Nearest}
				s, err := New(context.Background(), scanOf(g), false, set, 1)
				if err != nil {
					t.Fatal(err)
				}
				m := ball(g, g.Affine.Apply(middle), 7*c.size)
				there, err := s.Mask(m)
				if err != nil {
					t.Fatal(err)
				}
				back, err := s.Restore(there)
				if err != nil {
					t.Fatal(err)
				}
				if back.Grid != g {
					t.Error("the way back leads to another grid than the scan's")
				}
				again, err := s.Mask(back)
				if err != nil {
					t.Fatal(err)
				}
				if c.law != "coarser" && !reflect.DeepEqual(again, there) {
					t.Error("there, back and there is not there")
				}
				if c.law != "finer" && !reflect.DeepEqual(back, m) {
					t.Error("there and back changes the mask")
				}
				if both, either := count(back, m); float64(both) < 0.7*float64(either) {
					t.Errorf("%d of %d voxels in common", both, either)
				}
				// The same place in the world: a ball is a ball.
				if both, either := count(there, ball(s.Image.Grid, g.Affine.Apply(middle), 7*c.size)); float64(both) < 0.7*float64(either) {
					t.Errorf("on the new grid %d of %d voxels in common", both, either)
				}
				s.Settings.Labels = Linear
				smooth, err := s.Mask(m)
				if err != nil {
					t.Fatal(err)
				}
				if both, either := count(there, smooth); c.law == "same" && n < 4 && both != either || float64(both) < 0.7*float64(either) {
					t.Errorf("nearest and linear have %d of %d voxels in common", both, either)
				}
			})
		}
	}
}

// A mask on other voxels, or elsewhere, is refused; rounding in a header is not.
func TestMaskOnAnotherGrid(t *testing.T) {
	g := volume.Grid{Shape: [3]int{20, 20, 10}, Affine: volume.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	s, err := New(context.Background(), scanOf(g), false, SAT(), 1)
	if err != nil {
		t.Fatal(err)
	}
	near, far, thick := g, g, g
	near.Affine[0][0] += 1e-3
	far.Affine[0][3] = 1
	thick.Shape[2] = 11
	for name, c := range map[string]struct {
		g    volume.Grid
		want error
	}{"its own": {g, nil}, "rounded": {near, nil}, "moved": {far, ErrOtherGrid}, "one slice more": {thick, ErrOtherGrid}} {
		if _, err := s.Mask(volume.NewBits(c.g)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Restore(volume.NewBits(thick)); !errors.Is(err, ErrOtherGrid) {
		t.Errorf("back from another grid: %v", err)
	}
	s.Settings.AsPublished = true
	m := volume.NewBits(far)
	m.SetRun(5, 6, 5, 5)
	moved, err := s.Mask(m) // by its own affine its voxels are those of the scan
	if err != nil || !moved.At(5, 5, 5) || moved.Count() != 1 {
		t.Errorf("as published: %v, %d voxels", err, moved.Count())
	}
	if _, err := s.Mask(volume.NewBits(thick)); !errors.Is(err, ErrOtherGrid) {
		t.Errorf("as published, another shape: %v", err)
	}
}

func TestStore(t *testing.T) {
	g := volume.Grid{Shape: [3]int{30, 24, 12}, Affine: volume.Affine{{-0.8, 0, 0, 9}, {0, 0, 2.5, -1}, {0, 1.1, 0, 4}, {0, 0, 0, 1}}}
	im := scanOf(g)
	s, err := New(context.Background(), im, true, SAT(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Problems = []string{"a value that no label has"}
	heart := ball(g, g.Affine.Apply([3]float64{15, 12, 6}), 6)
	dir := t.TempDir()
	fill := func(add func(string, *volume.Bits) error) error {
		return errors.Join(add("heart", heart), add("spleen", volume.NewBits(g)))
	}
	rec, err := s.Write(dir, Origin{Dataset: "generated", Image: "a.nii.gz", Modality: "ct"}, fill)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Problems, s.Problems) || !reflect.DeepEqual(back.Record, *rec) || back.Digest() != rec.Digest() {
		t.Errorf("read %+v, wrote %+v", back.Record, *rec)
	}
	if err := back.Verify(); err != nil {
		t.Error(err)
	}
	stored, err := back.ReadImage()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(stored.Data, s.Image.Data) || stored.Grid != s.Image.Grid {
		t.Error("the image came back otherwise")
	}
	f, err := back.OpenMasks()
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Read("heart")
	if err != nil {
		t.Fatal(err)
	}
	restored, err := back.Transform.Restore(m)
	if err != nil || restored.Grid != g {
		t.Fatalf("%v, on %v", err, restored.Grid)
	}
	if both, either := count(restored, heart); float64(both) < 0.7*float64(either) {
		t.Errorf("%d of %d voxels in common", both, either)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Write(t.TempDir(), Origin{}, func(add func(string, *volume.Bits) error) error {
		return add("heart", volume.NewBits(volume.Grid{Shape: [3]int{1, 1, 1}, Affine: volume.Identity()}))
	}); !errors.Is(err, ErrOtherGrid) {
		t.Errorf("a mask of another grid: %v", err)
	}

	for name, spoil := range map[string]func(path string) error{
		"another image": func(dir string) error {
			other := *stored
			other.Data = append([]float32{9}, stored.Data[1:]...)
			return volume.WriteImage(filepath.Join(dir, ImageFile), &other, volume.Float32)
		},
		"no image": func(dir string) error { return os.Remove(filepath.Join(dir, ImageFile)) },
		"no JSON":  func(dir string) error { return os.WriteFile(filepath.Join(dir, RecordFile), []byte("{"), 0o600) },
		"another time": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, RecordFile), []byte(`{"version":9}`), 0o600)
		},
		"no transform": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, RecordFile), []byte(`{"version":1}`), 0o600)
		},
	} {
		dir := t.TempDir()
		if _, err := s.Write(dir, Origin{}, fill); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if back, err := Open(dir); err == nil && back.Verify() == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	im := scanOf(volume.Grid{Shape: [3]int{4, 4, 4}, Affine: volume.Identity()})
	for _, c := range []struct {
		change func(*Settings)
		want   error
	}{
		{func(s *Settings) { s.Labels = "cubic" }, ErrSettings},
		{func(s *Settings) { s.Orientation = "RRR" }, volume.ErrBadAffine},
		{func(s *Settings) { s.Spacing[1] = 0 }, volume.ErrShape},
		{func(s *Settings) { s.Spacing = [3]float64{1e-3, 1e-3, 1e-3} }, prepare.ErrTooLarge},
	} {
		s := SAT()
		c.change(&s)
		if _, err := New(context.Background(), im, false, s, 1); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
