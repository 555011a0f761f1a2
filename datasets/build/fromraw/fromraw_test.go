package fromraw_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/build"
	"satgraph/datasets/build/fromraw"
	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/datasets/standard"
)

// generate writes a tiny tree of every dataset of the catalog, or of some.
func generate(t *testing.T, names ...string) (root string, sets []*catalog.Dataset, scans int) {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	for _, d := range c.Datasets() {
		if len(names) > 0 && !slices.Contains(names, d.Name) {
			continue
		}
		sets = append(sets, d)
		written, err := rawtest.Write(root, d, d.Layouts[0].Names[0], rawtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		scans += len(written)
	}
	return root, sets, scans
}

func run(t *testing.T, s *fromraw.Source, dir string, settings standard.Settings) *build.Report {
	t.Helper()
	r, err := build.Run(context.Background(), s, build.Options{Dir: dir, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every dataset of the catalog, from files in its raw layout to a corpus whose
// masks hold, put back into the scan, what the recipes make of the files.
func TestAllDatasets(t *testing.T) {
	root, sets, want := generate(t)
	dir := t.TempDir()
	source := &fromraw.Source{Root: root, Datasets: sets}
	fine := standard.SAT()
	fine.Spacing = [3]float64{0.3, 0.3, 0.3} // no finer than any of the files, so that no voxel is lost
	r := run(t, source, dir, fine)
	for _, f := range r.Failures {
		t.Errorf("%s: %s", f.Scan, f.Reason)
	}
	if len(source.Missing) > 0 || r.Built < want {
		t.Errorf("%d scans of %d; missing %v", r.Built, want, source.Missing)
	}
	c, err := build.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*catalog.Dataset{}
	for _, d := range sets {
		byName[d.Name] = d
	}
	for _, e := range c.Scans {
		compare(t, root, byName[e.Dataset], c, e)
	}
	if again := run(t, source, dir, fine); again.Unchanged != r.Built || again.Version.Hash != r.Version.Hash {
		t.Errorf("again: %d of %d unchanged", again.Unchanged, r.Built)
	}
}

// As published, in the orientations of the published loader.
func TestAsPublished(t *testing.T) {
	root, sets, _ := generate(t)
	set := standard.SAT()
	set.AsPublished = true
	o := rawdata.Options{AsPublished: true}
	o.Rectify = true
	dir := t.TempDir()
	r := run(t, &fromraw.Source{Root: root, Datasets: sets, Options: o}, dir, set)
	// The generated images of KiPA22, 1024 subtracted as its record says, have no
	// voxel above 0.
	if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].Scan, "KiPA22/") || !strings.Contains(r.Failures[0].Reason, standard.ErrNothing.Error()) {
		t.Errorf("%+v", r.Failures)
	}
	c, err := build.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// MyoPS2020 is not turned at all.
	want := map[string]string{"BTCV_Cervix": "LPS", "VerSe": "ASR", "MRSpineSeg": "ASR", "ToothFairy": "IPL", "MyoPS2020": "LAS"}
	for _, e := range c.Scans {
		s, err := c.Scan(e)
		if err != nil {
			t.Fatal(err)
		}
		g := s.Transform.Grid()
		if want := cmp.Or(want[e.Dataset], "RAS"); g.Orientation() != want || s.Settings.Orientation != want {
			t.Errorf("%s: orientation %s, want %s", e.Name(), g.Orientation(), want)
		}
	}
}

// compare holds a scan of the corpus against what rawdata reads of its files.
func compare(t *testing.T, root string, d *catalog.Dataset, c *build.Corpus, e *build.Entry) {
	t.Helper()
	ctx := context.Background()
	from, err := rawdata.Open(ctx, root, d, rawdata.Options{NoImage: true})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := from.Cases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Scan(e)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.OpenMasks()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for i := range cases {
		if cases[i].ID() != e.ID {
			continue
		}
		raw, err := from.Read(ctx, cases[i])
		if err != nil {
			t.Fatal(err)
		}
		if len(raw.Masks) != len(f.Classes()) {
			t.Errorf("%s: %d classes, the files give %d", e.Name(), len(f.Classes()), len(raw.Masks))
		}
		for _, want := range raw.Masks {
			m, err := f.Read(want.Class)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Transform.Restore(m)
			if err != nil {
				t.Fatal(err)
			}
			n := want.Bits.Count()
			if err := want.Bits.Subtract(got); err != nil {
				t.Fatal(err)
			}
			if left := want.Bits.Count(); left > 0 || got.Count() != n {
				t.Errorf("%s, %s: of %d voxels %d did not come back, %d came", e.Name(), want.Class, n, left, got.Count())
			}
		}
		return
	}
	t.Errorf("%s: no such case", e.Name())
}

// What is wrong with files is listed with its reason, and the rest goes on.
func TestFaultyFiles(t *testing.T) {
	root, some, _ := generate(t, "MSD_Spleen", "MSD_Lung", "SegTHOR")
	if err := errors.Join(
		os.Remove(filepath.Join(root, "MSD/Task09_Spleen/labelsTr/spleen_10.nii.gz")),
		// A mask whose image was never there, or is lost.
		os.WriteFile(filepath.Join(root, "MSD/Task09_Spleen/labelsTr/spleen_11.nii.gz"), nil, 0o600),
		os.Truncate(filepath.Join(root, "MSD/Task06_Lung/labelsTr/lung_001.nii.gz"), 60)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := run(t, &fromraw.Source{Root: root, Datasets: some}, dir, standard.SAT())
	if r.Built != r.Scans-3 || len(r.Failures) != 3 {
		t.Errorf("%+v", r)
	}
	for _, f := range r.Failures {
		want := rawdata.ErrMissing.Error()
		switch {
		case strings.HasPrefix(f.Scan, "MSD_Lung"):
			want = "truncated"
		case strings.HasSuffix(f.Scan, "spleen_11.nii.gz"):
			want = "imagesTr/spleen_11.nii.gz: " + want
		}
		if !strings.Contains(f.Reason, want) {
			t.Errorf("%s: %s, want %q", f.Scan, f.Reason, want)
		}
	}

	// A dataset that is not there: passed by, or a failure where it was asked for.
	source := &fromraw.Source{Root: t.TempDir(), Datasets: some, Asked: true}
	if r := run(t, source, t.TempDir(), standard.SAT()); len(r.Failures) != 3 || len(source.Missing) != 0 {
		t.Errorf("asked for: %+v", r)
	}
	source.Asked = false
	if _, err := build.Run(context.Background(), source, build.Options{Dir: t.TempDir(), Settings: standard.SAT()}); !errors.Is(err, rawdata.ErrLayout) {
		t.Errorf("nothing there: %v", err)
	}
}
