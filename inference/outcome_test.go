package inference

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/volume"
)

// shortOfMemory fails to decode more than one query at a time.
type shortOfMemory struct {
	*fakeModel
	tries, most int
}

func (s *shortOfMemory) Decode(ctx context.Context, f Features, queries [][]float32) ([]float32, error) {
	s.tries++
	if len(queries) > 1 {
		return nil, fmt.Errorf("decoder: %w", ErrOutOfMemory)
	}
	s.most = max(s.most, len(queries))
	return s.fakeModel.Decode(ctx, f, queries)
}

func TestRunMeetsOutOfMemoryBySmallerGroups(t *testing.T) {
	m := &shortOfMemory{fakeModel: sceneModel()}
	rep, err := Run(context.Background(), m, scene(), Prompts(CT, "low", "high", "nothing"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Structures[0].Voxels != 720 || rep.Structures[1].Voxels != 800 {
		t.Errorf("%+v", rep.Structures)
	}
	said := 0
	for _, w := range rep.Warnings {
		if strings.Contains(w, "smaller groups") {
			said++
		}
	}
	if said != 1 || m.tries != 3*rep.Windows+1 {
		t.Errorf("said %d times; %d calls for %d windows", said, m.tries, rep.Windows)
	}
}

// spoilt gives NaN for one query.
type spoilt struct{ *fakeModel }

func (s *spoilt) Decode(ctx context.Context, f Features, queries [][]float32) ([]float32, error) {
	out, err := s.fakeModel.Decode(ctx, f, queries)
	n := len(out) / len(queries)
	for i, q := range queries {
		if q[0] == 0 {
			out[i*n+5] = float32(math.NaN())
		}
	}
	return out, err
}

func TestOneSpoiltClassDoesNotEndTheRun(t *testing.T) {
	rep, err := Run(context.Background(), &spoilt{sceneModel()}, scene(), Prompts(CT, "low", "high"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	low, high := rep.Structures[0], rep.Structures[1]
	if low.Status != Failed || !strings.Contains(low.Outcome, "NaN") || high.Status != Segmented || high.Voxels != 800 {
		t.Errorf("%+v\n%+v", low, high)
	}
}

func TestMeasures(t *testing.T) {
	rep, err := Run(context.Background(), sceneModel(), scene(), Prompts(CT, "low", "nothing"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := rep.Structures[0].Measures
	// The block of 300 HU spans voxels 4..9, 6..15, 8..19 of 2 mm; the affine is
	// -2i+40, -2j+30, 2k-5.
	want := Measures{Box: [2][3]int{{4, 6, 8}, {10, 16, 20}}, CentroidMM: [3]float64{27, 9, 22}, IntensityMean: 300, Components: 1}
	if got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s := rep.Structures[0]; s.Outcome != "found" {
		t.Errorf("outcome %q", s.Outcome)
	}
	if s := rep.Structures[1]; s.Outcome != "empty" || s.Measures != nil {
		t.Errorf("%+v", s)
	}
}

func TestComponents(t *testing.T) {
	g := volume.Grid{Shape: [3]int{5, 4, 3}, Affine: volume.Identity()}
	m := volume.NewBits(g)
	m.SetRun(0, 2, 0, 0) // touches the next by an edge only
	m.SetRun(2, 4, 1, 0)
	m.SetRun(3, 5, 1, 1) // over the second
	m.SetRun(0, 1, 3, 2)
	c := findComponents(m)
	if c.count() != 3 {
		t.Errorf("%d components, want 3", c.count())
	}
	if got := c.largest(g); got.Count() != 4 || got.At(0, 0, 0) || !got.At(4, 1, 1) {
		t.Errorf("the largest has %d voxels", got.Count())
	}
	// A ring closes: two runs that are one component only through the rows around.
	ring := volume.NewBits(g)
	ring.SetRun(0, 5, 0, 1)
	ring.SetRun(0, 1, 1, 1)
	ring.SetRun(4, 5, 1, 1)
	ring.SetRun(0, 5, 2, 1)
	if n := findComponents(ring).count(); n != 1 {
		t.Errorf("a ring has %d components", n)
	}
}

func TestModelOfAnotherModality(t *testing.T) {
	m := sceneModel()
	m.man.Modalities = []Modality{CT, MRI}
	m.man.Prompts[1].Modalities = []Modality{MRI}
	rep, err := Run(context.Background(), m, scene(), Prompts(CT, "low", "high"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s := rep.Structures[1]; s.Status != WrongModality || s.Outcome != "wrong modality" || !strings.Contains(s.Reason, "MRI") {
		t.Errorf("%+v", s)
	}
}

// body is a tree of a head and an abdomen with a part each, and a whole with
// its part.
func body(t *testing.T, classes ...string) *Resolver {
	t.Helper()
	terms := []graph.Term{{ID: "T:0", Name: "whole body"}, {ID: "T:1", Name: "head"}, {ID: "T:2", Name: "abdominal segment of trunk"}}
	var relations []graph.Relation
	relations = append(relations,
		graph.Relation{Child: "T:1", Parent: "T:0", Type: graph.PartOf}, graph.Relation{Child: "T:2", Parent: "T:0", Type: graph.PartOf})
	parent := map[string]string{"low": "T:2", "high": "T:10", "nothing": "T:1"}
	var list []Class
	for i, name := range classes {
		id := fmt.Sprintf("T:%d", 10+i)
		terms = append(terms, graph.Term{ID: id, Name: name})
		relations = append(relations, graph.Relation{Child: id, Parent: parent[name], Type: graph.PartOf})
		list = append(list, Class{Name: name, Modality: CT, TermID: id})
	}
	for i := range terms {
		terms[i].Kind = graph.KindAnatomy
	}
	tree, err := graph.NewTree("r", terms, relations)
	if err != nil {
		t.Fatal(err)
	}
	return NewResolver(tree, list)
}

func TestWholeIsUnionOnRequestOnly(t *testing.T) {
	r := body(t, "low", "high")
	for _, union := range []bool{false, true} {
		plan, err := r.Resolve("low, high", CT)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := Run(context.Background(), sceneModel(), scene(), plan, Options{WholeIsUnion: union})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(rep.Structures, func(s StructureResult) bool { return s.Term == "low" })
		want := 720
		if union {
			want += 800 // of its part
		}
		s := rep.Structures[i]
		if s.Voxels != want || strings.Contains(s.Reason, "united") != union {
			t.Errorf("union %v: %+v", union, s)
		}
	}
}

func TestOutsideTheFieldOfView(t *testing.T) {
	r := body(t, "low", "nothing")
	plan, err := r.Resolve("low, nothing", CT)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(context.Background(), sceneModel(), scene(), plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rep.Structures, func(s StructureResult) bool { return s.Term == "nothing" })
	if s := rep.Structures[i]; s.Status != OutsideView || s.Outcome != "outside the field of view" || s.Reason == "" {
		t.Errorf("%+v", s)
	}
}

func TestFastPassesAirBy(t *testing.T) {
	im, m := scene(), sceneModel()
	for k := range im.Shape[2] { // the far half is air, but for a corner that keeps it in the crop
		for j := range im.Shape[1] {
			for i := 20; i < im.Shape[0]; i++ {
				im.Data[im.Index(i, j, k)] = -1000
			}
		}
	}
	m.man.Patch = [3]int{16, 16, 16}
	im.Data[im.Index(39, 35, 33)] = 10
	all, err := Run(context.Background(), m, im, Prompts(CT, "nothing"), Options{SATExact: true})
	if err != nil {
		t.Fatal(err)
	}
	fast, err := Run(context.Background(), m, im, Prompts(CT, "nothing"), Options{Fast: true, SATExact: true})
	if err != nil {
		t.Fatal(err)
	}
	if all.Skipped != 0 || fast.Skipped == 0 || fast.Skipped >= all.Windows {
		t.Errorf("%d and %d of %d windows passed by", all.Skipped, fast.Skipped, all.Windows)
	}
}
