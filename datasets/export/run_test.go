package export_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
	"satgraph/datasets/export/index"
	"satgraph/datasets/export/labelmaps"
	"satgraph/datasets/export/monai"
	"satgraph/volume"
)

func regions() export.Format { return monai.New(labelmaps.Settings{Overlap: export.Regions}) }

func refusing() export.Format { return monai.New(labelmaps.Settings{}) }

// tree reads a folder whole.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // a folder of the test's own
		out[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An export that is stopped before each of its scans, and goes on, has the bytes
// of one that never was.
func TestResumedIsTheSame(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Nested)
	whole, report := exporttest.Export(t, regions(), c, export.Options{Format: "monai"})
	dir := filepath.Join(t.TempDir(), "out")
	o := export.Options{Dir: dir, Format: "monai", Program: "satgraph test", Workers: 1}
	for range c.List {
		ctx, cancel := context.WithCancel(t.Context())
		opened := 0
		c.Opened = func(string) {
			if opened++; opened == 2 {
				cancel() // while the second is being written
			}
		}
		_, err := export.Run(ctx, regions(), c, o)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		_, missing := os.Stat(dir)
		if (err == nil) != (missing == nil) {
			t.Fatalf("after %v the target is there: %v", err, missing == nil)
		}
	}
	c.Opened = func(name string) { t.Errorf("%s was read again", name) }
	again, err := export.Run(t.Context(), regions(), c, o)
	if err != nil || again.Hash != report.Hash || again.Resumed != len(c.List) {
		t.Fatalf("%+v, %v; want the hash %s", again, err, report.Hash)
	}
	if !reflect.DeepEqual(tree(t, dir), tree(t, whole)) {
		t.Error("the files differ")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", export.SumsFile)
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A scan that can't be read is named, the others are written, and a second run
// finishes the export with the same bytes.
func TestBrokenScan(t *testing.T) {
	for name, format := range map[string]func() export.Format{"in order": regions, "in any order": refusing} {
		t.Run(name, func(t *testing.T) {
			c := exporttest.New(t, 4, exporttest.Disjoint)
			whole, _ := exporttest.Export(t, format(), c, export.Options{Format: "monai"})
			broken := c.List[1]
			c.Broken[broken.Name()] = errors.New("unreadable gzip")
			o := export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai", Program: "satgraph test"}
			_, err := export.Run(t.Context(), format(), c, o)
			var incomplete *export.IncompleteError
			if !errors.As(err, &incomplete) || incomplete.Done != 3 || len(incomplete.Failed) != 1 ||
				incomplete.Failed[0].Sample != broken.Name() || !strings.Contains(err.Error(), "unreadable gzip") {
				t.Fatalf("the error is %v", err)
			}
			if _, err := os.Stat(o.Dir); err == nil {
				t.Fatal("an export that is not whole is in its place")
			}
			c.Broken = nil
			r, err := export.Run(t.Context(), format(), c, o)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{"in order": 1, "in any order": 3}[name]; r.Resumed != want {
				t.Errorf("%d scans were taken over, want %d", r.Resumed, want)
			}
			if !reflect.DeepEqual(tree(t, o.Dir), tree(t, whole)) {
				t.Error("the files differ")
			}
		})
	}
}

// However many scans are written at the same time, and whichever ends first, the
// bytes are the same, and so is the error where several scans are wrong.
func TestWorkers(t *testing.T) {
	for name, tc := range map[string]struct {
		format  func() export.Format
		classes []string
	}{"in order": {regions, exporttest.Nested}, "in any order": {refusing, exporttest.Disjoint}} {
		t.Run(name, func(t *testing.T) {
			c := exporttest.New(t, 9, tc.classes)
			whole, _ := exporttest.Export(t, tc.format(), c, export.Options{Format: "monai", Workers: 1})
			want := tree(t, whole)
			for _, workers := range []int{2, 5, 20} {
				var done []int
				dir, _ := exporttest.Export(t, tc.format(), c, export.Options{Format: "monai", Workers: workers, Progress: func(p export.Progress) {
					done = append(done, p.Done)
				}})
				if !reflect.DeepEqual(tree(t, dir), want) {
					t.Errorf("%d workers wrote other files", workers)
				}
				if !reflect.DeepEqual(done, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
					t.Errorf("%d workers said %v", workers, done)
				}
			}
		})
	}
	c := exporttest.New(t, 9, exporttest.Nested) // every scan overlaps
	for range 5 {
		_, err := export.Run(t.Context(), refusing(), c, export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai", Workers: 5})
		var overlap *export.OverlapError
		if !errors.As(err, &overlap) || overlap.Sample != c.List[0].Name() {
			t.Errorf("the error is %v", err)
		}
	}
}

// Of scans whose voxels have changed since, those alone are written again.
func TestChangedScan(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Disjoint)
	last := c.List[2]
	c.Broken[last.Name()] = errors.New("not there yet")
	o := export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai", Program: "satgraph test"}
	if _, err := export.Run(t.Context(), refusing(), c, o); err == nil {
		t.Fatal("a scan was missing")
	}
	c.Broken = nil
	c.Images[c.List[0].Name()].Data[0] = 77
	c.List[0].Digest = "changed"
	r, err := export.Run(t.Context(), refusing(), c, o)
	if err != nil || r.Resumed != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	im, err := volume.ReadImage(filepath.Join(o.Dir, "Torso_A", "imagesTr", "Torso_A_case_00.nii.gz"), volume.ReadOptions{})
	if err != nil || im.Data[0] != 77 {
		t.Errorf("the old image is left: %v", err)
	}
}

func TestMaskOnAnotherGrid(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Disjoint)
	s := c.List[1]
	g := c.Images[s.Name()].Grid
	g.Affine[0][3] += 5
	c.Masks[s.Name()]["liver"] = volume.NewBits(g)
	_, err := export.Run(t.Context(), refusing(), c, export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai"})
	if !errors.Is(err, volume.ErrShape) || !strings.Contains(err.Error(), s.Name()) || !strings.Contains(err.Error(), `"liver"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestLicences(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Disjoint)
	c.List[0].Permission, c.List[1].Permission, c.List[1].Licence = export.Forbidden, export.Unknown, ""
	o := export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai", StrictLicence: true}
	_, err := export.Run(t.Context(), refusing(), c, o)
	if !errors.Is(err, export.ErrLicence) || !strings.Contains(err.Error(), "Torso_A") || !strings.Contains(err.Error(), "Torso B/2") {
		t.Errorf("the error is %v", err)
	}
	o.StrictLicence = false
	r, err := export.Run(t.Context(), refusing(), c, o)
	if err != nil || len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0], "forbids") || !strings.Contains(r.Warnings[1], "not recorded") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*exporttest.Corpus, *export.Options)
		want   error
	}{
		"two of one id":      {func(c *exporttest.Corpus, _ *export.Options) { c.List = append(c.List, c.List[0]) }, export.ErrSamples},
		"no modality":        {func(c *exporttest.Corpus, _ *export.Options) { c.List[0].Modality = "" }, export.ErrSamples},
		"a split of its own": {func(c *exporttest.Corpus, _ *export.Options) { c.List[0].Split = "valid" }, export.ErrSamples},
		"classes by case":    {func(c *exporttest.Corpus, _ *export.Options) { c.List[0].Classes[0].Name = "Aorta" }, export.ErrNames},
		"no such dataset":    {func(_ *exporttest.Corpus, o *export.Options) { o.Select.Datasets = []string{"Torso_A", "Torso_C"} }, export.ErrEmpty},
		"none chosen":        {func(_ *exporttest.Corpus, o *export.Options) { o.Select.Splits = []string{export.Validation} }, export.ErrEmpty},
		"two modalities": {func(c *exporttest.Corpus, _ *export.Options) {
			c.List[0].Modality, c.List[1].Dataset, c.List[1].ID = "mri", "Torso_A", "other"
		}, export.ErrMixed},
		"a folder in its place": {func(_ *exporttest.Corpus, o *export.Options) { _ = os.MkdirAll(o.Dir, 0o700) }, export.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			c := exporttest.New(t, 2, exporttest.Disjoint)
			o := export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "monai"}
			tc.change(c, &o)
			if _, err := export.Run(t.Context(), refusing(), c, o); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	n := export.Names{Allowed: "-", Instead: "_"}
	for original, want := range map[string]string{"a b": "a_b", "left  kidney (cyst)": "left_kidney_cyst", "../x": "x"} {
		if got := n.Safe(original); got != want {
			t.Errorf("%q became %q, want %q", original, got, want)
		}
	}
	if got := n.Safe("A/b"); got == "A_b" || !strings.HasPrefix(got, "A_b_") || n.Originals()[got] != "A/b" {
		t.Errorf("A/b became %q", got)
	}
	if got := n.Safe("肝"); len(got) < 8 || n.Originals()[got] != "肝" {
		t.Errorf("a name of other letters became %q", got)
	}
}

// A scan of which nothing is known but its name keeps an export from its
// beginning, with its name, unless it is left out; the split is of the others.
func TestScansThatCannotBeListed(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Disjoint)
	damaged := c.List[1]
	c.Unread = map[string]error{damaged.Name(): errors.New("masks are cut short")}
	damaged.Modality, damaged.Split, damaged.Classes = "", "", nil
	o := export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "index", Select: export.Select{Modalities: []string{"ct"}}}
	src, _, err := export.OnSides(t.Context(), c, export.ByPerson)
	if err != nil {
		t.Fatal(err)
	}
	_, err = export.Run(t.Context(), index.New(), src, o)
	incomplete, ok := errors.AsType[*export.IncompleteError](err)
	if !ok || incomplete.Done != 0 || incomplete.Total != 3 || len(incomplete.Failed) != 1 || incomplete.Failed[0].Sample != damaged.Name() {
		t.Fatalf("the error is %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(o.Dir), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	o.Select.Without = []string{damaged.Name()}
	if r, err := export.Run(t.Context(), index.New(), src, o); err != nil || r.Samples != 2 {
		t.Errorf("left out: %+v, %v", r, err)
	}
}

// An export that is there is not taken for one of scans that have changed since.
func TestExportOfScansThatChanged(t *testing.T) {
	c := exporttest.New(t, 1, exporttest.Disjoint)
	dir, first := exporttest.Export(t, index.New(), c, export.Options{Format: "index"})
	if _, again := exporttest.Export(t, index.New(), c, export.Options{Format: "index", Dir: dir}); again.Hash != first.Hash || again.Resumed != 1 {
		t.Errorf("again: %+v", again)
	}
	c.List[0].Digest = "mended"
	if _, err := export.Run(t.Context(), index.New(), c, export.Options{Format: "index", Dir: dir, Program: "satgraph test"}); !errors.Is(err, export.ErrExists) {
		t.Errorf("the error is %v", err)
	}
}
