package dicomseg

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
	"satgraph/volume"
	"satgraph/volume/segcode"
)

type found struct {
	Image    []float64
	Segments []struct {
		Label, Type, Drawn string
		Voxels             []int
	}
}

func read(t *testing.T, dir string, grids map[string]volume.Grid) map[string]found {
	t.Helper()
	b, err := json.Marshal(grids)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "grids.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var out map[string]found
	if err := json.Unmarshal([]byte(exporttest.DICOM(t, "testdata/check.py", dir, path)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// pydicom reads every voxel of the scans, highdicom every voxel of the segments,
// at its place in the patient.
func TestReadBack(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Nested)
	// One scan left-handed, one whose values are no whole numbers, one where
	// nothing is seen.
	first, second, last := c.List[0], c.List[1], c.List[3]
	flip(c, first)
	for i, v := range c.Images[second.Name()].Data {
		c.Images[second.Name()].Data[i] = v / 7
	}
	for _, class := range last.Classes {
		c.Masks[last.Name()][class.Name] = volume.NewBits(c.Images[last.Name()].Grid)
	}
	dir, r := exporttest.Export(t, New("1"), c, export.Options{Format: "dicomseg"})
	if len(r.Warnings) > 1 {
		t.Errorf("warnings: %q", r.Warnings)
	}
	folders := []string{"Torso_A/case_00", "Torso_A/case_01", "Torso_B_2/case_02", "Torso_B_2/case_03"}
	grids := map[string]volume.Grid{}
	for i, folder := range folders {
		grids[folder] = c.Images[c.List[i].Name()].Grid
	}
	got := read(t, dir, grids)
	for i, folder := range folders {
		s, f := c.List[i], got[folder]
		im := c.Images[s.Name()]
		if worst, step := difference(im.Data, f.Image), map[bool]float64{true: 0.06, false: 0}[s == second]; worst > step {
			t.Errorf("%s: voxels are off by up to %g", s.Name(), worst)
		}
		if s == last {
			if f.Segments != nil {
				t.Errorf("%s: a segmentation of nothing", s.Name())
			}
			continue
		}
		n := 0
		for _, class := range s.Classes {
			want := exporttest.Voxels(c.Mask(s, class.Name))
			if len(want) == 0 {
				continue
			}
			codes, _ := segcode.For(class.Name)
			seg := f.Segments[n]
			if seg.Label != class.Name || seg.Type != codes.Type.Scheme+":"+codes.Type.Value || seg.Drawn != "SEMIAUTOMATIC" || !reflect.DeepEqual(seg.Voxels, want) {
				t.Errorf("%s: %s, %s, %s, %d voxels; want %s, %d", s.Name(), seg.Label, seg.Type, seg.Drawn, len(seg.Voxels), class.Name, len(want))
			}
			n++
		}
		if n != len(f.Segments) {
			t.Errorf("%s: %d segments, want %d", s.Name(), len(f.Segments), n)
		}
	}
	again, _ := exporttest.Export(t, New("1"), c, export.Options{Format: "dicomseg", Dir: filepath.Join(t.TempDir(), "b")})
	a, errA := os.ReadFile(filepath.Join(dir, export.SumsFile))
	b, errB := os.ReadFile(filepath.Join(again, export.SumsFile))
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Error("two exports differ")
	}
}

// flip runs a scan's first axis backwards, which makes it left-handed.
func flip(c *exporttest.Corpus, s *export.Sample) {
	r := volume.Reorientation{Perm: [3]int{0, 1, 2}, Flip: [3]bool{true, false, false}}
	im := c.Images[s.Name()]
	c.Images[s.Name()] = &volume.Image{Grid: r.Grid(im.Grid), Data: volume.FlipPermute(r, im.Shape, im.Data)}
	for class, m := range c.Masks[s.Name()] {
		c.Masks[s.Name()][class] = volume.BitsOf(m.Dense().Reorient(r))
	}
}

func difference(want []float32, got []float64) (worst float64) {
	if len(want) != len(got) {
		return math.Inf(1)
	}
	for i, v := range want {
		worst = max(worst, math.Abs(float64(v)-got[i]))
	}
	return worst
}
