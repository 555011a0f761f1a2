package rawdata_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata"
	"satgraph/volume"
)

// tree makes empty files.
func tree(t *testing.T, base string, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), base)
	must(t, os.Mkdir(dir, 0o750))
	for _, n := range names {
		at := filepath.Join(dir, filepath.FromSlash(n))
		must(t, os.MkdirAll(filepath.Dir(at), 0o750))
		must(t, os.WriteFile(at, nil, 0o600))
	}
	return dir
}

// each fills a list of names with ids.
func each(ids []string, formats ...string) []string {
	var out []string
	for _, id := range ids {
		for _, f := range formats {
			out = append(out, strings.ReplaceAll(f, "ID", id))
		}
	}
	return out
}

func TestDetect(t *testing.T) {
	ids := []string{"001", "002", "017"}
	for name, c := range map[string]struct {
		files       []string
		kind        string
		image, mask string
		structures  []string
		left        int
	}{
		"nnU-Net": {
			append(each(ids, "imagesTr/liver_ID_0000.nii.gz", "labelsTr/liver_ID.nii.gz"), "dataset.json"), "nnunet",
			"D/imagesTr/liver_{case#}_0000.nii.gz train", "D/labelsTr/liver_{case}.nii.gz", nil, 0,
		},
		"nnU-Net, two channels": {
			append(each(ids, "imagesTr/liver_ID_0000.nii.gz", "imagesTr/liver_ID_0001.nii.gz", "labelsTr/liver_ID.nii.gz"), "dataset.json"), "nnunet",
			"D/imagesTr/liver_{case#}_{part2=0000|0001}.nii.gz train", "D/labelsTr/liver_{case}.nii.gz", nil, 0,
		},
		"Decathlon": {
			append(each(ids, "imagesTr/la_ID.nii.gz", "labelsTr/la_ID.nii.gz"), "dataset.json", "imagesTs/la_900.nii.gz"), "decathlon",
			"D/imagesTr/la_{case#}.nii.gz train", "D/labelsTr/la_{case}.nii.gz", nil, 1,
		},
		"TotalSegmentator": {
			each(ids, "sID/ct.nii.gz", "sID/segmentations/liver.nii.gz", "sID/segmentations/aorta.nii.gz"), "structures",
			"D/s{case#}/ct.nii.gz", "D/s{case}/segmentations/",
			[]string{"aorta.nii.gz", "liver.nii.gz"},
			0,
		},
		"structures beside the image": {
			each(ids, "case_ID/case_ID_IMG.nrrd", "case_ID/case_ID_OAR_Cochlea_L.seg.nrrd", "case_ID/case_ID_OAR_Lips.seg.nrrd"), "structures",
			"D/case_{case#}/case_{case#}_IMG.nrrd", "D/case_{case}/",
			[]string{"case_{case}_OAR_Cochlea_L.seg.nrrd", "case_{case}_OAR_Lips.seg.nrrd"},
			0,
		},
		"a folder for each structure": {
			each(ids, "images/ID.nii.gz", "masks/liver/ID.nii.gz", "masks/rib_2/ID.nii.gz", "masks/kidney_left/ID.nii.gz"), "structures",
			"D/images/{case#}.nii.gz", "D/masks/",
			[]string{"kidney_left/{case}.nii.gz", "liver/{case}.nii.gz", "rib_2/{case}.nii.gz"},
			0,
		},
		"ribs numbered like scans": {
			each([]string{"1", "2", "3", "4"}, "ct/ID.nii.gz", "mask/rib_1/ID.nii.gz", "mask/rib_2/ID.nii.gz", "mask/rib_3/ID.nii.gz"), "structures",
			"D/ct/{case#}.nii.gz", "D/mask/",
			[]string{"rib_1/{case}.nii.gz", "rib_2/{case}.nii.gz", "rib_3/{case}.nii.gz"},
			0,
		},
		"one folder for all masks": {
			append(each(ids, "images/pat_ID.nii.gz", "masks/pat_ID_liver.nii.gz", "masks/pat_ID_aorta.nii.gz"), "masks/pat_900_aorta.nii.gz", "images/pat_800.nii.gz"), "structures",
			"D/images/pat_{case#}.nii.gz", "D/masks/",
			[]string{"pat_{case}_aorta.nii.gz", "pat_{case}_liver.nii.gz"},
			2,
		},
		"trees of images and of masks": {
			each(ids, "image/B_ID/ct.nii.gz", "mask/B_ID/segmentations/liver.nii.gz", "mask/B_ID/segmentations/aorta.nii.gz"), "structures",
			"D/image/B_{case#}/ct.nii.gz", "D/mask/B_{case}/segmentations/",
			[]string{"aorta.nii.gz", "liver.nii.gz"},
			0,
		},
		"structures by split": {
			append(each(ids, "train/images/ID.nii.gz", "train/masks/liver/ID.nii.gz", "train/masks/aorta/ID.nii.gz"), each([]string{"100", "101"}, "test/images/ID.nii.gz", "test/masks/liver/ID.nii.gz", "test/masks/aorta/ID.nii.gz")...), "structures",
			"D/test/images/{case#}.nii.gz test, D/train/images/{case#}.nii.gz train", "D/test/masks/, D/train/masks/",
			[]string{"aorta/{case}.nii.gz", "liver/{case}.nii.gz"},
			0,
		},
		"structures of two channels": {
			each(ids, "imagesTr/c_ID_0000.nii.gz", "imagesTr/c_ID_0001.nii.gz", "masks/liver/c_ID.nii.gz", "masks/aorta/c_ID.nii.gz"), "structures",
			"D/imagesTr/c_{case#}_{part2=0000|0001}.nii.gz train", "D/masks/",
			[]string{"aorta/c_{case}.nii.gz", "liver/c_{case}.nii.gz"},
			0,
		},
		"BIDS, a mask for each structure": {
			each(ids, "sub-ID/anat/sub-ID_T1w.nii.gz", "derivatives/man/sub-ID/anat/sub-ID_hemi-L_label-hippocampus_mask.nii.gz", "derivatives/man/sub-ID/anat/sub-ID_label-liver_mask.nii.gz"), "structures",
			"D/sub-{case#}/anat/sub-{case#}_T1w.nii.gz MRI T1", "D/derivatives/man/sub-{case}/anat/",
			[]string{"sub-{case}_hemi-L_label-hippocampus_mask.nii.gz", "sub-{case}_label-liver_mask.nii.gz"},
			0,
		},
		"structures of one scan": {
			[]string{"images/p7.nii.gz", "masks/liver/p7.nii.gz", "masks/aorta/p7.nii.gz"},
			"structures",
			"D/images/{case}.nii.gz", "D/masks/",
			[]string{"aorta/{case}.nii.gz", "liver/{case}.nii.gz"},
			0,
		},
		"headers beside their voxels": {each(ids, "img/ID.hdr", "img/ID.img", "seg/ID.nhdr", "seg/ID.raw"), "pairs", "D/img/{case#}.hdr", "D/seg/{case}.nhdr", nil, 0},
		"pairs of folders":            {each(ids, "img/imgID.nii.gz", "label/labelID.nii.gz"), "pairs", "D/img/img{case#}.nii.gz", "D/label/label{case}.nii.gz", nil, 0},
		"pairs in a folder":           {each([]string{"anna", "anders", "bo"}, "ID-Image.nii.gz", "ID-Mask.nii.gz"), "pairs", "D/{case}-Image.nii.gz", "D/{case}-Mask.nii.gz", nil, 0},
		"frames": {
			each(ids, "patientID/patientID_frame01.nii.gz", "patientID/patientID_frame01_gt.nii.gz", "patientID/patientID_frame12.nii.gz", "patientID/patientID_frame12_gt.nii.gz"), "pairs",
			"D/patient{case#}/patient{case#}_frame{part2=01|12}.nii.gz", "D/patient{case}/patient{case}_frame{part2}_gt.nii.gz", nil, 0,
		},
		"BIDS": {
			each([]string{"01", "02", "x9"}, "rawdata/sub-ID/anat/sub-ID_T2w.nii.gz", "derivatives/sub-ID/anat/sub-ID_dseg.nii.gz"), "bids",
			"D/rawdata/sub-{case}/anat/sub-{case}_T2w.nii.gz MRI T2", "D/derivatives/sub-{case}/anat/sub-{case}_dseg.nii.gz", nil, 0,
		},
		"sequences":   {each(ids, "IDa/IDa-t1.nii.gz", "IDa/IDa-t2.nii.gz", "IDa/IDa-seg.nii.gz"), "pairs", "D/{case#}a/{case#}a-t1.nii.gz MRI T1, D/{case#}a/{case#}a-t2.nii.gz MRI T2", "D/{case}a/{case}a-seg.nii.gz", nil, 0},
		"one of each": {[]string{"p7/image.nii.gz", "p7/mask.nii.gz"}, "pairs", "D/{case}/image.nii.gz", "D/{case}/mask.nii.gz", nil, 0},
		"one is left": {append(each(ids, "images/ID.nii.gz", "masks/ID.nii.gz"), "images/400.nii.gz"), "pairs", "D/images/{case#}.nii.gz", "D/masks/{case}.nii.gz", nil, 1},
	} {
		got, err := rawdata.Detect(t.Context(), tree(t, "D", c.files...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var images, masks []string
		for _, f := range got.Families {
			images = append(images, strings.Join(strings.Fields(f.Image.String()+" "+f.Sequence+" "+f.Split), " "))
			masks = append(masks, f.Mask.String())
		}
		image, mask := strings.Join(images, ", "), strings.Join(slices.Compact(masks), ", ")
		var files []string
		for _, s := range got.Structures {
			files = append(files, s.File)
		}
		left := 0
		for _, l := range got.Left {
			left += l.Files
		}
		if image != c.image || mask != c.mask || left != c.left || !slices.Equal(files, c.structures) {
			t.Errorf("%s: got %s, %s, %q, %v left; want %s, %s, %q, %d left", name, image, mask, files, got.Left, c.image, c.mask, c.structures, c.left)
		}
		if got.Kind != c.kind {
			t.Errorf("%s: told as %s", name, got.Kind)
		}
	}
	for name, files := range map[string][]string{"nothing": nil, "archives": {"images.zip", "labels.zip"}, "masks of other names in each scan": each(ids, "images/ID.nii.gz", "masks/liver/IDID7ID.nii.gz"), "no masks": {"a.nii.gz", "b.nii.gz"}, "unlike": {"images/a.nii.gz", "images/b.nii.gz", "masks/x.nii.gz", "masks/y.nii.gz"}} {
		if got, err := rawdata.Detect(t.Context(), tree(t, "D", files...)); !errors.Is(err, rawdata.ErrUnclear) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// What somebody says of a layout is taken: also of structures that no word tells.
func TestDetectStructures(t *testing.T) {
	ids := []string{"001", "002", "017"}
	dir := tree(t, "D", append(each(ids, "a/ID_ct.nii.gz", "a/ID_kidney_left.nii.gz", "a/ID_liver.nii.gz"), "a/017_aorta.nii.gz", "a/readme.txt", "b/001_liver.nii.gz")...)
	pattern := func(text string) catalog.Pattern {
		p, err := catalog.ParsePattern(text)
		must(t, err)
		return p
	}
	got, err := rawdata.DetectStructures(t.Context(), dir, pattern("D/a/{case}_ct.nii.gz"), pattern("D/a/{case}_{structure}.nii.gz"))
	must(t, err)
	want := []rawdata.Structure{{File: "{case}_aorta.nii.gz", Name: "aorta"}, {File: "{case}_kidney_left.nii.gz", Name: "kidney_left"}, {File: "{case}_liver.nii.gz", Name: "liver"}}
	if !slices.Equal(got.Structures, want) || !got.Partial || got.Paired != 3 || got.Families[0].Mask.String() != "D/a/" || len(got.Left) != 2 {
		t.Errorf("got %+v", got)
	}
	for _, c := range [][2]string{{"D/a/{case}_mr.nii.gz", "D/a/{case}_{structure}.nii.gz"}, {"D/a/{case}_ct.nii.gz", "D/masks/{structure}/{case}.nii.gz"}, {"D/a/x.nii.gz", "D/{structure}.nii.gz"}} {
		if got, err := rawdata.DetectStructures(t.Context(), dir, pattern(c[0]), pattern(c[1])); !errors.Is(err, rawdata.ErrUnclear) {
			t.Errorf("%s: got %+v, %v", c, got, err)
		}
	}
	if _, err := rawdata.DetectStructures(t.Context(), dir, pattern("D/a/{case}_ct.nii.gz"), pattern("D/{other}/{structure}.nii.gz")); !errors.Is(err, catalog.ErrRecord) {
		t.Errorf("a placeholder that images do not have: %v", err)
	}
}

// Masks of one value are taken by that value, so that others are noticed; soft
// ones from one half on.
func TestValuesOfStructures(t *testing.T) {
	for name, c := range map[string]struct {
		liver, aorta float32
		want         []int
	}{
		"ones":         {1, 1, []int{1, 1, 1}},
		"255":          {255, 255, []int{255, 255, 255}},
		"each its own": {2, 3, []int{0, 3, 2}},
		"one empty":    {1, 0, []int{1, 1, 1}},
		"soft":         {0.7, 1, []int{1, 1, 0}},
	} {
		dir := tree(t, "D")
		g := volume.Grid{Shape: [3]int{4, 4, 4}, Affine: volume.Affine{{1}, {0, 1}, {0, 0, 1}, {3: 1}}}
		for i, file := range []string{"images/1.nii", "images/2.nii", "masks/liver/1.nii", "masks/liver/2.nii", "masks/aorta/1.nii", "masks/aorta/2.nii", "brain/1.nii", "brain/2.nii"} {
			data := make([]float32, g.Voxels())
			switch {
			case strings.Contains(file, "images"):
				for v := range data {
					data[v] = float32(v*37%211) - 90
				}
			case strings.Contains(file, "brain"): // in no scan
			case strings.Contains(file, "liver"):
				data[5+i%2] = c.liver
			default:
				data[15+i%2] = c.aorta
			}
			at := filepath.Join(dir, filepath.FromSlash(file))
			must(t, os.MkdirAll(filepath.Dir(at), 0o750))
			must(t, volume.WriteImage(at, &volume.Image{Grid: g, Data: data}, volume.Float32))
		}
		got, err := rawdata.Detect(t.Context(), dir)
		must(t, err)
		var values []int
		for _, s := range got.Structures {
			values = append(values, s.Value)
		}
		if !slices.Equal(values, c.want) {
			t.Errorf("%s: got %+v, want %v", name, got.Structures, c.want)
		}
	}
}
