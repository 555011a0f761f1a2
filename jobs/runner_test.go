package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
	"satgraph/volume"
)

// scan writes a scan of 24×24×24 voxels of 3 mm: a bright cube of 8×8×8 voxels
// (8³·27 mm³ = 13.824 mL) in its middle.
func scan(t *testing.T) string {
	t.Helper()
	return scanOf(t, 10)
}

// scanOf has another background.
func scanOf(t *testing.T, back float32) string {
	t.Helper()
	const n = 24
	im := &volume.Image{Grid: volume.Grid{Shape: [3]int{n, n, n}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}, Data: make([]float32, n*n*n)}
	for k := range n {
		for j := range n {
			for i := range n {
				v := back
				if min(i, j, k) >= 8 && max(i, j, k) < 16 {
					v = 300
				}
				im.Data[im.Index(i, j, k)] = v
			}
		}
	}
	path := filepath.Join(t.TempDir(), "scan.nii.gz")
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, c jobs.Config) *jobs.Runner {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	r, err := jobs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func submit(t *testing.T, r *jobs.Runner, path string, prompts ...string) jobs.Job {
	t.Helper()
	j, err := r.Submit(t.Context(), jobs.Request{ImageID: "scan", ImagePath: path, Plan: inference.Prompts(inference.CT, prompts...)})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// wait reads a job's changes until it ends, and gives the last one.
func wait(t *testing.T, r *jobs.Runner, id string) jobs.Job {
	t.Helper()
	changes, err := r.Subscribe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var last jobs.Job
	for j := range changes {
		if j.Progress < last.Progress && j.Starts == last.Starts && j.State != jobs.Queued {
			t.Errorf("progress went back from %v to %v", last.Progress, j.Progress)
		}
		last = j
	}
	if !last.State.Final() {
		t.Fatalf("the last change says %s", last.State)
	}
	return last
}

func TestJobIsDoneAndKept(t *testing.T) {
	dir := t.TempDir()
	r := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	id := submit(t, r, scan(t), jobtest.Bright, jobtest.Nothing).ID
	j := wait(t, r, id)
	if j.State != jobs.Done || j.Progress != 1 || j.Failure != nil {
		t.Fatalf("got %s, %v, %+v", j.State, j.Progress, j.Failure)
	}
	if !j.Model.Demo || j.Model.Notice == "" {
		t.Errorf("the notice of the demo model is lost: %+v", j.Model)
	}
	bright, nothing := j.Structures[0], j.Structures[1]
	if bright.Status != inference.Segmented || bright.File == "" {
		t.Fatalf("got %+v", bright)
	}
	if nothing.Status != inference.Absent || nothing.File != "" {
		t.Errorf("got %+v", nothing)
	}
	path, err := r.MaskPath(t.Context(), id, bright.File)
	if err != nil {
		t.Fatal(err)
	}
	mask, err := volume.ReadLabelMap(path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := mask.Mask(1).Count(); got != bright.Voxels || got == 0 {
		t.Errorf("the mask has %d voxels, the job says %d", got, bright.Voxels)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	kept, err := again.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if kept.State != jobs.Done || kept.Structures[0].File != bright.File || kept.Request.Plan.Query != j.Request.Plan.Query {
		t.Errorf("after a restart: %+v", kept)
	}
	if _, err := again.Cancel(t.Context(), id); !errors.Is(err, jobs.ErrFinished) {
		t.Errorf("cancelling an ended job: %v", err)
	}
}

func TestOutcome(t *testing.T) {
	r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	path := scan(t)
	for _, c := range []struct {
		name    string
		prompts []string
		want    jobs.State
	}{
		{"found", []string{jobtest.Bright}, jobs.Done},
		{"looked for and absent", []string{jobtest.Nothing}, jobs.Done},
		{"one not known", []string{jobtest.Bright, "liver"}, jobs.Partial},
		{"none known", []string{"liver", "spleen"}, jobs.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := wait(t, r, submit(t, r, path, c.prompts...).ID)
			if j.State != c.want {
				t.Errorf("got %s, want %s: %+v", j.State, c.want, j.Structures)
			}
			for _, s := range j.Structures {
				if s.Status == jobs.Pending {
					t.Errorf("%s is left pending", s.Term)
				}
			}
		})
	}
}

func TestPlanWithoutCallsIsRefusedAtOnce(t *testing.T) {
	r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	plan := &inference.Plan{Terms: []inference.TermPlan{{Name: "heart", Status: inference.NotSegmentable, Reason: "no class"}}}
	j, err := r.Submit(t.Context(), jobs.Request{Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	got := wait(t, r, j.ID)
	if got.State != jobs.Refused || got.Structures[0].Reason != "no class" {
		t.Errorf("got %+v", got)
	}
}

func TestFailure(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		look func(context.Context) error
		path string
		want string
	}{
		{"the model fails", func(context.Context) error { return boom }, "", "boom"},
		{"the model panics", func(context.Context) error { panic("secret") }, "", "internal error"},
		{"the scan is gone", nil, "nowhere.nii.gz", "nowhere.nii.gz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{Look: c.look}}})
			if c.path == "" {
				c.path = scan(t)
			}
			j := wait(t, r, submit(t, r, c.path, jobtest.Bright).ID)
			if j.State != jobs.Failed || j.Failure == nil || !strings.Contains(j.Failure.Message, c.want) {
				t.Fatalf("got %s, %+v", j.State, j.Failure)
			}
			if strings.Contains(j.Failure.Message, "secret") {
				t.Error("the panic's value is told")
			}
			if s := j.Structures[0]; s.Status != inference.Cancelled {
				t.Errorf("the structure is %s", s.Status)
			}
		})
	}
}

// held makes a model whose runs wait until the test lets go or the job ends.
func held() (m *jobtest.Model, running <-chan struct{}, release func()) {
	in, out := make(chan struct{}, 100), make(chan struct{})
	m = &jobtest.Model{Look: func(ctx context.Context) error {
		in <- struct{}{}
		select {
		case <-out:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	return m, in, func() { close(out) }
}

func TestQueueAndCancel(t *testing.T) {
	model, running, release := held()
	r := open(t, jobs.Config{Waiting: 2, Models: jobtest.Models{Model: model}})
	path := scan(t)
	first := submit(t, r, path, jobtest.Bright)
	<-running
	second, third := submit(t, r, path, jobtest.Bright), submit(t, r, path, jobtest.Dark)
	if second.Position != 1 || third.Position != 2 {
		t.Errorf("positions %d and %d", second.Position, third.Position)
	}
	if _, err := r.Submit(t.Context(), jobs.Request{ImagePath: path, Plan: inference.Prompts(inference.CT, jobtest.Bright)}); !errors.Is(err, jobs.ErrQueueFull) {
		t.Errorf("the third in the queue: %v", err)
	}

	j, err := r.Cancel(t.Context(), second.ID)
	if err != nil || j.State != jobs.Cancelled || j.Structures[0].Status != inference.Cancelled {
		t.Errorf("cancelling what waits: %v, %+v", err, j)
	}
	if j, err := r.Get(t.Context(), third.ID); err != nil || j.Position != 1 {
		t.Errorf("the third did not move up: %v, %d", err, j.Position)
	}
	if _, err := r.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if j := wait(t, r, first.ID); j.State != jobs.Cancelled || j.Failure != nil {
		t.Errorf("cancelling what runs: %s, %+v", j.State, j.Failure)
	}
	release()
	if j := wait(t, r, third.ID); j.State != jobs.Done {
		t.Errorf("the one behind: %s", j.State)
	}
	for _, id := range []string{"", "..", strings.Repeat("A", 26), "../../etc/passwd"} {
		if _, err := r.Cancel(t.Context(), id); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("cancelling %q: %v", id, err)
		}
	}
}

// What waits or runs when a runner is closed goes on in the next one, in order.
func TestCloseLeavesJobsForTheNextStart(t *testing.T) {
	model, running, _ := held()
	dir := t.TempDir()
	r := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: model}})
	path := scan(t)
	first := submit(t, r, path, jobtest.Bright)
	<-running
	second := submit(t, r, path, jobtest.Bright)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	look := open(t, jobs.Config{Dir: dir, Parallel: -1})
	for _, id := range []string{first.ID, second.ID} {
		j, err := look.Get(t.Context(), id)
		if err != nil || j.State != jobs.Queued || j.Failure != nil || j.Structures[0].Status != jobs.Pending {
			t.Errorf("got %v, %s, %+v", err, j.State, j)
		}
	}
	if err := look.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Submit(t.Context(), jobs.Request{Plan: inference.Prompts(inference.CT, jobtest.Bright)}); !errors.Is(err, jobs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	next := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	one, two := wait(t, next, first.ID), wait(t, next, second.ID)
	if one.State != jobs.Done || two.State != jobs.Done || !one.Finished.Before(two.Finished) {
		t.Errorf("%s at %v, %s at %v", one.State, one.Finished, two.State, two.Finished)
	}
	if _, err := os.Stat(filepath.Join(dir, first.ID, "work")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its saved state stays behind: %v", err)
	}
}

// A process that is killed leaves job.json saying RUNNING.
func TestJobsOfAKilledProcess(t *testing.T) {
	dir := t.TempDir()
	plan := inference.Prompts(inference.CT, jobtest.Bright)
	leave := func(letter string, j jobs.Job) string {
		j.ID, j.State = strings.Repeat(letter, 26), jobs.Running
		record, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Mkdir(filepath.Join(dir, j.ID), 0o750), os.WriteFile(filepath.Join(dir, j.ID, "job.json"), record, 0o600)); err != nil {
			t.Fatal(err)
		}
		return j.ID
	}
	goesOn := leave("B", jobs.Job{Starts: 1, Request: jobs.Request{ImagePath: scan(t), Plan: plan}})
	killer := leave("C", jobs.Job{Starts: 3, Request: jobs.Request{ImagePath: scan(t), Plan: plan}})
	ancient := leave("D", jobs.Job{Request: jobs.Request{Plan: plan}}) // of a version that kept no path
	gone := leave("E", jobs.Job{Starts: 1, Request: jobs.Request{ImagePath: filepath.Join(dir, "gone.nii"), Plan: plan}})
	r := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	if j := wait(t, r, goesOn); j.State != jobs.Done || j.Starts != 2 {
		t.Errorf("got %s after %d starts, %+v", j.State, j.Starts, j.Failure)
	}
	for _, id := range []string{killer, ancient} {
		if j, err := r.Get(t.Context(), id); err != nil || j.State != jobs.Dead || !strings.Contains(j.Failure.Message, jobs.ErrInterrupted.Error()) {
			t.Errorf("got %v, %s, %+v", err, j.State, j.Failure)
		}
	}
	if j := wait(t, r, gone); j.State != jobs.Failed || !strings.Contains(j.Failure.Message, "gone.nii") {
		t.Errorf("got %s, %+v", j.State, j.Failure)
	}
}

func TestMaskPathGivesOnlyMasks(t *testing.T) {
	r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	j := wait(t, r, submit(t, r, scan(t), jobtest.Bright).ID)
	for _, name := range []string{"", "job.json", "../" + j.ID + "/job.json", j.Structures[0].File + "/..", "/etc/passwd"} {
		if path, err := r.MaskPath(t.Context(), j.ID, name); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("%q: %q, %v", name, path, err)
		}
	}
}

func TestMasksOfLikeNamesDiffer(t *testing.T) {
	r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	tree := []inference.TermPlan{
		{Name: "a/b", Status: inference.Segmentable, Classes: []string{jobtest.Bright}},
		{Name: "a b", Status: inference.Segmentable, Classes: []string{jobtest.Dark}},
	}
	plan := inference.Prompts(inference.CT, jobtest.Bright, jobtest.Dark)
	plan.Terms = tree
	j, err := r.Submit(t.Context(), jobs.Request{ImagePath: scan(t), Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	got := wait(t, r, j.ID)
	var files []string
	for _, s := range got.Structures {
		files = append(files, s.File)
	}
	slices.Sort(files)
	if want := []string{"a_b.nii.gz", "a_b_2.nii.gz"}; !slices.Equal(files, want) {
		t.Errorf("got %v, want %v", files, want)
	}
}
