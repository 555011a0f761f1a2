package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/inference"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

func TestDemo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, text, stderr := satgraph(t, "demo", "-o", out)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"heart left ventricle", "UBERON:0002084", "mitral valve", "never for clinical use", "satgraph serve"} {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("the output does not say %q", want)
		}
	}
	report := readReport(t, out)
	checkGeometry(t, filepath.Join(out, "scan.nii.gz"), out, report)
	for _, chamber := range []string{"UBERON:0002079", "UBERON:0002078", "UBERON:0002084", "UBERON:0002080"} {
		i := slices.IndexFunc(report.Structures, func(s inference.StructureResult) bool { return s.TermID == chamber })
		if i < 0 || report.Structures[i].Status != inference.Segmented {
			t.Errorf("chamber %s was not found in the phantom", chamber)
		}
	}
	for _, s := range report.Structures {
		if s.Status != inference.Segmented && s.Reason == "" {
			t.Errorf("%s is %s without a reason", s.Term, s.Status)
		}
	}
	for _, file := range []string{"table.txt", "picture.png"} {
		if info, err := os.Stat(filepath.Join(out, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The children of the heart are found in a chest CT that is cropped around it.
func TestSegmentRealHeart(t *testing.T) {
	scan := sharedtest.Path(t, "data/real-ct-heart/ct.nii.gz")
	out := t.TempDir()
	code, _, stderr := satgraph(t, "segment", scan, "--query", "heart, children of heart", "-o", out)
	if code != exitPartial { // valves and the like have no class
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	report := readReport(t, out)
	checkGeometry(t, scan, out, report)
	for _, s := range report.Structures {
		if s.TermID == "UBERON:0000948" && (s.Status != inference.Segmented || s.VolumeML < 200 || s.VolumeML > 2000) {
			t.Errorf("the heart is %s with %.0f mL", s.Status, s.VolumeML)
		}
	}
}

// A scan of the abdomen holds no heart, and none is drawn.
func TestSegmentWithoutHeart(t *testing.T) {
	scan := sharedtest.Path(t, "data/real-ct/example_ct.nii.gz")
	out := t.TempDir()
	code, _, stderr := satgraph(t, "segment", scan, "--query", "children of heart, liver", "-o", out)
	if code != exitPartial {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	report := readReport(t, out)
	checkGeometry(t, scan, out, report)
	for _, s := range report.Structures {
		switch {
		case s.TermID == "UBERON:0002107":
			if s.Status != inference.Segmented {
				t.Errorf("the liver is %s: %s", s.Status, s.Reason)
			}
		case s.Status == inference.Segmented:
			t.Errorf("%s of %.1f mL was drawn where there is no heart", s.Term, s.VolumeML)
		}
	}
}

func readReport(t *testing.T, dir string) inference.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r inference.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// checkGeometry reads every mask back: the scan's shape and affine to the last
// bit, voxels 0 and 1, and the volume that the report gives.
func checkGeometry(t *testing.T, scan, dir string, report inference.Report) {
	t.Helper()
	want, err := volume.ReadInfo(scan)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, s := range report.Structures {
		if s.File == "" {
			continue
		}
		found++
		got, err := volume.ReadInfo(filepath.Join(dir, s.File))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Shape, want.Shape) || got.Affine != want.Affine {
			t.Errorf("%s has shape %v and affine %v; the scan %v and %v", s.File, got.Shape, got.Affine, want.Shape, want.Affine)
		}
		mask, err := volume.ReadLabelMap(filepath.Join(dir, s.File), volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		set := 0
		for _, v := range mask.Data {
			if v > 1 {
				t.Fatalf("%s holds the value %d", s.File, v)
			}
			set += int(v)
		}
		if set != s.Voxels || math.Abs(float64(set)*mask.VoxelVolume()/1000-s.VolumeML) > 1e-6*s.VolumeML {
			t.Errorf("%s holds %d voxels; the report says %d and %g mL", s.File, set, s.Voxels, s.VolumeML)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*UBERON*.nii.gz")); err != nil || len(files) != found {
		t.Errorf("%d mask files for %d masks in the report (%v)", len(files), found, err)
	}
}

// Scans that cannot be segmented are refused by name, and leave nothing.
func TestBadScans(t *testing.T) {
	dir := t.TempDir()
	grid := volume.Grid{Shape: [3]int{40, 40, 40}, Affine: volume.Affine{{4, 0, 0, 0}, {0, 4, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 1}}}
	write := func(name string, fill float32) string {
		im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
		for i := range im.Data {
			im.Data[i] = fill
		}
		path := filepath.Join(dir, name)
		if err := volume.WriteImage(path, im, volume.Float32); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zero := write("zero.nii.gz", 0)
	nan := write("nan.nii.gz", float32(math.NaN()))
	constant := write("constant.nii.gz", 40)
	good := write("good.nii", 40)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(name string, change func([]byte) []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, change(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	truncated := edit("truncated.nii", func(b []byte) []byte { return b[:len(b)/2] })
	flat := edit("flat.nii", func(b []byte) []byte {
		copy(b[40:], []byte{2, 0, 40, 0, 40, 0, 1, 0}) // dim: 2 axes
		return b
	})
	colour := edit("colour.nii", func(b []byte) []byte {
		copy(b[70:], []byte{128, 0, 24, 0}) // datatype RGB24
		return b
	})
	out := filepath.Join(dir, "out")
	for _, path := range []string{zero, nan, constant, truncated, flat, colour} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			code, _, stderr := satgraph(t, "segment", path, "--query", "heart", "-o", out)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d: %s", code, exitUsage, stderr)
			}
			last := lastLine(stderr)
			if !strings.HasPrefix(last, "satgraph: ") || !strings.Contains(last, "; ") && !strings.Contains(last, ": ") {
				t.Errorf("it says %q", last)
			}
			if !strings.Contains(last, filepath.Base(path)) {
				t.Errorf("it says %q, which does not name the file", last)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(out, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A bundle with a file missing or altered is refused by the file's name.
func TestBadBundle(t *testing.T) {
	scan := filepath.Join(t.TempDir(), "scan.nii.gz")
	im := &volume.Image{Grid: volume.Grid{Shape: [3]int{8, 8, 8}, Affine: volume.Identity()}, Data: make([]float32, 512)}
	im.Data[0] = 1
	if err := volume.WriteImage(scan, im, volume.Float32); err != nil {
		t.Fatal(err)
	}
	bundle := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("../../models/demo")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	segment := func(t *testing.T, model, names string) {
		t.Helper()
		code, _, stderr := satgraph(t, "segment", scan, "--query", "heart", "--model", model, "-o", t.TempDir())
		if last := lastLine(stderr); code != exitUsage || !strings.Contains(last, names) {
			t.Errorf("exit code %d, and it says %q; want %d and %q named", code, last, exitUsage, names)
		}
	}
	t.Run("missing", func(t *testing.T) {
		dir := bundle(t)
		if err := os.Remove(filepath.Join(dir, "decoder.onnx")); err != nil {
			t.Fatal(err)
		}
		segment(t, dir, "decoder.onnx")
	})
	t.Run("altered", func(t *testing.T) {
		dir := bundle(t)
		path := filepath.Join(dir, "text.onnx")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		segment(t, dir, "text.onnx")
	})
	t.Run("no folder", func(t *testing.T) { segment(t, filepath.Join(t.TempDir(), "none"), "none") })
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
