package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"satgraph/inference/onnx/onnxtest"
	"satgraph/volume"
)

// job is what a test asks of a job.
type job struct {
	ID, Status string
	Progress   float64
	Structures []struct{ Status, MaskURL string }
}

// A service that is killed in the middle of a job goes on with it when it is
// started again, from the windows that were done.
func TestServeGoesOnAfterKill(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	grid := volume.Grid{Shape: [3]int{110, 90, 110}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	noise := rand.New(rand.NewPCG(3, 4))
	for i := range im.Data {
		im.Data[i] = float32(noise.IntN(1400)) - 1000
	}
	scan := filepath.Join(dir, "scan.nii.gz")
	if err := volume.WriteImage(scan, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	args := []string{"--verbose", "--store", "sqlite:" + filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"), "--save-every", "300ms"}
	s := startServe(t, args...)
	image := s.upload(scan)
	started := s.ask(`mutation { segment(image: "`+image+`", prompts: ["liver", "heart"], modality: CT) { job { JOB } } }`, "segment")
	states := filepath.Join(dir, "data", "jobs", started.ID, "work", "*-state.*")
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if saved, _ := filepath.Glob(states); len(saved) > 0 && s.job(started.ID).Progress > 0.3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no state was saved: %+v; %s", s.job(started.ID), s.log.said())
		}
	}
	s.kill()

	s = startServe(t, args...)
	ended := s.job(started.ID)
	for end := time.Now().Add(3 * time.Minute); ended.Status == "QUEUED" || ended.Status == "RUNNING"; ended = s.job(started.ID) {
		if time.Now().After(end) {
			t.Fatalf("it does not end: %+v", ended)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if ended.Status != "DONE" {
		t.Fatalf("it ended as %+v; %s", ended, s.log.said())
	}
	on := regexp.MustCompile(`goes on from its saved state.* windows=(\d+) of=(\d+)`).FindStringSubmatch(s.log.said())
	if on == nil {
		t.Fatalf("it does not say where it goes on: %s", s.log.said())
	}
	if done, _ := strconv.Atoi(on[1]); done < 1 {
		t.Errorf("it began anew: %s of %s windows", on[1], on[2])
	}

	// The masks are those of a run that nothing disturbed.
	out := filepath.Join(dir, "out")
	if code, _, stderr := satgraph(t, "segment", scan, "--prompt", "liver", "--prompt", "heart", "--modality", "ct", "--no-resume", "-o", out); code != exitDone {
		t.Fatal(stderr)
	}
	for i, r := range readReport(t, out).Structures {
		got := ended.Structures[i]
		if !strings.EqualFold(got.Status, r.Status) || (got.MaskURL == "") != (r.File == "") {
			t.Errorf("%s is %+v; undisturbed it is %s", r.Term, got, r.Status)
			continue
		}
		if got.MaskURL == "" {
			continue
		}
		want, err := os.ReadFile(filepath.Join(out, r.File))
		if err != nil {
			t.Fatal(err)
		}
		if mask := s.exchange(http.MethodGet, got.MaskURL, ""); mask != string(want) {
			t.Errorf("the mask of %s is another than that of a run that nothing disturbed", r.Term)
		}
	}
}

// upload sends a scan and gives its id.
func (s *service) upload(path string) string {
	s.t.Helper()
	file, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.Post(s.url+"/images", "application/octet-stream", file) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	var image struct{ ID string }
	if err != nil || json.Unmarshal(text, &image) != nil || image.ID == "" {
		s.t.Fatalf("%s: %s, %v", answer.Status, text, err)
	}
	return image.ID
}

func (s *service) job(id string) job {
	s.t.Helper()
	return s.ask(`{ job(id: "`+id+`") { JOB } }`, "job")
}

// ask gives the job in the answer to a question, whether it stands at once under
// field or in its payload.
func (s *service) ask(query, field string) job {
	s.t.Helper()
	query = strings.Replace(query, "JOB", "id status progress structures { status maskUrl }", 1)
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		s.t.Fatal(err)
	}
	text := s.exchange(http.MethodPost, "/graphql", string(body))
	var answer struct {
		Data map[string]*struct {
			job
			Job *job
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Data[field] == nil {
		s.t.Fatalf("%v: %s", err, text)
	}
	if found := answer.Data[field]; found.Job != nil {
		return *found.Job
	}
	return answer.Data[field].job
}
