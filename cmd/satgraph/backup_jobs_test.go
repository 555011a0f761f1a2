package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/inference/onnx/onnxtest"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
	"satgraph/volume"
)

// jobsIn is what the jobs of a folder are, by id.
func jobsIn(t *testing.T, data string) map[string]string {
	t.Helper()
	out := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(data, "jobs", "*", "job.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		var j jobs.Job
		if err == nil {
			err = json.Unmarshal(text, &j)
		}
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(filepath.Dir(path))] = string(j.State)
	}
	return out
}

// A backup taken while jobs run has them all; in an empty home what ended can be
// read, and what waited or ran is done.
func TestBackupOfJobs(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	scan := filepath.Join(dir, "scan.nii.gz")
	noiseScan(t, scan)
	from := []string{"--store", "sqlite:" + filepath.Join(dir, "from.db"), "--data", filepath.Join(dir, "from"), "--save-every", "100ms"}
	s := startServe(t, from...)
	image := s.upload(scan)
	order := func(key string) string {
		made, _ := s.graphql(`mutation { standardizeScan(image: "` + image + `", modality: CT, key: "` + key + `") { job { id } } }`)["job"].(map[string]any)
		return fmt.Sprint(made["id"])
	}
	done := order("done")
	status := func(s *service, id string) string {
		return fmt.Sprint(s.graphql(`{ job(id: "` + id + `") { status } }`)["status"])
	}
	wait := func(s *service, id string) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); status(s, id) != "DONE"; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s is %s: %s", id, status(s, id), s.log.said())
			}
		}
	}
	wait(s, done)
	running := s.ask(`mutation { segment(image: "`+image+`", prompts: ["liver"], modality: CT) { job { JOB } } }`, "segment").ID
	for end := time.Now().Add(time.Minute); status(s, running) == "QUEUED" && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	waiting := s.ask(`mutation { segment(image: "`+image+`", prompts: ["heart"], modality: CT) { job { JOB } } }`, "segment").ID
	file := filepath.Join(dir, "all.satgraph")
	// Labels come in while it is taken.
	labels := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(labels, []byte("label,dataset\nliver,Set\nspleen,Set\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := make(chan string, 1)
	go func() {
		cmd := program(t, "labels", "import", labels, "--by", "Ada", "--store", "sqlite:"+filepath.Join(dir, "from.db"))
		text, err := cmd.CombinedOutput()
		if err != nil {
			other <- string(text)
		}
		close(other)
	}()
	run := func(code int, args ...string) {
		t.Helper()
		if got, out, stderr := satgraph(t, args...); got != code {
			t.Fatalf("%v: %d: %s%s", args, got, out, stderr)
		}
	}
	run(exitDone, "backup", "-o", file, "--jobs", "--images", "--store", "sqlite:"+filepath.Join(dir, "from.db"), "--data", filepath.Join(dir, "from"))
	if wrong := <-other; wrong != "" {
		t.Error(wrong)
	}
	s.kill()

	run(exitDone, "restore", file, "--jobs", "--images", "--store", "sqlite:"+filepath.Join(dir, "to.db"), "--data", filepath.Join(dir, "to"))
	run(exitRefused, "restore", file, "--jobs", "--store", "sqlite:"+filepath.Join(dir, "other.db"), "--data", filepath.Join(dir, "to"))
	if err := os.RemoveAll(filepath.Join(dir, "from")); err != nil {
		t.Fatal(err)
	}
	s = startServe(t, "--store", "sqlite:"+filepath.Join(dir, "to.db"), "--data", filepath.Join(dir, "to"))
	if got := status(s, done); got != "DONE" {
		t.Errorf("what ended is %s", got)
	}
	if body := s.exchange(http.MethodGet, "/jobs/"+done+"/files/record.json", ""); !strings.Contains(body, "spacing") && !strings.Contains(body, "transform") {
		t.Errorf("its file: %.200s", body)
	}
	if again := order("done"); again != done {
		t.Errorf("its key gives another job: %s", again)
	}
	for _, id := range []string{running, waiting} {
		wait(s, id)
	}
	run(exitRefused, "restore", file, "--jobs", "--force", "--store", "sqlite:"+filepath.Join(dir, "other.db"), "--data", filepath.Join(dir, "to"))
}

// A restore that is killed leaves what was there, or what was restored.
func TestKilledRestore(t *testing.T) {
	dir := t.TempDir()
	home := func(name string, states ...jobs.State) (store, data string) {
		store, data = "sqlite:"+filepath.Join(dir, name+".db"), filepath.Join(dir, name)
		for i, state := range states {
			id := strings.Repeat(string(rune('A'+i)), 26)
			j := jobs.Job{ID: id, State: state, Created: time.Now(), Request: jobs.Request{Kind: kinds.Standardize}}
			text, err := json.Marshal(j)
			if err = errors.Join(err, os.MkdirAll(filepath.Join(data, "jobs", id), 0o750)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(data, "jobs", id, "job.json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return store, data
	}
	fresh, freshData := home("fresh", jobs.Done, jobs.Done, jobs.Failed)
	inUse(t, fresh)
	file := filepath.Join(dir, "all.satgraph")
	if code, _, stderr := satgraph(t, "backup", "-o", file, "--jobs", "--store", fresh, "--data", freshData); code != exitDone {
		t.Fatal(stderr)
	}
	want := allOf(t, fresh)
	old, _ := home("old", jobs.Cancelled)
	was := allOf(t, old)
	var whole time.Duration
	before, after := 0, 0
	for n := range 12 {
		store, data := home(fmt.Sprint("home", n), jobs.Cancelled)
		_ = allOf(t, store)
		cmd := program(t, "restore", file, "--jobs", "--force", "--store", store, "--data", data)
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			time.Sleep(whole * time.Duration(n) / 11)
			_ = cmd.Process.Kill() // it may have ended
		}
		err := cmd.Wait()
		if n == 0 {
			if whole = time.Since(start); err != nil {
				t.Fatal(err)
			}
		}
		got := allOf(t, store) // opening it ends what was begun
		switch in := jobsIn(t, data); {
		case got.Revision == want.Revision && len(got.Events) == len(want.Events) && len(in) == 3:
			after++
			same(t, "restored", got, want)
		case got.Revision == was.Revision && len(got.Events) == 0 && len(in) == 1:
			before++
		default:
			t.Errorf("killed after %v it is in between: revision %s, %d events, jobs %v", whole*time.Duration(n)/11, got.Revision, len(got.Events), in)
		}
	}
	t.Logf("killed, %d were as before and %d restored", before, after)

	// Written down and not done, it is brought to its end, from any of its moves.
	for done := range 4 {
		root := filepath.Join(dir, fmt.Sprint("moves", done))
		store := filepath.Join(root, "tree.db")
		if err := errors.Join(
			os.MkdirAll(filepath.Join(root, "stage", "jobs", "new"), 0o750), os.MkdirAll(filepath.Join(root, "jobs", "old"), 0o750),
			os.MkdirAll(filepath.Join(root, "nats"), 0o750), os.WriteFile(filepath.Join(root, "stage", "tree.db"), []byte("new"), 0o600), os.WriteFile(store, []byte("old"), 0o600),
		); err != nil {
			t.Fatal(err)
		}
		stage := filepath.Join(root, "stage")
		p := pendingRestore{Trash: []string{stage}, Moves: []move{
			{To: filepath.Join(root, "nats")}, {filepath.Join(stage, "jobs"), filepath.Join(root, "jobs")}, {filepath.Join(stage, "tree.db"), store},
		}}
		text, err := json.Marshal(p)
		if err = errors.Join(err, os.WriteFile(pendingName(store), text, 0o600)); err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Moves[:done] {
			if err := m.do(stage); err != nil {
				t.Fatal(err)
			}
		}
		if err := finishRestore(store); err != nil {
			t.Fatal(err)
		}
		left, _ := os.ReadDir(root)
		db, _ := os.ReadFile(store)
		_, isNew := os.Stat(filepath.Join(root, "jobs", "new"))
		if len(left) != 2 || string(db) != "new" || isNew != nil {
			t.Errorf("after %d moves: %v, %q", done, left, db)
		}
	}
}

// noiseScan writes a scan of noise that takes some seconds to segment.
func noiseScan(t *testing.T, path string) {
	t.Helper()
	grid := volume.Grid{Shape: [3]int{70, 70, 70}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	noise := rand.New(rand.NewPCG(3, 4))
	for i := range im.Data {
		im.Data[i] = float32(noise.IntN(1400)) - 1000
	}
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
}
