package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// newFolder is the folder of a new dataset, to which volumes are written.
type newFolder struct {
	t   *testing.T
	dir string
}

func folderOf(t *testing.T, base string) *newFolder {
	t.Helper()
	return &newFolder{t, filepath.Join(t.TempDir(), base)}
}

func (f *newFolder) path(name string) string {
	at := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		f.t.Fatal(err)
	}
	return at
}

func (f *newFolder) text(name, text string) {
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// smallGrid is of 12x10x8 voxels of 3 mm, RAS.
func smallGrid() volume.Grid {
	return volume.Grid{Shape: [3]int{12, 10, 8}, Affine: volume.Affine{{3}, {0, 3}, {0, 0, 3}, {3: 1}}}
}

func (f *newFolder) volume(name string, at func(i int) float32) {
	g := smallGrid()
	data := make([]float32, g.Voxels())
	for i := range data {
		data[i] = at(i)
	}
	if err := volume.WriteImage(f.path(name), &volume.Image{Grid: g, Data: data}, volume.Float32); err != nil {
		f.t.Fatal(err)
	}
}

// scan looks like CT, with air around.
func (f *newFolder) scan(name string) {
	f.volume(name, func(i int) float32 {
		if i%12 < 2 {
			return -1000
		}
		return float32(i*37%211) - 50
	})
}

// labels draws the values 1 to n in blocks; kidneys, 2 and 3, lie on their sides.
func (f *newFolder) labels(name string, n int) {
	f.volume(name, func(i int) float32 {
		x, y := i%12, i/12%10
		if v := 1 + y/2; v <= n && x >= 2 && (v == 3 && x >= 7 || v == 2 && x < 6 || v != 2 && v != 3) {
			return float32(v)
		}
		return 0
	})
}

// one draws one structure.
func (f *newFolder) one(name string, row int) {
	f.volume(name, func(i int) float32 {
		if i/12%10 == row && i%12 > 3 {
			return 1
		}
		return 0
	})
}

// half draws one structure on the left or on the right.
func (f *newFolder) half(name string, left bool) {
	f.volume(name, func(i int) float32 {
		if i/12%10 == 1 && (i%12 < 5) == left {
			return 1
		}
		return 0
	})
}

const abdomen = `{"background":0,"liver":1,"left kidney":2,"right kidney":3,"spleen":4}`

// Every usual layout goes from its folder to a corpus and its export: told,
// reviewed, taken in, read whole, built, gated, exported.
func TestDatasetsAddLayouts(t *testing.T) {
	ids := []string{"001", "002", "017"}
	for name, c := range map[string]struct {
		make    func(f *newFolder)
		args    []string
		base    string
		classes int
		scans   int
		left    int // files that are no part of it
		absent  bool
	}{
		"nnU-Net 2": {func(f *newFolder) {
			for _, id := range ids {
				f.scan("imagesTr/a_" + id + "_0000.nii.gz")
				f.labels("labelsTr/a_"+id+".nii.gz", 4)
			}
			f.scan("imagesTs/a_400_0000.nii.gz")
			f.text("dataset.json", `{"channel_names":{"0":"CT"},"labels":`+abdomen+`,"file_ending":".nii.gz","numTraining":3}`)
		}, nil, "Dataset007_Abdomen", 5, 3, 1, false},
		"nnU-Net 2, regions and two sequences": {func(f *newFolder) {
			for _, id := range ids {
				f.scan("imagesTr/a_" + id + "_0000.nii.gz")
				f.scan("imagesTr/a_" + id + "_0001.nii.gz")
				f.labels("labelsTr/a_"+id+".nii.gz", 2)
			}
			f.text("dataset.json", `{"channel_names":{"0":"T1","1":"FLAIR"},"labels":{"background":0,"liver":[1,2],"gallbladder":2},"regions_class_order":[1,2],"file_ending":".nii.gz","numTraining":3}`)
		}, nil, "Dataset008_MR", 2, 6, 0, false},
		"Decathlon, lists alone say which mask": {func(f *newFolder) {
			for i, id := range []string{"alpha", "beta", "gamma"} {
				f.scan("pictures/" + id + ".nii.gz")
				f.labels(fmt.Sprintf("drawn/%c.nii.gz", 'x'+i), 4)
			}
			f.text("dataset.json", `{"modality":{"0":"CT"},"licence":"CC-BY-SA 4.0","labels":{"0":"background","1":"liver","2":"left kidney","3":"right kidney","4":"spleen"},"training":[
				{"image":"./pictures/alpha.nii.gz","label":"./drawn/z.nii.gz"},{"image":"./pictures/beta.nii.gz","label":"./drawn/x.nii.gz"},{"image":"./pictures/gamma.nii.gz","label":"./drawn/y.nii.gz"}],"test":["./pictures/delta.nii.gz"]}`)
		}, nil, "Task20_Mine", 5, 3, 1, false},
		"BIDS with sessions": {func(f *newFolder) {
			for _, id := range ids {
				for _, s := range []string{"01", "02"} {
					f.scan("sub-" + id + "/ses-" + s + "/anat/sub-" + id + "_ses-" + s + "_T2w.nii.gz")
					f.text("sub-"+id+"/ses-"+s+"/anat/sub-"+id+"_ses-"+s+"_T2w.json", "{}")
					f.labels("derivatives/manual/sub-"+id+"/ses-"+s+"/anat/sub-"+id+"_ses-"+s+"_desc-organs_dseg.nii.gz", 4)
				}
			}
			f.text("derivatives/manual/desc-organs_dseg.tsv", "index\tname\n1\tliver\n2\tleft kidney\n3\tright kidney\n4\tspleen\n")
			f.text("dataset_description.json", `{"Name":"x","BIDSVersion":"1.10.0","License":"CC0"}`)
		}, nil, "mine_bids", 5, 6, 7, false},
		"one file a structure, some missing": {func(f *newFolder) {
			for i, id := range ids {
				f.scan("s" + id + "/ct.nii.gz")
				for row, s := range []string{"liver", "kidney_left", "kidney_right"} {
					if i != 1 || s != "liver" {
						f.one("s"+id+"/segmentations/"+s+".nii.gz", row)
					}
				}
			}
			f.text("meta.csv", "image_id;age\n")
		}, nil, "Whole", 4, 3, 1, true},
		"a folder for each structure, label maps among them": {func(f *newFolder) {
			for i, id := range ids {
				f.scan("images/" + id + ".nii.gz")
				f.half("kidney_left/"+id+".nii.gz", true)
				f.half("kidney_right/"+id+".nii.gz", false)
				if i != 1 {
					f.one("liver/"+id+".nii.gz", 5)
				}
				f.labels("all/"+id+".nii.gz", 4)
			}
		}, nil, "Parallel", 4, 3, 3, true},
		"a folder for all structures": {func(f *newFolder) {
			for _, id := range ids {
				f.scan("ct/" + id + ".nii.gz")
				f.one("masks/"+id+"_liver.nii.gz", 5)
				f.one("masks/"+id+"_spleen.nii.gz", 2)
			}
		}, nil, "Flat", 2, 3, 0, false},
		"structures that somebody says": {func(f *newFolder) {
			for _, id := range ids {
				f.scan("x/" + id + "_a.nii.gz")
				f.one("x/"+id+"_liver.nii.gz", 5)
				f.one("x/"+id+"_pericardial_sac.nii.gz", 5)
			}
		}, []string{"--image", "Said/x/{case}_a.nii.gz", "--mask", "Said/x/{case}_{structure}.nii.gz", "--modality", "ct"}, "Said", 2, 3, 0, false},
		"one structure, told by what files hold": {func(f *newFolder) {
			for _, id := range ids {
				f.scan("volumes/" + id + ".nii.gz")
				f.one("aorta/"+id+".nii.gz", 3)
			}
		}, nil, "Größe 数据", 1, 3, 0, false},
		"splits, a table beside": {func(f *newFolder) {
			for _, id := range ids {
				for _, s := range []string{"train", "val"} {
					f.scan(s + "/images/" + s + id + ".nii.gz")
					f.labels(s+"/labels/"+s+id+".nii.gz", 4)
				}
			}
			f.text("label_names.txt", "1 liver\n2 left kidney\n3 right kidney\n4 spleen\n")
		}, nil, "Split", 5, 6, 0, false},
		"CT and MR in one folder": {func(f *newFolder) {
			for _, id := range ids {
				for _, m := range []string{"CT", "MR"} {
					f.scan(m + "/case" + id + "/image.nii.gz")
					f.labels(m+"/case"+id+"/label.nii.gz", 4)
				}
			}
			f.text("labels.tsv", "value\tname\n1\tliver\n2\tleft kidney\n3\tright kidney\n4\tspleen\n")
		}, []string{"--modality", "mri"}, "Both", 5, 3, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := folderOf(t, c.base)
			c.make(f)
			records, work := filepath.Join(t.TempDir(), "records"), t.TempDir()
			code, out, errs := satgraph(t, append([]string{"datasets", "add", f.dir, "--catalog", records, "--name", "New", "--json"}, c.args...)...)
			var doc addDocument
			if err := json.Unmarshal([]byte(out), &doc); err != nil {
				t.Fatalf("exit code %d, %v, %s", code, err, errs)
			}
			left := 0
			for _, l := range doc.Left {
				left += max(1, l.Files)
			}
			if len(doc.Dataset.Recipes) != c.classes || doc.Scans != c.scans || left != c.left || len(doc.Open) > 0 || doc.Check.Failed > 0 || doc.Dataset.Masks.Absent != c.absent {
				t.Fatalf("exit code %d: %d classes, %d scans, left %v, open %v, check %+v", code, len(doc.Dataset.Recipes), doc.Scans, doc.Left, doc.Open, doc.Check)
			}
			parent := filepath.Dir(f.dir)
			if code, _, errs = satgraph(t, "corpus", "build", "--catalog", records, "--raw", parent, "-o", filepath.Join(work, "corpus")); code != exitDone {
				t.Fatalf("build: exit code %d, %s", code, errs)
			}
			// A draft, and a licence that nobody has looked up, stop a release.
			gates := []string{"corpus", "gates", "--corpus", filepath.Join(work, "corpus"), "--catalog", records, "--gate", "licence", "--gate", "draft-record"}
			if code, out, _ = satgraph(t, gates...); code != exitRefused || !strings.Contains(out, "its record is a draft") || !strings.Contains(out, "New: nobody has looked its licence up") || strings.Contains(out, "AbdomenCT1K") {
				t.Errorf("gates: exit code %d, %s", code, out)
			}
			text, err := os.ReadFile(doc.Record)
			if err != nil {
				t.Fatal(err)
			}
			reviewed := strings.Replace(string(text), "draft: true\n", "", 1)
			at := strings.Index(reviewed, "licence:")
			end := at + strings.Index(reviewed[at:], "\n")
			reviewed = reviewed[:at] + `licence: {id: CC0-1.0, reference: "https://example.org/terms"}` + reviewed[end:]
			if err := os.WriteFile(doc.Record, []byte(reviewed), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, out, _ = satgraph(t, gates...); code != exitDone {
				t.Errorf("gates of the reviewed record: exit code %d, %s", code, out)
			}
			code, out, errs = satgraph(t, "datasets", "check", "New", "--catalog", records, "--raw", parent, "--json")
			var check checkDocument
			if err := json.Unmarshal([]byte(out), &check); err != nil || check.Datasets[0].Scans != c.scans || check.Datasets[0].Failed > 0 {
				t.Errorf("check: exit code %d, %v, %s%s", code, err, out, errs)
			}
			code, _, errs = satgraph(t, "corpus", "export", filepath.Join(work, "corpus"), "--catalog", records, "--strict-licence", "--format", "monai", "--overlap", "regions", "--leave-out-partial", "-o", filepath.Join(work, "monai"))
			if code != exitDone {
				t.Errorf("export: exit code %d, %s", code, errs)
			}
		})
	}
}

// What cannot be told, and what is broken, is named; nothing is left half-written.
func TestDatasetsAddHostile(t *testing.T) {
	made := func(write func(f *newFolder)) string {
		f := folderOf(t, "Odd")
		if err := os.MkdirAll(f.dir, 0o750); err != nil {
			t.Fatal(err)
		}
		write(f)
		return f.dir
	}
	pairs := func(f *newFolder) {
		for i := range 8 {
			f.scan(fmt.Sprintf("imagesTr/a_%03d_0000.nii.gz", i))
			f.labels(fmt.Sprintf("labelsTr/a_%03d.nii.gz", i), 4)
		}
		f.text("dataset.json", `{"channel_names":{"0":"CT"},"labels":`+abdomen+`,"file_ending":".nii.gz","numTraining":8}`)
	}
	for name, c := range map[string]struct {
		make func(f *newFolder)
		code int
		says []string
	}{
		"an empty folder": {func(*newFolder) {}, exitUsage, []string{"no file below", "--image and --mask"}},
		"no masks":        {func(f *newFolder) { f.scan("a.nii.gz"); f.scan("b.nii.gz") }, exitUsage, []string{"2 images and 0 masks"}},
		"two masks an image": {func(f *newFolder) {
			for i := range 3 {
				f.scan(fmt.Sprintf("ct/%d.nii.gz", i))
				f.labels(fmt.Sprintf("mask_r1/%d.nii.gz", i), 4)
				f.labels(fmt.Sprintf("mask_r2/%d.nii.gz", i), 4)
			}
		}, exitUsage, []string{"several masks", "--mask 'Odd/mask_r1/{case}.nii.gz'", "Odd/mask_r2/{case}.nii.gz"}},
		"two drawings of a structure": {func(f *newFolder) {
			for i := range 3 {
				f.scan(fmt.Sprintf("ct/%d.nii.gz", i))
				f.one(fmt.Sprintf("mask_r1/%d.nii.gz", i), 4)
				f.one(fmt.Sprintf("mask_r2/%d.nii.gz", i), 4)
			}
		}, exitUsage, []string{"several masks that show much the same", "mask_r1/0.nii.gz and Odd/mask_r2/0.nii.gz", "{structure}"}},
		"sides exchanged in files of structures": {func(f *newFolder) {
			for i := range 3 {
				f.scan(fmt.Sprintf("s%d/ct.nii.gz", i))
				f.half(fmt.Sprintf("s%d/masks/kidney_left.nii.gz", i), false)
				f.half(fmt.Sprintf("s%d/masks/kidney_right.nii.gz", i), true)
			}
		}, exitPartial, []string{"open: kidney_left: called left, but it lies on the right of kidney_right"}},
		"a value that one mask of a structure alone has": {func(f *newFolder) {
			for i := range 3 {
				f.scan(fmt.Sprintf("ct/%d.nii.gz", i))
				f.one(fmt.Sprintf("liver/%d.nii.gz", i), 4)
				f.one(fmt.Sprintf("spleen/%d.nii.gz", i), 2)
			}
			f.volume("spleen/1.nii.gz", func(i int) float32 { return float32(i % 2 * 9) })
		}, exitPartial, []string{"spleen/{case}.nii.gz{1}", "ct/1.nii.gz: Odd/spleen/1.nii.gz: a value that no label of the record has: 9 (480 voxels)"}},
		"archives": {func(f *newFolder) { f.text("a.zip", "PK"); f.text("b.npz", "PK") }, exitUsage, []string{"no volume below", "1 of .npz, 1 of .zip", "unpack"}},
		"two modalities": {func(f *newFolder) {
			for i := range 3 {
				for _, m := range []string{"CT", "MR"} {
					f.scan(fmt.Sprintf("%s/%d/image.nii.gz", m, i))
					f.labels(fmt.Sprintf("%s/%d/label.nii.gz", m, i), 4)
				}
			}
		}, exitUsage, []string{"--modality", "ct (", "mri ("}},
		"a document cut short": {func(f *newFolder) { pairs(f); f.text("dataset.json", `{"labels": {"liver": 1, `) }, exitUsage, []string{"dataset.json", "cut short"}},
		"nothing has a name": {func(f *newFolder) { pairs(f); _ = os.Remove(f.path("dataset.json")) }, exitPartial, []string{
			"open: value 1, value 2, value 3, value 4: it has no name", "--labels FILE",
		}},
		"broken files": {func(f *newFolder) {
			pairs(f)
			small := volume.Grid{Shape: [3]int{12, 10, 7}, Affine: smallGrid().Affine}
			moved := smallGrid()
			moved.Affine[0][3] = 50
			for i, g := range []volume.Grid{small, moved} {
				if err := volume.WriteImage(f.path(fmt.Sprintf("labelsTr/a_%03d.nii.gz", i)), &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}, volume.Uint8); err != nil {
					f.t.Fatal(err)
				}
			}
			_ = os.Remove(f.path("labelsTr/a_002.nii.gz"))
			f.text("labelsTr/a_003.nii.gz", "no gzip at all")
			whole, err := os.ReadFile(f.path("imagesTr/a_004_0000.nii.gz"))
			if err != nil {
				f.t.Fatal(err)
			}
			f.text("imagesTr/a_004_0000.nii.gz", string(whole[:len(whole)/2]))
			f.volume("labelsTr/a_005.nii.gz", func(i int) float32 { return float32(i % 2 * 99) })
			f.labels("labelsTr/a_900.nii.gz", 4)
			f.scan("imagesTr/{odd}.nii.gz")
			f.text(".git/a.nii.gz", "")
			f.text("._a.nii.gz", "")
			for _, link := range [][2]string{{"..", "up"}, {".", "self"}, {"imagesTr", "again"}, {"nowhere", "gone.nii.gz"}} {
				if err := os.Symlink(link[0], f.path(link[1])); err != nil {
					f.t.Fatal(err)
				}
			}
		}, exitPartial, []string{
			"a_000_0000.nii.gz: Odd/labelsTr/a_000.nii.gz: the mask does not lie on the image's grid",
			"a_001_0000.nii.gz: Odd/labelsTr/a_001.nii.gz: the mask does not lie on the image's grid",
			"a_002_0000.nii.gz: Odd/labelsTr/a_002.nii.gz: file is missing", "labelsTr/a_003.nii.gz: not a NIfTI file", "a_004_0000.nii.gz: file is truncated",
			"open: value 99", "8 scans (layout release), 5 failed",
			"left out: 1, a mask without an image, such as Odd/labelsTr/a_900.nii.gz", "left out: 1, an image whose mask is missing", "left out: 1, a name with a character",
			"left out: 2, hidden", "left out: 3, a link to a folder that is looked at already", "left out: 1, a link to what is not there",
		}},
	} {
		out := filepath.Join(t.TempDir(), "Odd.yaml")
		code, text, errs := satgraph(t, "datasets", "add", made(c.make), "-o", out, "--scans", "8")
		for _, want := range c.says {
			if !strings.Contains(text+errs, want) {
				t.Errorf("%s: %q is not in\n%s%s", name, want, text, errs)
			}
		}
		if _, err := os.Stat(out); code != c.code || (err == nil) != (c.code == exitPartial) {
			t.Errorf("%s: exit code %d, want %d; written: %v", name, code, c.code, err == nil)
		}
	}
}

// At a terminal the curator is asked what files do not say.
func TestDatasetsAddAsks(t *testing.T) {
	f := folderOf(t, "Asked")
	for i := range 3 {
		f.volume(fmt.Sprintf("img/img%d.nii.gz", i), func(i int) float32 { return float32(i * 37 % 211) })
		f.labels(fmt.Sprintf("label/label%d.nii.gz", i), 2)
	}
	out := filepath.Join(t.TempDir(), "Asked.yaml")
	s := startTerminal(t, 120, 60, nil, "datasets", "add", f.dir, "-o", out)
	for _, step := range [][2]string{
		{"Modality", "mri\r"},
		{"Is that right?", "\r"},
		{"value 1", "xyzzyq\r"},
		{"nothing is called so", "spleen\r"},
		{"taken for", "gallbladdr\r"},
		{"SPDX", "CC0-1.0\r"},
		{"(URL)", "https://example.org/terms\r"},
		{"no draft", "y\r"},
	} {
		s.sees(step[0])
		s.keys(step[1])
	}
	if code, written := s.ends(); code != exitDone {
		t.Fatalf("exit code %d: %s", code, written)
	}
	d, err := catalog.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if d.Draft || d.Modality != catalog.MRI || d.Licence.ID != "CC0-1.0" || !slices.Equal(d.Classes(), []string{"gallbladder", "spleen"}) || d.Labels[1].Name != "gall bladder" {
		t.Errorf("got %+v", d)
	}
}
