package rawdata_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/rawdata"
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
		"pairs of folders":  {each(ids, "img/imgID.nii.gz", "label/labelID.nii.gz"), "pairs", "D/img/img{case#}.nii.gz", "D/label/label{case}.nii.gz", nil, 0},
		"pairs in a folder": {each([]string{"anna", "anders", "bo"}, "ID-Image.nii.gz", "ID-Mask.nii.gz"), "pairs", "D/{case}-Image.nii.gz", "D/{case}-Mask.nii.gz", nil, 0},
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
			t.Errorf("%s: got %s, %s, %q, %v left; want %s, %s, %q, %d left", name, image, mask, got.Structures, got.Left, c.image, c.mask, c.structures, c.left)
		}
		if got.Kind != c.kind {
			t.Errorf("%s: told as %s", name, got.Kind)
		}
	}
	for name, files := range map[string][]string{"nothing": nil, "no masks": {"a.nii.gz", "b.nii.gz"}, "unlike": {"images/a.nii.gz", "images/b.nii.gz", "masks/x.nii.gz", "masks/y.nii.gz"}} {
		if got, err := rawdata.Detect(t.Context(), tree(t, "D", files...)); !errors.Is(err, rawdata.ErrUnclear) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
