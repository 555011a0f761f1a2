package rawdata_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// fact is what the facts say of a dataset's masks.
type fact struct {
	Name     string
	MaskKind string `json:"mask_kind"`
	MaskRule string `json:"mask_rule"`
	Recipes  []struct {
		Class string
		From  []struct {
			Channel *int
			Values  []int
		}
	}
}

func facts(t *testing.T) []fact {
	t.Helper()
	text, err := os.ReadFile(sharedtest.Path(t, "facts/sat-ds/datasets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []fact
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func record(t *testing.T, name string) *catalog.Dataset {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := c.Dataset(name)
	if !ok {
		t.Fatalf("no record of %s", name)
	}
	return d
}

// labels are the values or channels that the facts say make a class.
func (f *fact) labels(n int) []int {
	var out []int
	for _, from := range f.Recipes[n].From {
		if from.Channel != nil {
			out = append(out, *from.Channel)
		} else {
			out = append(out, from.Values...)
		}
	}
	return out
}

// voxels unites the voxels of labels.
func voxels(c *rawtest.Case, labels []int) map[[3]int]bool {
	out := map[[3]int]bool{}
	for _, l := range labels {
		for _, at := range c.Labels[l] {
			out[at] = true
		}
	}
	return out
}

func drawn(b *volume.Bits) map[[3]int]bool {
	out := map[[3]int]bool{}
	b.Runs(func(r volume.Run) bool {
		for i := r.From; i < r.To; i++ {
			out[[3]int{i, r.J, r.K}] = true
		}
		return true
	})
	return out
}

// Every recipe of the 72 datasets runs on files of its layouts, and gives the
// voxels that the facts' recipe says.
func TestEveryRecipeOnFiles(t *testing.T) {
	recipes := 0
	for _, f := range facts(t) {
		d := record(t, f.Name)
		for i := range d.Layouts {
			layout := d.Layouts[i].Names[0]
			// Stacks that are scaled as a whole are tested apart: there an overlap changes
			// everything.
			o := rawtest.Options{Overlap: d.Masks.Published != catalog.StackMax && !d.Masks.Overwrite}
			root := t.TempDir()
			written, err := rawtest.Write(root, d, layout, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, asPublished := range []bool{true, false} {
				recipes += compare(t, root, d, layout, &f, written, asPublished)
			}
		}
	}
	t.Logf("%d recipes carried out on files", recipes)
}

func compare(t *testing.T, root string, d *catalog.Dataset, layout string, f *fact, written []rawtest.Case, asPublished bool) int {
	t.Helper()
	at := fmt.Sprintf("%s, %s, as published %v", d.Name, layout, asPublished)
	s, err := rawdata.Open(t.Context(), root, d, rawdata.Options{Layout: layout, AsPublished: asPublished})
	if err != nil {
		t.Errorf("%s: %v", at, err)
		return 0
	}
	cases, err := s.Cases(t.Context())
	if err != nil || len(cases) != len(written) {
		t.Errorf("%s: %d scans found, %d written; %v", at, len(cases), len(written), err)
		return 0
	}
	if lost, err := s.Lost(t.Context(), cases); err != nil || len(lost) > 0 {
		t.Errorf("%s: taken for lost: %v, %v", at, lost, err)
	}
	n := 0
	for i := range cases {
		scan, err := s.Read(t.Context(), cases[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range scan.Problems {
			if p.Fatal || d.Masks.Published != catalog.Sum {
				t.Errorf("%s: %v", at, p)
			}
		}
		w := written[slices.IndexFunc(written, func(c rawtest.Case) bool { return c.Image == cases[i].Image })]
		if len(scan.Masks) != len(f.Recipes) || len(scan.Absent) > 0 {
			t.Errorf("%s: %d masks, %d recipes; absent %q", at, len(scan.Masks), len(f.Recipes), scan.Absent)
			continue
		}
		if !scan.Grid.Equal(w.Grid, 1e-3) && filepath.Ext(w.Image) != ".npy" {
			t.Errorf("%s: grid %+v, want %+v", at, scan.Grid, w.Grid)
		}
		for j, m := range scan.Masks {
			labels := f.labels(j)
			switch {
			case f.MaskRule == "above 0.5" && asPublished:
				labels = slices.Collect(maps.Keys(w.Labels))
			case f.Name == "VerSe" && !asPublished && slices.Contains(labels, 26):
				labels[slices.Index(labels, 26)] = 28
			}
			if got, want := drawn(m.Bits), voxels(&w, labels); m.Class != f.Recipes[j].Class || !maps.Equal(got, want) {
				t.Errorf("%s: %s: got %v, want %s %v", at, m.Class, got, f.Recipes[j].Class, want)
			}
			n++
		}
	}
	return n
}

// read writes a scan of a dataset, changes its files and reads it.
func read(t *testing.T, name, layout string, o rawtest.Options, asPublished bool, change func(root string)) (*rawdata.Scan, *rawtest.Case) {
	t.Helper()
	d, root := record(t, name), t.TempDir()
	written, err := rawtest.Write(root, d, layout, o)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(root)
	}
	s, err := rawdata.Open(t.Context(), root, d, rawdata.Options{Layout: layout, AsPublished: asPublished})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := s.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(cases, func(c rawdata.Case) bool { return c.Image == written[0].Image })
	scan, err := s.Read(t.Context(), cases[i])
	if err != nil {
		t.Fatal(err)
	}
	return scan, &written[0]
}

func mask(t *testing.T, s *rawdata.Scan, class string) map[[3]int]bool {
	t.Helper()
	for _, m := range s.Masks {
		if m.Class == class {
			return drawn(m.Bits)
		}
	}
	t.Fatalf("no mask of %q; problems %v", class, s.Problems)
	return nil
}

// The anomalies of the published loaders that change voxels, and the corrected
// forms beside them.
func TestPublishedAndCorrected(t *testing.T) {
	overlap := rawtest.Options{Overlap: true}
	t.Run("a voxel in both kidneys wipes the other organs of CHAOS", func(t *testing.T) {
		s, _ := read(t, "CHAOS_MRI", catalog.Prepared, overlap, true, nil)
		if got := mask(t, s, "liver"); len(got) != 0 {
			t.Errorf("as published the liver has %v", got)
		}
		if got := mask(t, s, "kidney"); len(got) != 1 {
			t.Errorf("as published the kidneys keep only what they share: %v", got)
		}
		s, w := read(t, "CHAOS_MRI", catalog.Prepared, overlap, false, nil)
		if got := mask(t, s, "kidney"); !maps.Equal(got, voxels(w, []int{1, 2})) {
			t.Errorf("corrected: %v", got)
		}
	})
	t.Run("a later structure of PDDCA takes voxels of an earlier one", func(t *testing.T) {
		s, w := read(t, "PDDCA", catalog.Release, overlap, true, nil)
		if got := mask(t, s, "brainstem"); len(got) != len(w.Labels[1])-1 || got[w.Labels[2][0]] {
			t.Errorf("as published: %v", got)
		}
		s, w = read(t, "PDDCA", catalog.Release, overlap, false, nil)
		if got := mask(t, s, "brainstem"); !maps.Equal(got, voxels(w, []int{1})) {
			t.Errorf("corrected: %v", got)
		}
	})
	t.Run("another value among the masks of 0 and 1", func(t *testing.T) {
		two := func(root string) {
			at := filepath.Join(root, "MSD/Task09_Spleen/labelsTr/spleen_10.nii.gz")
			m, err := volume.ReadLabelMap(at, volume.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			m.Data[0] = 3
			if err := volume.WriteLabelMap(at, m); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := read(t, "MSD_Spleen", catalog.Release, rawtest.Options{}, true, two)
		if got := mask(t, s, "spleen"); !maps.Equal(got, map[[3]int]bool{{}: true}) {
			t.Errorf("as published: scaled to 0..1, only the greatest value is above half: %v", got)
		}
		s, w := read(t, "MSD_Spleen", catalog.Release, rawtest.Options{}, false, two)
		if got := mask(t, s, "spleen"); !maps.Equal(got, voxels(w, []int{1})) {
			t.Errorf("corrected: %v", got)
		}
		if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Error(), "3 (1 voxels)") {
			t.Errorf("problems %v", s.Problems)
		}
	})
	t.Run("slices around the lesions of autoPET", func(t *testing.T) {
		long := rawtest.Options{Shape: [3]int{9, 8, 120}}
		s, _ := read(t, "autoPET", catalog.Release, long, true, nil)
		if s.Grid.Shape[2] != 49 || s.Voxels.Shape != s.Grid.Shape || len(mask(t, s, "tumor")) != 2 {
			t.Errorf("as published: %v", s.Grid.Shape)
		}
		s, _ = read(t, "autoPET", catalog.Release, long, false, nil)
		if s.Grid.Shape[2] != 120 {
			t.Errorf("corrected: %v", s.Grid.Shape)
		}
	})
	t.Run("orientation", func(t *testing.T) {
		for name, want := range map[string]string{"VerSe": "ASR", "MyoPS2020": "", "BTCV": "RAS"} {
			if s, _ := read(t, name, catalog.Prepared, rawtest.Options{}, true, nil); s.Orient != want {
				t.Errorf("%s: as published %q", name, s.Orient)
			}
			if s, _ := read(t, name, catalog.Prepared, rawtest.Options{}, false, nil); s.Orient != "RAS" {
				t.Errorf("%s: %q", name, s.Orient)
			}
		}
	})
	t.Run("intensities of KiPA22", func(t *testing.T) {
		s, _ := read(t, "KiPA22", catalog.Release, rawtest.Options{}, false, nil)
		if s.Voxels.Data[0] != 100-1000 {
			t.Errorf("the release counts from 0: %g", s.Voxels.Data[0])
		}
	})
	t.Run("channel of MSD_Prostate", func(t *testing.T) {
		root := t.TempDir()
		d := record(t, "MSD_Prostate")
		if _, err := rawtest.Write(root, d, catalog.Prepared, rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
		s, err := rawdata.Prepare(root, d, rawdata.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for suffix, want := range map[string]float32{"T2": 100, "ADC": 1100} {
			c, err := s.CaseOf(&corpus.Scan{Dataset: d.Name, Image: "MSD/Task05_Prostate/imagesTr/prostate_00.nii.gz/" + suffix, Mask: "MSD/Task05_Prostate/labelsTr/prostate_00.nii.gz"})
			if err != nil {
				t.Fatal(err)
			}
			scan, err := s.Read(t.Context(), *c)
			if err != nil || scan.Failed() || scan.Voxels.Data[0] != want || c.Patient != "00" {
				t.Errorf("%s: %+v, %v", suffix, scan, err)
			}
		}
	})
	t.Run("axes of ToothFairy", func(t *testing.T) {
		s, _ := read(t, "ToothFairy", catalog.Release, rawtest.Options{}, false, nil)
		if s.Grid.Orientation() != "LPI" || s.Grid.Spacing()[0] != 0.3 {
			t.Errorf("corrected: %s, %g", s.Grid.Orientation(), s.Grid.Spacing())
		}
		s, _ = read(t, "ToothFairy", catalog.Release, rawtest.Options{}, true, nil)
		if s.Grid.Orientation() != "SAR" || s.Orient != "IPL" {
			t.Errorf("as published: %s, to %s", s.Grid.Orientation(), s.Orient)
		}
	})
}
