package rawdata_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/volume"
)

// edit changes a label map.
func edit(t *testing.T, path string, change func(m *volume.LabelMap)) {
	t.Helper()
	m, err := volume.ReadLabelMap(path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	m.Header = nil
	if err := volume.WriteLabelMap(path, m); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is wrong with a scan is named, with its file; the scan gives no masks
// where they cannot be trusted.
func TestBrokenScans(t *testing.T) {
	const acdc = "ACDC/database/training/patient001/patient001_frame01"
	const total = "Totalsegmentator_dataset/s0000/segmentations"
	for name, c := range map[string]struct {
		dataset, layout string
		change          func(root string)
		kind            error
		fatal           bool
		says            string
	}{
		"another shape": {"ACDC", "", func(root string) {
			edit(t, filepath.Join(root, acdc+"_gt.nii.gz"), func(m *volume.LabelMap) { m.Shape[2]--; m.Data = m.Data[:m.Voxels()] })
		}, rawdata.ErrGrid, true, "_gt.nii.gz"},
		"another affine": {"ACDC", "", func(root string) {
			edit(t, filepath.Join(root, acdc+"_gt.nii.gz"), func(m *volume.LabelMap) { m.Affine[2][3] += 2 })
		}, rawdata.ErrGrid, true, "first voxel"},
		"the affine in other digits": {"ACDC", "", func(root string) {
			edit(t, filepath.Join(root, acdc+"_gt.nii.gz"), func(m *volume.LabelMap) { m.Affine[2][3] += 0.01 })
		}, nil, false, ""},
		"the same voxels, other axes": {"ACDC", "", func(root string) {
			edit(t, filepath.Join(root, acdc+"_gt.nii.gz"), func(m *volume.LabelMap) {
				*m = *m.Reorient(volume.Reorientation{Perm: [3]int{2, 0, 1}, Flip: [3]bool{true, false, true}})
			})
		}, nil, false, ""},
		"no mask":  {"ACDC", "", func(root string) { must(t, os.Remove(filepath.Join(root, acdc+"_gt.nii.gz"))) }, rawdata.ErrMissing, true, "label file"},
		"cut gzip": {"ACDC", "", func(root string) { must(t, os.Truncate(filepath.Join(root, acdc+"_gt.nii.gz"), 60)) }, volume.ErrTruncated, true, "_gt.nii.gz"},
		"damaged gzip": {"ACDC", "", func(root string) {
			must(t, os.WriteFile(filepath.Join(root, acdc+"_gt.nii.gz"), []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03damage"), 0o600))
		}, nil, true, "_gt.nii.gz"},
		"no image at all": {"ACDC", "", func(root string) {
			must(t, os.WriteFile(filepath.Join(root, acdc+".nii.gz"), nil, 0o600))
		}, nil, true, "frame01.nii.gz"},
		"a value of no label": {"ACDC", "", func(root string) {
			edit(t, filepath.Join(root, acdc+"_gt.nii.gz"), func(m *volume.LabelMap) { m.Data[5], m.Data[6] = 9, 9 })
		}, rawdata.ErrValue, false, "9 (2 voxels)"},
		"codes of the owner's table": {"DAP_Atlas", "", func(root string) {
			edit(t, filepath.Join(root, "DAP_Atlas/Atlas_final_dataset_V1_533/AutoPET_0011f3deaf_10445.nii.gz"), func(m *volume.LabelMap) { m.Data[5] = 144 })
		}, rawdata.ErrTable, true, "144"},
		"a structure file is missing": {"TotalSegmentator_Organs", catalog.Release, func(root string) {
			must(t, os.Remove(filepath.Join(root, total, "liver.nii.gz")))
		}, rawdata.ErrMissing, true, "liver.nii.gz"},
		"version 2 of TotalSegmentator": {"TotalSegmentator_Cardiac", catalog.Release, func(root string) {
			for _, old := range []string{"heart_atrium_left", "heart_atrium_right", "heart_myocardium", "heart_ventricle_left", "heart_ventricle_right", "pulmonary_artery", "iliac_artery_left"} {
				must(t, os.Rename(filepath.Join(root, total, old+".nii.gz"), filepath.Join(root, total, "v2_"+old+".nii.gz")))
			}
		}, rawdata.ErrVersion, true, "v2_heart_atrium_left.nii.gz"},
		"a structure that was not annotated": {"HAN_Seg", catalog.Release, func(root string) {
			must(t, os.Remove(filepath.Join(root, "HAN_Seg/HaN-Seg/set_1/case_01/case_01_OAR_Cochlea_L.seg.nrrd")))
		}, rawdata.ErrMissing, false, "Cochlea_L"},
		"a stack of fewer channels": {"HAN_Seg", catalog.Prepared, func(root string) {
			at := filepath.Join(root, "HAN_Seg/HaN-Seg/set_1/case_01/label.nii.gz")
			g := volume.Grid{Shape: rawtest.Shape, Affine: volume.Affine{{-0.8, 0, 0, 90}, {0, 0.9, 0, -120}, {0, 0, 2.5, 30}, {3: 1}}}
			must(t, rawtest.WriteNIfTI4D(at, g, [][]float32{make([]float32, g.Voxels()), make([]float32, g.Voxels())}))
		}, rawdata.ErrVersion, true, "2 channels"},
		"a picture is missing": {"CHAOS_CT", catalog.Release, func(root string) {
			must(t, os.Remove(filepath.Join(root, "CHAOS/Train_Sets/CT/1/Ground/slice-3.png")))
		}, rawdata.ErrGrid, true, "10 pictures for 11 slices"},
		"no picture": {"CHAOS_CT", catalog.Release, func(root string) {
			must(t, os.WriteFile(filepath.Join(root, "CHAOS/Train_Sets/CT/1/Ground/slice-3.png"), []byte("no"), 0o600))
		}, rawdata.ErrFormat, true, "slice-3.png"},
		"a slice is missing": {"CHAOS_CT", catalog.Release, func(root string) {
			must(t, os.Remove(filepath.Join(root, "CHAOS/Train_Sets/CT/1/DICOM_anon/slice-3.dcm")))
		}, volume.ErrSeries, true, "DICOM_anon"},
		"no MATLAB file": {"FUMPE", catalog.Release, func(root string) {
			must(t, os.WriteFile(filepath.Join(root, "FUMPE/GroundTruth/PAT001.mat"), []byte(strings.Repeat("x", 200)), 0o600))
		}, rawdata.ErrFormat, true, "level 5"},
		"half a MATLAB file": {"FUMPE", catalog.Release, func(root string) {
			at := filepath.Join(root, "FUMPE/GroundTruth/PAT001.mat")
			info, err := os.Stat(at)
			must(t, err)
			must(t, os.Truncate(at, info.Size()-20))
		}, nil, true, "PAT001.mat"},
		"half an array": {"ToothFairy", "", func(root string) {
			must(t, os.Truncate(filepath.Join(root, "ToothFairy/ToothFairy_Dataset/Dataset/P1/gt_alpha.npy"), 300))
		}, volume.ErrTruncated, true, "gt_alpha.npy"},
		"a header that lies": {"ToothFairy", "", func(root string) {
			head := "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000, 4000000, 4000000), }"
			must(t, os.WriteFile(filepath.Join(root, "ToothFairy/ToothFairy_Dataset/Dataset/P1/gt_alpha.npy"), []byte("\x93NUMPY\x01\x00"+string(rune(len(head)))+"\x00"+head), 0o600))
		}, rawdata.ErrFormat, true, "too many voxels"},
	} {
		layout := c.layout
		if layout == "" {
			layout = catalog.Prepared
		}
		s, _ := read(t, c.dataset, layout, rawtest.Options{}, false, c.change)
		if c.kind == nil && !c.fatal {
			if len(s.Problems) > 0 || len(s.Masks) == 0 {
				t.Errorf("%s: %v", name, s.Problems)
			}
			continue
		}
		if len(s.Problems) != 1 {
			t.Errorf("%s: %d problems: %v", name, len(s.Problems), s.Problems)
			continue
		}
		p := s.Problems[0]
		if c.kind != nil && !errors.Is(p, c.kind) || p.Fatal != c.fatal || s.Failed() != c.fatal || !strings.Contains(p.Error(), c.says) || (len(s.Masks) == 0) != c.fatal {
			t.Errorf("%s: %v (fatal %v, %d masks); want %v, %q", name, p, p.Fatal, len(s.Masks), c.kind, c.says)
		}
	}
}

// A class whose file a scan may lack is left out; as published it is empty.
func TestAbsentStructure(t *testing.T) {
	remove := func(root string) {
		must(t, os.Remove(filepath.Join(root, "HAN_Seg/HaN-Seg/set_1/case_01/case_01_OAR_Cochlea_L.seg.nrrd")))
	}
	s, _ := read(t, "HAN_Seg", catalog.Release, rawtest.Options{}, false, remove)
	if len(s.Masks) != 39 || strings.Join(s.Absent, ", ") != "left cochlea, cochlea" {
		t.Errorf("%d masks, absent %q", len(s.Masks), s.Absent)
	}
	s, w := read(t, "HAN_Seg", catalog.Release, rawtest.Options{}, true, remove)
	if len(s.Masks) != 41 || len(mask(t, s, "left cochlea")) != 0 || len(mask(t, s, "cochlea")) != len(w.Labels[7]) {
		t.Errorf("as published: %d masks", len(s.Masks))
	}
}

func TestNoScans(t *testing.T) {
	d := record(t, "ACDC")
	if _, err := rawdata.Open(t.Context(), t.TempDir(), d, rawdata.Options{}); !errors.Is(err, rawdata.ErrLayout) || !strings.Contains(err.Error(), "ACDC/database/training") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := rawdata.Open(t.Context(), t.TempDir(), d, rawdata.Options{Layout: "other"}); !errors.Is(err, rawdata.ErrLayout) {
		t.Errorf("an unknown layout: %v", err)
	}
}

// Folders of structures that lie in parallel, called as in another version, are
// told from files that are missing; other scans' files are no sign of either.
func TestVersionOfFolders(t *testing.T) {
	d, err := catalog.Parse("New.yaml", []byte(`
name: New
homepage: ""
licence: {id: "unknown: check"}
modality: ct
region: abdomen
layouts:
  - names: [release]
    scans:
      - {image: "New/ct/{case}.nii", mask: "New/", example: New/ct/1.nii, patient: "{case}"}
masks: {kind: values, published: equality}
labels:
  - {name: liver, release: "liver/{case}.nii{1}", class: liver}
  - {name: spleen, release: "spleen/{case}.nii{1}", class: spleen}
  - {name: aorta, release: "{case}_aorta.nii{1}", class: aorta}
recipes:
  - {class: liver, expr: "liver/{case}.nii{1}"}
  - {class: spleen, expr: "spleen/{case}.nii{1}"}
  - {class: aorta, expr: "{case}_aorta.nii{1}"}
`))
	must(t, err)
	for name, c := range map[string]struct {
		move map[string]string
		kind error
		says string
	}{
		"as the record says": {nil, nil, ""},
		"another version":    {map[string]string{"liver/1.nii": "Leber/1.nii", "spleen/1.nii": "Milz/1.nii"}, rawdata.ErrVersion, "Leber/1.nii"},
		"missing files":      {map[string]string{"liver/1.nii": "", "spleen/1.nii": "", "1_aorta.nii": ""}, rawdata.ErrMissing, "liver/{case}.nii, spleen/{case}.nii"},
	} {
		dir := tree(t, "New")
		g := volume.Grid{Shape: [3]int{4, 4, 4}, Affine: volume.Affine{{1}, {0, 1}, {0, 0, 1}, {3: 1}}}
		for _, file := range []string{"ct/1.nii", "ct/2.nii", "liver/1.nii", "liver/2.nii", "spleen/1.nii", "spleen/2.nii", "1_aorta.nii", "2_aorta.nii"} {
			if to, ok := c.move[file]; ok {
				file = to
			}
			if file != "" {
				at := filepath.Join(dir, file)
				must(t, os.MkdirAll(filepath.Dir(at), 0o750))
				must(t, volume.WriteImage(at, &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}, volume.Uint8))
			}
		}
		s, err := rawdata.Open(t.Context(), filepath.Dir(dir), d, rawdata.Options{})
		must(t, err)
		cases, err := s.Cases(t.Context())
		must(t, err)
		scan, err := s.Read(t.Context(), cases[0])
		must(t, err)
		if c.kind == nil {
			if len(scan.Problems) > 0 || len(scan.Masks) != 3 {
				t.Errorf("%s: %v", name, scan.Problems)
			}
			continue
		}
		if len(scan.Problems) != 1 || !errors.Is(scan.Problems[0], c.kind) || !strings.Contains(scan.Problems[0].Error(), c.says) {
			t.Errorf("%s: %v", name, scan.Problems)
		}
	}
}
