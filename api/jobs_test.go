package api_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/jobs/jobtest"
	"satgraph/volume"
)

const jobFields = `id status progress position query modality model demo notice createdAt startedAt finishedAt warnings
	image { id shape } error { code message hint }
	structures { term { id name } name status reason classes missing volumeMl voxels maskUrl seconds touchesEdge }`

// ended asks for a job until it has ended.
func (s *service) ended(id string) *answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		a := s.ask(`query($id: ID!) { job(id: $id) { `+jobFields+` } }`, map[string]any{"id": id})
		if len(a.Errors) > 0 {
			s.t.Fatal(a.Errors)
		}
		switch a.at(s.t, "job", "status") {
		case "QUEUED", "RUNNING":
			time.Sleep(5 * time.Millisecond)
		default:
			return a
		}
	}
	s.t.Fatal("the job does not end")
	return nil
}

// The question of the project, over HTTP from the upload to the mask.
func TestSegmentChildren(t *testing.T) {
	s := start(t, nil)
	file := scan(t, "scan.nii.gz")
	image := s.upload(file)
	a := s.ask(`mutation { segmentChildren(of: "heart", image: "` + image + `", modality: CT) { job { id status structures { term { name } status reason volumeMl maskUrl } } } }`)
	if a.code() != "" || a.at(t, "segmentChildren", "job", "structures") == nil {
		t.Errorf("with the image's id in the query: %v", a.Errors)
	}
	a = s.ask(`mutation($image: ID!) { segmentChildren(of: "heart", image: $image, modality: CT) {
		job { id status notice structures { term { name } status reason volumeMl maskUrl } } } }`, map[string]any{"image": image})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if n := fmt.Sprint(a.at(t, "segmentChildren", "job", "notice")); !strings.Contains(n, "never for clinical use") {
		t.Errorf("notice of the new job: %q", n)
	}
	a = s.ended(fmt.Sprint(a.at(t, "segmentChildren", "job", "id")))
	if got := a.at(t, "job", "status"); got != "PARTIAL" {
		t.Errorf("status %v", got)
	}
	if a.at(t, "job", "demo") != true || a.at(t, "job", "query") != "children of heart" || a.at(t, "job", "image", "id") != image {
		t.Errorf("got %v", a.Data)
	}
	status := map[string]string{}
	list, _ := a.at(t, "job", "structures").([]any)
	for i := range list {
		at := func(name string) any { return a.at(t, "job", "structures", i, name) }
		status[fmt.Sprint(at("name"))] = fmt.Sprint(at("status"))
		if (at("status") == "SEGMENTED") != (at("maskUrl") != nil) {
			t.Errorf("mask of %v: %v", at("name"), at("maskUrl"))
		}
		if at("status") == "NOT_SEGMENTABLE" && at("reason") == "" {
			t.Errorf("%v has no reason", at("name"))
		}
		if at("maskUrl") == nil {
			continue
		}
		code, header, mask := s.exchange(http.MethodGet, fmt.Sprint(at("maskUrl")), nil)
		if code != http.StatusOK || header.Get("Content-Type") != "application/gzip" {
			t.Fatalf("mask: %d %v", code, header)
		}
		checkMask(t, file, mask, at("voxels"), at("volumeMl"))
	}
	want := map[string]string{"left cardiac atrium": "SEGMENTED", "right cardiac atrium": "SEGMENTED", "heart left ventricle": "ABSENT", "mitral valve": "NOT_SEGMENTABLE"}
	if fmt.Sprint(status) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", status, want)
	}
}

// checkMask holds a downloaded mask against the scan's grid and the job's
// figures.
func checkMask(t *testing.T, scan, mask []byte, voxels, volumeML any) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"scan.nii.gz": scan, "mask.nii.gz": mask} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	im, err := volume.ReadImage(filepath.Join(dir, "scan.nii.gz"), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := volume.ReadLabelMap(filepath.Join(dir, "mask.nii.gz"), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Equal(im.Grid, 0) {
		t.Errorf("the mask's grid %v is not the scan's %v", m.Grid, im.Grid)
	}
	count := m.Mask(1).Count()
	if voxels != float64(count) {
		t.Errorf("%d voxels in the file, %v in the job", count, voxels)
	}
	if got, want := volumeML, m.Mask(1).Volume(); fmt.Sprintf("%.6v", got) != fmt.Sprintf("%.6v", want) {
		t.Errorf("%v mL in the job, %v in the file", got, want)
	}
}

func TestSegmentByPromptsAndRefusal(t *testing.T) {
	s := start(t, nil)
	image := s.upload(scan(t, "scan.nii"))
	a := s.ask(`mutation($i: ID!, $p: [String!]) { segment(image: $i, prompts: $p) { job { id } } }`,
		map[string]any{"i": image, "p": []string{jobtest.Bright, "liver"}})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	a = s.ended(fmt.Sprint(a.at(t, "segment", "job", "id")))
	if a.at(t, "job", "status") != "PARTIAL" || a.at(t, "job", "modality") != "CT" {
		t.Errorf("got %v", a.Data)
	}
	for _, c := range []struct{ query, why string }{
		{"mitral valve", "no class"},
		{"brain", "a class, but only in MRI"},
	} {
		a = s.ask(`mutation($i: ID!, $q: String) { segment(image: $i, query: $q) { job { `+jobFields+` } } }`, map[string]any{"i": image, "q": c.query})
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		if a.at(t, "segment", "job", "status") != "REFUSED" || a.at(t, "segment", "job", "structures", 0, "reason") == "" {
			t.Errorf("%s: %v", c.why, a.Data)
		}
	}
}

func TestUnusableScanFailsItsJob(t *testing.T) {
	s := start(t, nil)
	im := &volume.Image{Grid: volume.Grid{Shape: [3]int{8, 8, 8}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}, Data: make([]float32, 512)}
	path := filepath.Join(t.TempDir(), "zeros.nii")
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := s.ask(`mutation($i: ID!) { segment(image: $i, query: "left atrium") { job { id } } }`, map[string]any{"i": s.upload(data)})
	a = s.ended(fmt.Sprint(a.at(t, "segment", "job", "id")))
	if a.at(t, "job", "status") != "FAILED" || a.at(t, "job", "error", "code") != "UNUSABLE_IMAGE" || a.at(t, "job", "error", "hint") == "" {
		t.Errorf("got %v", a.Data)
	}
	if strings.Contains(fmt.Sprint(a.Data), s.dir) {
		t.Errorf("the answer names a folder of the service: %v", a.Data)
	}
}

func TestPanickingModelIsInternal(t *testing.T) {
	s := start(t, &jobtest.Model{Look: func(context.Context) error { panic("secret") }})
	a := s.ask(`mutation($i: ID!) { segment(image: $i, query: "left atrium") { job { id } } }`, map[string]any{"i": s.upload(scan(t, "scan.nii"))})
	a = s.ended(fmt.Sprint(a.at(t, "segment", "job", "id")))
	if a.at(t, "job", "error", "code") != "INTERNAL" || strings.Contains(fmt.Sprint(a.Data), "secret") {
		t.Errorf("got %v", a.Data)
	}
}

func TestConcurrentJobsAndCancel(t *testing.T) {
	running, release := make(chan struct{}, 100), make(chan struct{})
	s := start(t, &jobtest.Model{Look: func(ctx context.Context) error {
		running <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	image := s.upload(scan(t, "scan.nii.gz"))
	const n = 8
	ids := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a := s.ask(`mutation($i: ID!) { segment(image: $i, query: "left atrium") { job { id status } } }`, map[string]any{"i": image})
			if len(a.Errors) > 0 {
				t.Error(a.Errors)
				return
			}
			ids[i] = fmt.Sprint(a.at(t, "segment", "job", "id"))
		})
	}
	all.Wait()
	<-running
	seen := map[any]int{}
	var first string
	for _, id := range ids {
		a := s.ask(`query($id: ID!) { job(id: $id) { status position } }`, map[string]any{"id": id})
		seen[a.at(t, "job", "status")]++
		if a.at(t, "job", "status") == "RUNNING" {
			first = id
		}
	}
	if seen["RUNNING"] != 1 || seen["QUEUED"] != n-1 {
		t.Errorf("one runs at a time: %v", seen)
	}
	a := s.ask(`mutation($id: ID!) { cancelJob(id: $id) { job { id } } }`, map[string]any{"id": first})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if a := s.ended(first); a.at(t, "job", "status") != "CANCELLED" || a.at(t, "job", "structures", 0, "status") != "CANCELLED" {
		t.Errorf("got %v", a.Data)
	}
	if a := s.ask(`mutation($id: ID!) { cancelJob(id: $id) { job { id } } }`, map[string]any{"id": first}); a.code() != "JOB_ENDED" {
		t.Errorf("cancelled twice: %v", a.Errors)
	}
	a = s.ask(`mutation($id: ID!) { cancelJob(id: $id) { job { id status } mistake { code argument } } }`, map[string]any{"id": first})
	if len(a.Errors) > 0 || a.at(t, "cancelJob", "job", "status") != "CANCELLED" ||
		a.at(t, "cancelJob", "mistake", "code") != "JOB_ENDED" || a.at(t, "cancelJob", "mistake", "argument") != "id" {
		t.Errorf("cancelled twice, and asked for the mistake: %v, %v", a.Data, a.Errors)
	}
	close(release)
	for _, id := range ids {
		if id == first {
			continue
		}
		if a := s.ended(id); a.at(t, "job", "status") != "DONE" {
			t.Errorf("got %v", a.Data)
		}
	}
}
