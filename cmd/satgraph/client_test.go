package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satgraph/client"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/volume"
)

// smallScan is a CT of noise-free bands, enough for the demo model to look at.
func smallScan(t *testing.T) string {
	t.Helper()
	grid := volume.Grid{Shape: [3]int{60, 50, 60}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i%1400) - 1000
	}
	scan := filepath.Join(t.TempDir(), "scan.nii.gz")
	if err := volume.WriteImage(scan, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	return scan
}

// breaking loses every third piece of an upload on its way back, and is refused at
// first.
type breaking struct {
	next   http.RoundTripper
	pieces atomic.Int32
	all    atomic.Int32
}

var errLost = errors.New("the connection was lost")

func (b *breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.all.Add(1) == 1 {
		return &http.Response{
			StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"0"}}, Body: io.NopCloser(strings.NewReader("")), Request: r,
		}, nil
	}
	answer, err := b.next.RoundTrip(r)
	if err == nil && r.Method == http.MethodPatch && b.pieces.Add(1)%3 == 2 {
		_ = answer.Body.Close()
		return nil, errLost
	}
	return answer, err
}

func TestGoClient(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "tree.db")
	code, made, stderr := satgraph(t, "token", "create", "client", "--role", "curator", "--store", store)
	token := regexp.MustCompile(`satgraph_[A-Z2-7]{12}_[A-Z2-7]{26}`).FindString(made)
	if code != exitDone || token == "" {
		t.Fatal(made, stderr)
	}
	s := startServe(t, "--store", store, "--data", filepath.Join(dir, "data"), "--auth", "tokens")
	way := &breaking{next: http.DefaultTransport}
	c, err := client.New(s.url, client.Options{Token: token, HTTP: &http.Client{Transport: way}, Piece: 500})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	term, err := c.Term(ctx, "heart")
	if err != nil || term.Id != "UBERON:0000948" {
		t.Fatalf("%v, %v", term, err)
	}
	if _, err := c.Term(ctx, "flux capacitor"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an unknown term: %v", err)
	}
	children, err := c.Children(ctx, "heart", 50)
	if err != nil || len(children) < 4 {
		t.Errorf("%d children, %v", len(children), err)
	}
	if found, err := c.Search(ctx, "hart", 5); err != nil || len(found) == 0 {
		t.Errorf("%v, %v", found, err)
	}
	if plan, err := c.Resolve(ctx, "children of heart", client.ModalityCt); err != nil || len(plan) < 4 {
		t.Errorf("%v, %v", plan, err)
	}

	// An upload whose pieces get lost arrives all the same, and once.
	scan := smallScan(t)
	image, err := c.UploadFile(ctx, scan, nil)
	if err != nil {
		t.Fatal(err)
	}
	if way.pieces.Load() < 3 {
		t.Errorf("%d pieces went out", way.pieces.Load())
	}
	if again, err := c.UploadFile(ctx, scan, nil); err != nil || again != image {
		t.Errorf("the same scan is %s and %s, %v", image, again, err)
	}
	var mistake *client.MistakeError
	if _, err := c.SegmentChildren(ctx, "flux capacitor", image, client.ModalityCt); !errors.As(err, &mistake) {
		t.Errorf("an unknown term: %v", err)
	}
	job, err := c.Segment(ctx, "liver", image, client.ModalityCt)
	if err != nil {
		t.Fatal(err)
	}
	if job, err = c.Wait(ctx, job.Id, nil); err != nil || job.Status != client.JobStatusDone {
		t.Fatalf("%+v, %v", job, err)
	}
	for _, found := range job.Structures {
		if found.MaskUrl == nil {
			continue
		}
		mask := filepath.Join(dir, "mask.nii.gz")
		if err := c.DownloadFile(ctx, *found.MaskUrl, mask); err != nil {
			t.Fatal(err)
		}
		if _, err := volume.ReadImage(mask, volume.ReadOptions{}); err != nil {
			t.Error(err)
		}
	}

	// Decisions are followed as they are made.
	follow, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	seen := make(chan client.Event, 10)
	go func() {
		_ = c.FollowLabels(follow, "Set", func(e client.Event) error { seen <- e; return nil }) // its end is this test's
	}()
	labels := filepath.Join(dir, "labels.tsv")
	for n := 0; ; n++ {
		if err := os.WriteFile(labels, []byte("value\tname\n1\tliver\n"+strings.Repeat("2\tspleen\n", min(n, 1))), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := satgraph(t, "labels", "import", labels, "--dataset", "Set", "--by", "Ada", "--store", store); code != exitDone {
			t.Fatal(stderr)
		}
		select {
		case e := <-seen:
			if e.Dataset != "Set" || e.By != "Ada" {
				t.Errorf("the event is %+v", e)
			}
			return
		case <-time.After(3 * time.Second): // the first may have been before it listened
			if n > 5 {
				t.Fatal("no event came")
			}
		}
	}
}

// The examples do what their comments say, against a real service.
func TestExamples(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"))
	if code, _, stderr := satgraph(t, "phantom", "-o", dir, "--full", "--spacing", "4"); code != exitDone {
		t.Fatal(stderr)
	}
	scans, err := filepath.Glob(filepath.Join(dir, "*", "image.nii.gz"))
	if err != nil || len(scans) != 1 {
		t.Fatal(scans, err)
	}
	scan, masks := scans[0], filepath.Join(dir, "masks")
	for _, example := range [][]string{
		{"go", "run", "../../examples/heart", "-url", s.url, "-scan", scan, "-masks", masks},
		{"python3", "../../examples/python/heart.py", "--url", s.url, "--scan", scan, "--masks", masks},
	} {
		cmd := exec.CommandContext(t.Context(), example[0], example[1:]...)
		cmd.Env = append(buildEnv, "PYTHONDONTWRITEBYTECODE=1")
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v: %s", example, err, said.String())
		}
		for _, want := range []string{"left cardiac atrium", "heart left ventricle", "SEGMENTED", " mL", "Never for clinical use"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s says nothing of the %s: %s", example[0], want, out.String())
			}
		}
		kept, err := filepath.Glob(filepath.Join(masks, "*.nii.gz"))
		if err != nil || len(kept) == 0 {
			t.Errorf("%s kept no mask: %v", example[0], err)
		}
		if err := os.RemoveAll(masks); err != nil {
			t.Fatal(err)
		}
	}
}
