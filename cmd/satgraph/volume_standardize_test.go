package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/standard"
	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// The command writes what SAT's official loader made of the same files, labels
// with it, and how it came about.
func TestStandardizeAgreesWithSAT(t *testing.T) {
	fixtures := sharedtest.Path(t, "fixtures/preprocess")
	for name, modality := range map[string]string{"c01_ras_int16_ct": "ct", "c04_spr_oblique_float64_mr": "mri", "c03_las_uint8_pet_exact": "pet"} {
		out := filepath.Join(t.TempDir(), "scan.nii.gz")
		in := filepath.Join(fixtures, "in", name)
		code, stdout, stderr := satgraph(t, "volume", "standardize", in+".nii.gz", out, "--modality", modality, "--labels", in+"_label.nii.gz", "--json")
		if code != exitDone {
			t.Fatalf("%s: exit code %d: %s", name, code, stderr)
		}
		im, err := volume.ReadImage(out, volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		// Order of the official arrays: the third axis fastest.
		compare := func(file string, got func(i, j, k int) float64, tolerance float64) {
			t.Helper()
			want, err := npy.ReadFile(filepath.Join(fixtures, "expected", file))
			if err != nil {
				t.Fatal(err)
			}
			n := im.Shape
			if values := want.Float64s(); len(values) != n[0]*n[1]*n[2] {
				t.Errorf("%s has %v voxels, the result %v", file, want.Shape, n)
			} else {
				worst := 0.0
				for at, v := range values {
					worst = max(worst, math.Abs(v-got(at/(n[1]*n[2]), at/n[2]%n[1], at%n[2])))
				}
				if worst > tolerance {
					t.Errorf("%s: off by %g", file, worst)
				}
			}
		}
		// Tolerance of the fixtures' README.
		compare(name+".npy", func(i, j, k int) float64 { return float64(im.Data[im.Index(i, j, k)]) }, 2e-4)
		labels, err := volume.ReadLabelMap(strings.TrimSuffix(out, ".nii.gz")+"-labels.nii.gz", volume.ReadOptions{})
		if err != nil || labels.Grid != im.Grid {
			t.Fatalf("%s: labels on %v, the scan on %v: %v", name, labels.Grid, im.Grid, err)
		}
		compare(name+"_label.npy", func(i, j, k int) float64 { return float64(labels.Data[labels.Index(i, j, k)]) }, 0)

		var printed, kept standard.Record
		text, err := os.ReadFile(strings.TrimSuffix(out, ".nii.gz") + ".json")
		if err != nil || json.Unmarshal([]byte(stdout), &printed) != nil || json.Unmarshal(text, &kept) != nil || printed.Digest() != kept.Digest() {
			t.Fatalf("%s: %v; printed %s, kept %s", name, err, stdout, text)
		}
		source, err := volume.ReadInfo(in + ".nii.gz")
		if err != nil {
			t.Fatal(err)
		}
		if kept.Origin.Modality != modality || len(kept.Origin.Input) != 64 || !slices.Equal(kept.Transform.Source.Shape[:], source.Shape[:3]) ||
			kept.Transform.Grid().Shape != im.Shape || kept.Transform.SD <= 0 || kept.Settings != standard.SAT() {
			t.Errorf("%s: %+v", name, kept)
		}
	}
}

func TestStandardizeOfADICOMSeries(t *testing.T) {
	series := sharedtest.Path(t, "data/real-ct-dicom/decompressed")
	out := filepath.Join(t.TempDir(), "ct.nii")
	if code, stdout, stderr := satgraph(t, "volume", "standardize", series, out, "--spacing", "4x4x4", "--orientation", "LPS"); code != exitDone || !strings.Contains(stdout, "LPS") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if info, err := volume.ReadInfo(out); err != nil || info.Orientation != "LPS" || math.Abs(info.Spacing[0]-4) > 1e-5 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestStandardizeRefuses(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	to := filepath.Join(out, "scan.nii.gz")
	good := scanWith(t, dir, "scan.nii", func(_, _ []byte) {})
	zero := scanWith(t, dir, "zero.nii", func(_, v []byte) { clear(v) })
	none := scanWith(t, dir, "none.nii", func(h, _ []byte) { setFloat(h, srowYAt+4, 0) })
	negative := scanWith(t, dir, "negative.nii", func(_, v []byte) {
		for i := 0; i < len(v); i += 4 {
			setFloat(v, i, -1-float32(i%7))
		}
	})
	other := filepath.Join(dir, "other.nii.gz")
	labelFile(t, other, 1, 2, 3)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--modality", []string{good, to}},
		{"above 0", []string{good, to, "--modality", "ct", "--spacing", "0,1,1"}},
		{"three numbers", []string{good, to, "--modality", "ct", "--spacing", "1"}},
		{"orientation", []string{good, to, "--modality", "ct", "--orientation", "RRR"}},
		{".nii.gz", []string{good, to + ".txt", "--modality", "ct"}},
		{"cubic", []string{good, to, "--modality", "ct", "--interpolation", "cubic"}},
		{"zero.nii", []string{zero, to, "--modality", "ct"}},
		{"singular", []string{none, to, "--modality", "ct"}},
		{"--sat-exact", []string{negative, to, "--modality", "ct", "--sat-exact"}},
		{"not on the scan's grid", []string{good, to, "--modality", "ct", "--labels", other}},
		{"too large", []string{good, to, "--modality", "ct", "--spacing", "0.01,0.01,0.01"}},
	} {
		code, _, stderr := satgraph(t, append([]string{"volume", "standardize"}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, %s; want %q", c.args, code, stderr, c.says)
		}
	}
	empty(t, out)
}
