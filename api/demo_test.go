package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"satgraph/api"
	"satgraph/datasets/catalog"
	"satgraph/datasets/phantom"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/internal/tooltest"
	"satgraph/jobs"
	"satgraph/models"
	"satgraph/volume"
)

// The whole thread with nothing in anyone's place: the built-in tree, the
// corpus's classes, the demo bundle in ONNX Runtime, and a generated phantom of
// the generator version that the model never saw.
func TestDemoModelOverGraphQL(t *testing.T) {
	model, err := models.OpenDemo(onnx.Options{})
	if err != nil {
		if errors.Is(err, onnx.ErrNoLibrary) {
			tooltest.Missing(t, "%v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = model.Close() })
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	corpus, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	var classes []inference.Class
	for _, c := range corpus {
		classes = append(classes, inference.Class{Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate)})
	}
	resolver := inference.NewResolver(tree, classes)
	runner, err := jobs.Open(jobs.Config{Dir: t.TempDir(), Models: kept{model}, Classify: api.Classify})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runner.Close() })
	s := start(t, nil, func(c *api.Config) {
		c.Tree = func() *graph.Tree { return tree }
		c.Resolver = func() *inference.Resolver { return resolver }
		c.Models = func() []*inference.Manifest { return []*inference.Manifest{model.Manifest()} }
		c.Jobs = runner
	})

	p, err := phantom.Generate(phantom.Options{Seed: 1, Version: 2, Spacing: 8, FullFOV: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "phantom.nii.gz")
	if err := volume.WriteImage(path, p.Image, volume.Int16); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image := s.upload(file)

	a := s.ask(`mutation($image: ID!) { segmentChildren(of: "heart", image: $image, modality: CT) { job { id notice } } }`, map[string]any{"image": image})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	a = s.ended(fmt.Sprint(a.at(t, "segmentChildren", "job", "id")))
	if got := a.at(t, "job", "status"); got != "PARTIAL" {
		t.Fatalf("status %v: %v", got, a.Data)
	}
	segmented := 0
	list, _ := a.at(t, "job", "structures").([]any)
	for i := range list {
		at := func(name string) any { return a.at(t, "job", "structures", i, name) }
		switch at("status") {
		case "SEGMENTED":
			segmented++
			status, mask := s.do(http.MethodGet, fmt.Sprint(at("maskUrl")), nil)
			if status != http.StatusOK {
				t.Fatalf("mask of %v: %d", at("name"), status)
			}
			checkMask(t, file, mask, at("voxels"), at("volumeMl"))
		case "NOT_SEGMENTABLE", "ABSENT":
			if at("reason") == "" {
				t.Errorf("%v: %v without a reason", at("name"), at("status"))
			}
		default:
			t.Errorf("%v is %v", at("name"), at("status"))
		}
	}
	if segmented < 4 {
		t.Errorf("%d children found in a whole torso, want at least the four chambers", segmented)
	}

	// Axes, spacing and side must have survived the way there and back.
	a = s.ask(`mutation($image: ID!) { segment(image: $image, query: "heart") { job { id } } }`, map[string]any{"image": image})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	a = s.ended(fmt.Sprint(a.at(t, "segment", "job", "id")))
	if a.at(t, "job", "structures", 0, "status") != "SEGMENTED" {
		t.Fatalf("the heart: %v", a.at(t, "job", "structures", 0))
	}
	_, mask := s.do(http.MethodGet, fmt.Sprint(a.at(t, "job", "structures", 0, "maskUrl")), nil)
	if d := dice(t, mask, p.Tissues.Mask(p.Classes["heart"]...)); d < 0.7 {
		t.Errorf("Dice of the heart %.2f, want at least 0.70", d)
	}
}

// kept lends one model to every job, which loading it anew would only slow.
type kept struct{ inference.Model }

func (k kept) Close() error { return nil }

func (k kept) Open(ctx context.Context, _ string) (inference.Model, error) { return k, ctx.Err() }

// dice compares a downloaded mask with the truth on the same grid: twice the
// voxels in both over the sum of both.
func dice(t *testing.T, file []byte, truth *volume.Mask) float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mask.nii.gz")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := volume.ReadLabelMap(path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := m.Mask(1)
	both := 0
	for i, v := range found.Data {
		if v != 0 && truth.Data[i] != 0 {
			both++
		}
	}
	return 2 * float64(both) / float64(found.Count()+truth.Count())
}
