package kinds_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/export/index"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/datasets/standard"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
	"satgraph/volume"
)

// childEnv tells the test's own binary, started once more, where to work, and
// killEnv after how many units to end without a word.
const (
	childEnv = "SATGRAPH_TEST_KINDS"
	killEnv  = "SATGRAPH_TEST_KILL"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		work(dir, os.Getenv(killEnv))
		return
	}
	os.Exit(m.Run())
}

// placesIn are those of a test's folder.
func placesIn(dir string) *kinds.Places {
	c, err := catalog.Builtin()
	if err != nil {
		panic(err)
	}
	return &kinds.Places{
		Raw:     map[string]string{"raw": filepath.Join(dir, "raw")},
		Corpora: filepath.Join(dir, "corpora"), Exports: filepath.Join(dir, "exports"), Catalog: c,
	}
}

// killed is a kind whose process ends at a unit of its work.
type killed struct {
	jobs.Kind
	at string // "PHASE DONE"
}

func (k killed) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	inner := *t
	inner.Update = func(change func(*jobs.Status)) {
		t.Update(func(s *jobs.Status) {
			change(s)
			if fmt.Sprint(s.Phase, " ", s.Done) == k.at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				time.Sleep(time.Minute)
			}
		})
	}
	return k.Kind.Run(ctx, &inner)
}

func onlyIndex(*kinds.ExportParams) (export.Format, map[string]string, error) {
	return index.New(), nil, nil
}

func open(dir, kill string) (*jobs.Runner, error) {
	all := placesIn(dir).Kinds(kinds.Options{Workers: 1, Program: "test", Formats: onlyIndex, Wholes: func() (map[string][]string, error) { return nil, nil }})
	for name := range all {
		all[name] = killed{all[name], kill}
	}
	return jobs.Open(jobs.Config{Dir: filepath.Join(dir, "jobs"), Kinds: all, Parallel: -1, Beside: 1, Retry: kinds.Retriable})
}

// work does the jobs of a folder until it is killed.
func work(dir, kill string) {
	r, err := open(dir, kill)
	if err != nil {
		panic(err)
	}
	time.Sleep(2 * time.Minute)
	_ = r.Close()
}

// rawData writes the raw files of some datasets, a scan each.
func rawData(t *testing.T, dir string) []string {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"MSD_Spleen", "MSD_Lung", "SegTHOR", "MSD_Liver", "MSD_Pancreas"}
	for _, name := range names {
		d, _ := c.Dataset(name)
		if _, err := rawtest.Write(filepath.Join(dir, "raw"), d, d.Layouts[0].Names[0], rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// scanIn writes a scan of noise.
func scanIn(t *testing.T, dir string) string {
	t.Helper()
	g := volume.Grid{Shape: [3]int{20, 24, 16}, Affine: volume.Affine{{2, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 4, 0}, {3: 1}}}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32((i*7919)%2000 - 500)
	}
	path := filepath.Join(dir, "scan.nii.gz")
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	return path
}

func submit(t *testing.T, r *jobs.Runner, request jobs.Request, p any) string {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	request.Params = text
	j, err := r.Submit(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return j.ID
}

func wait(t *testing.T, r *jobs.Runner, id string) jobs.Job {
	t.Helper()
	changes, err := r.Subscribe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var last jobs.Job
	for j := range changes {
		last = j
	}
	if last.State != jobs.Done || last.Done != last.Total || last.Total == 0 {
		t.Fatalf("%s: %s, %d of %d, %+v", last.Request.Kind, last.State, last.Done, last.Total, last.Failure)
	}
	return last
}

// content is the hash of every file below a folder, but for what says when it was
// made.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "manifest.jsonl" { // which has times
			return err
		}
		text, err := fs.ReadFile(os.DirFS(dir), name)
		sum := sha256.Sum256(text)
		all[name] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The work of each kind, killed in the middle, ends with the same bytes as work
// that nothing disturbed.
func TestKilledWorkGoesOn(t *testing.T) {
	type result struct {
		job   jobs.Job
		bytes map[string]string
	}
	standardized := kinds.StandardizeParams{Modality: inference.CT, Spacing: standard.SAT().Spacing}
	do := func(dir string, kill map[string]string) map[string]result {
		names := rawData(t, dir)
		scan := scanIn(t, dir)
		places := placesIn(dir)
		out := map[string]result{}
		for _, one := range []struct {
			request jobs.Request
			params  any
			made    func(j *jobs.Job) string
		}{
			{jobs.Request{Kind: kinds.Standardize, ImagePath: scan, ImageID: "scan"}, standardized, nil},
			{
				jobs.Request{Kind: kinds.Build},
				kinds.BuildParams{Name: "all", Datasets: names, Spacing: [3]float64{0.5, 0.5, 0.5}, Labels: standard.Nearest},
				func(*jobs.Job) string { return filepath.Join(places.Corpora, "all") },
			},
			{jobs.Request{Kind: kinds.Measure}, kinds.MeasureParams{Corpus: "all"}, func(*jobs.Job) string { return filepath.Join(places.Corpora, "all") }},
			{jobs.Request{Kind: kinds.Export}, kinds.ExportParams{Corpus: "all", Format: "index"}, nil},
			{
				jobs.Request{Kind: kinds.Export, Priority: jobs.High},
				kinds.ExportParams{Corpus: "all", Format: "index", Name: "v1"},
				func(*jobs.Job) string { return filepath.Join(places.Exports, "v1") },
			},
		} {
			if at := kill[one.request.Kind]; at != "" {
				r, err := jobs.Open(jobs.Config{Dir: filepath.Join(dir, "jobs"), Parallel: -1}) // takes in and does nothing
				if err != nil {
					t.Fatal(err)
				}
				submit(t, r, one.request, one.params)
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), childEnv+"="+dir, killEnv+"="+at)
				text, err := child.CombinedOutput()
				if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:forcetypeassert // it is one on Unix
					t.Fatalf("%s was not killed: %v\n%s", one.request.Kind, err, text)
				}
			}
			r, err := open(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			var id string
			if kill[one.request.Kind] == "" {
				id = submit(t, r, one.request, one.params)
			} else {
				entries, _ := r.List(t.Context(), jobs.Filter{States: []jobs.State{jobs.Queued, jobs.Running}}, "", 10)
				if len(entries.Jobs) != 1 {
					t.Fatalf("%d jobs are under way", len(entries.Jobs))
				}
				id = entries.Jobs[0].ID
			}
			j := wait(t, r, id)
			own, err := r.ResultFolder(t.Context(), j.ID)
			if err != nil {
				t.Fatal(err)
			}
			if one.made != nil {
				own = one.made(&j)
			}
			out[fmt.Sprint(one.request.Kind, one.request.Priority)] = result{j, content(t, own)}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	want := do(t.TempDir(), nil)
	got := do(t.TempDir(), map[string]string{kinds.Standardize: "write 0", kinds.Build: "build 3", kinds.Measure: "measure 2", kinds.Export: "export 3"})
	for name, w := range want {
		g := got[name]
		if g.job.Starts != 2 || w.job.Starts != 1 {
			t.Errorf("%s was started %d times, undisturbed %d", name, g.job.Starts, w.job.Starts)
		}
		if len(w.bytes) == 0 || fmt.Sprint(g.bytes) != fmt.Sprint(w.bytes) {
			t.Errorf("%s: killed it gives %v\nundisturbed %v", name, g.bytes, w.bytes)
		}
	}
	// It went on with the scan at hand.
	built, _ := kinds.OutputOf[kinds.Built](new(got[kinds.Build+"0"].job))
	if built.Unchanged < 3 || built.Scans != 5 || built.Failed != 0 {
		t.Errorf("the build began anew: %+v", built)
	}
}

// Names reach what the operator gave and nothing else.
func TestNamesStayInTheirPlaces(t *testing.T) {
	dir := t.TempDir()
	rawData(t, dir)
	p := placesIn(dir)
	outside := filepath.Join(dir, "secret")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "corpora", "real"), 0o750),
		os.MkdirAll(outside, 0o750),
		os.WriteFile(filepath.Join(outside, "manifest.jsonl"), nil, 0o600),
		os.WriteFile(filepath.Join(outside, "labels.txt"), []byte("liver\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "raw", "labels.txt"), []byte("liver\n"), 0o600),
		os.Symlink(outside, filepath.Join(dir, "raw", "link")),
	); err != nil {
		t.Fatal(err)
	}
	build := kinds.BuildParams{Name: "ok", Spacing: [3]float64{1, 1, 3}, Labels: standard.Nearest}
	if err := p.CheckBuild(&build); err != nil {
		t.Fatal(err)
	}
	if err := p.CheckImport(&kinds.ImportParams{Path: "labels.txt"}); err != nil {
		t.Fatal(err)
	}
	mistaken := func(what string, err error, argument string) {
		t.Helper()
		if m, ok := errors.AsType[*kinds.MistakeError](err); !ok || m.Argument != argument || strings.Contains(m.Message, dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../secret", "a/b", "/etc", `a\b`, "a\x00b", ".hidden", "-rf", strings.Repeat("a", 101), "ä"} {
		b := build
		b.Name = name
		mistaken("build "+name, p.CheckBuild(&b), "name")
		_, err := p.CheckExport(&kinds.ExportParams{Corpus: name, Format: "index"}, onlyIndex)
		mistaken("export of "+name, err, "corpus")
		if name == "" {
			continue
		}
		_, err = p.CheckExport(&kinds.ExportParams{Corpus: "real", Format: "index", Name: name}, onlyIndex)
		mistaken("export to "+name, err, "name")
	}
	for _, path := range []string{"", "../secret/labels.txt", "/etc/passwd", "link/labels.txt", "link", "a/../../secret", "no.txt", "a\x00b"} {
		mistaken("import of "+path, p.CheckImport(&kinds.ImportParams{Path: path}), "path")
	}
	b := build
	b.Raw = "../raw"
	mistaken("raw", p.CheckBuild(&b), "raw")
	b = build
	b.Datasets = []string{"../x"}
	mistaken("datasets", p.CheckBuild(&b), "datasets")
	mistaken("no folder", (&kinds.Places{Corpora: dir}).CheckBuild(&build), "raw")

	// Of what a job gave, files in its folder alone are opened.
	own := filepath.Join(dir, "own")
	if err := errors.Join(os.MkdirAll(own, 0o750), os.WriteFile(filepath.Join(own, "image.nii.gz"), []byte("x"), 0o600), os.Symlink(filepath.Join(outside, "labels.txt"), filepath.Join(own, "out.txt"))); err != nil {
		t.Fatal(err)
	}
	j := &jobs.Job{State: jobs.Done, Request: jobs.Request{Kind: kinds.Standardize}}
	f, err := p.Open(j, own, "image.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	for _, name := range []string{"", ".", "..", "../secret/labels.txt", "out.txt", "/etc/passwd", "no"} {
		if f, err := p.Open(j, own, name); !errors.Is(err, kinds.ErrGone) {
			t.Errorf("%q was opened: %v, %v", name, f, err)
		}
	}
}
