package inference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"satgraph/volume"
)

// fakeModel finds, for prompt number n of its manifest, the voxels whose
// normalised intensity is nearest to levels[n].
type fakeModel struct {
	man    *Manifest
	levels []float32
	looks  int
	most   int // most queries in one Decode
	after  func()
	nan    bool
	quiet  float32 // logit of what is not found; 0 is -10
}

// both is the level of the prompt that finds what the first two find.
const both = 100

type fakeFeatures []float32

func (fakeFeatures) Close() error { return nil }

func (f *fakeModel) Manifest() *Manifest { return f.man }
func (f *fakeModel) Close() error        { return nil }

func (f *fakeModel) Encode(_ context.Context, prompts []string, _ Modality) ([][]float32, error) {
	out := make([][]float32, len(prompts))
	for i, p := range prompts {
		n := slices.IndexFunc(f.man.Prompts, func(q Prompt) bool { return q.Name == p })
		out[i] = []float32{float32(n)}
	}
	return out, nil
}

func (f *fakeModel) Features(_ context.Context, patch []float32) (Features, error) {
	f.looks++
	if f.after != nil {
		f.after()
	}
	return fakeFeatures(slices.Clone(patch)), nil
}

func (f *fakeModel) Decode(_ context.Context, seen Features, queries [][]float32) ([]float32, error) {
	f.most = max(f.most, len(queries))
	var out []float32
	for _, q := range queries {
		want := f.levels[int(q[0])]
		for _, v := range seen.(fakeFeatures) {
			l := float32(-10)
			if f.quiet != 0 {
				l = f.quiet
			}
			if math.Abs(float64(v-want)) < 0.3 || want == both && (math.Abs(float64(v-f.levels[0])) < 0.3 || math.Abs(float64(v-f.levels[1])) < 0.3) {
				l = 10
			}
			if f.nan {
				l = float32(math.NaN())
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// scene is a CT of 2 mm voxels, 40x36x34, LPS: 10 HU everywhere but in two
// blocks of 300 and 700 HU.
func scene() *volume.Image {
	g := volume.Grid{Shape: [3]int{40, 36, 34}, Affine: volume.Affine{{-2, 0, 0, 40}, {0, -2, 0, 30}, {0, 0, 2, -5}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for k := range g.Shape[2] {
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				im.Data[g.Index(i, j, k)] = sceneAt(i, j, k)
			}
		}
	}
	return im
}

func sceneAt(i, j, k int) float32 {
	switch {
	case i >= 4 && i < 10 && j >= 6 && j < 16 && k >= 8 && k < 20: // 720 voxels
		return 300
	case i >= 20 && i < 36 && j >= 20 && j < 30 && k >= 4 && k < 9: // 800 voxels
		return 700
	default:
		return 10
	}
}

// sceneModel knows the two blocks at the scan's own spacing.
func sceneModel() *fakeModel {
	im := scene()
	var mean, std float64
	for _, v := range im.Data {
		mean += float64(v)
	}
	mean /= float64(len(im.Data))
	for _, v := range im.Data {
		std += (float64(v) - mean) * (float64(v) - mean)
	}
	std = math.Sqrt(std / float64(len(im.Data)))
	level := func(hu float64) float32 { return float32((hu - mean) / std) }
	ct := []Modality{CT}
	return &fakeModel{
		man: &Manifest{
			Name: "fake", Spacing: [3]float64{2, 2, 2}, Patch: [3]int{32, 32, 32}, EmbeddingWidth: 1, Modalities: ct,
			Prompts: []Prompt{{Name: "low", Modalities: ct}, {Name: "high", Modalities: ct}, {Name: "nothing", Modalities: ct}, {Name: "both", Modalities: ct}},
		},
		levels: []float32{level(300), level(700), 50, both},
	}
}

func TestRunPutsMasksOnTheScansOwnGrid(t *testing.T) {
	im := scene()
	masks := map[string]*volume.Mask{}
	rep, err := Run(context.Background(), sceneModel(), im, Prompts(CT, "low", "high", "nothing", "unheard of"), Options{
		Sink: func(s *StructureResult) error {
			masks[s.Term] = s.Mask.Dense()
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, hu := range map[string]float32{"low": 300, "high": 700} {
		m := masks[name]
		if m == nil {
			t.Fatalf("no mask of %s", name)
		}
		if !m.Equal(im.Grid, 0) {
			t.Errorf("%s: grid %v, want %v", name, m.Grid, im.Grid)
		}
		for i, v := range m.Data {
			if (v == 1) != (im.Data[i] == hu) {
				t.Fatalf("%s: voxel %d is %d where the scan is %g HU", name, i, v, im.Data[i])
			}
		}
	}
	want := []struct {
		status string
		voxels int
		ml     float64
	}{{Segmented, 720, 5.76}, {Segmented, 800, 6.4}, {Absent, 0, 0}, {NotSegmentable, 0, 0}}
	for i, w := range want {
		s := rep.Structures[i]
		if s.Status != w.status || s.Voxels != w.voxels || math.Abs(s.VolumeML-w.ml) > 1e-9 {
			t.Errorf("%s: %s, %d voxels, %g mL; want %+v", s.Term, s.Status, s.Voxels, s.VolumeML, w)
		}
		if s.Mask != nil {
			t.Errorf("%s: the report holds on to the mask", s.Term)
		}
		if s.Truncated {
			t.Errorf("%s does not touch the edge", s.Term)
		}
		if s.Status != Segmented && s.Reason == "" {
			t.Errorf("%s gives no reason", s.Term)
		}
	}
	if rep.Windows != 8 || rep.Passes != 1 {
		t.Errorf("%d windows, %d passes", rep.Windows, rep.Passes)
	}
}

// A coarser model grid still gives masks of the scan's shape, of nearly the
// right volume and in the right place.
func TestRunAtAnotherSpacing(t *testing.T) {
	im, m := scene(), sceneModel()
	m.man.Spacing = [3]float64{3, 3, 3}
	_, err := Run(context.Background(), m, im, Prompts(CT, "high"), Options{Sink: func(s *StructureResult) error {
		if s.Mask.Shape != im.Shape {
			t.Errorf("shape %v", s.Mask.Shape)
		}
		both := 0
		for i, v := range s.Mask.Dense().Data {
			if v == 1 && im.Data[i] == 700 {
				both++
			}
		}
		if dice := 2 * float64(both) / float64(800+s.Voxels); dice < 0.75 {
			t.Errorf("Dice %.2f", dice)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// Where memory holds not all sums, the model looks several times, and the masks
// are the same.
func TestRunInLittleMemory(t *testing.T) {
	counts := func(bricks int) (out []int, passes int) {
		m := sceneModel()
		rep, err := Run(context.Background(), m, scene(), Prompts(CT, "low", "high", "nothing"), Options{maxBricks: bricks})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rep.Structures {
			out = append(out, s.Voxels)
		}
		return out, rep.Passes
	}
	whole, one := counts(0)
	parts, two := counts(150) // one class, which is open everywhere, takes 100
	if one != 1 || two < 2 {
		t.Errorf("passes %d and %d", one, two)
	}
	if !slices.Equal(whole, parts) {
		t.Errorf("voxels %v in one pass, %v in several", whole, parts)
	}
	if _, err := Run(context.Background(), sceneModel(), scene(), Prompts(CT, "low"), Options{MemoryBytes: 1 << 20}); !errors.Is(err, ErrMemory) {
		t.Errorf("in a megabyte: %v", err)
	}
}

// severalModel looks at several windows in one call, or runs out of memory at
// it.
type severalModel struct {
	*fakeModel
	together int
	calls    []int // windows in each
	tooMany  int   // from which on memory runs out; 0 is never
}

func (s *severalModel) Footprint() Footprint { return Footprint{Together: s.together} }

func (s *severalModel) FeaturesOf(ctx context.Context, patches [][]float32) ([]Features, error) {
	s.calls = append(s.calls, len(patches))
	if s.tooMany > 0 && len(patches) >= s.tooMany {
		return nil, fmt.Errorf("backbone: %w", ErrOutOfMemory)
	}
	var out []Features
	for _, p := range patches {
		f, err := s.Features(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// Windows that are looked at together give the masks of windows looked at one
// by one; where memory does not suffice they are looked at one by one.
func TestRunLooksAtSeveralWindowsTogether(t *testing.T) {
	im, one := resumeScene()
	want, masks := runResumable(t, one, im, Options{})
	for _, tooMany := range []int{0, 2} {
		_, m := resumeScene()
		several := &severalModel{fakeModel: m, together: 4, tooMany: tooMany}
		got := map[string]*volume.Bits{}
		rep, err := Run(context.Background(), several, im, Prompts(CT, "low", "high", "nothing"), Options{
			Sink: func(s *StructureResult) error { got[s.Term] = s.Mask.Clone(); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if outcomeOf(t, rep, got) != masks {
			t.Error("the result is another")
		}
		if rep.Forecast.Together != 4 || m.looks+rep.Skipped != rep.Windows {
			t.Errorf("forecast %d windows together; %d looks and %d passed by of %d", rep.Forecast.Together, m.looks, rep.Skipped, rep.Windows)
		}
		switch {
		case tooMany == 0 && (len(several.calls) < 5 || slices.Max(several.calls) != 4 || len(rep.Warnings) != len(want.Warnings)):
			t.Errorf("calls of %v windows, warnings %q", several.calls, rep.Warnings)
		case tooMany > 0 && (len(several.calls) != 1 || !strings.Contains(strings.Join(rep.Warnings, "\n"), "one by one")):
			t.Errorf("calls of %v windows, warnings %q", several.calls, rep.Warnings)
		}
	}
}

// The memory budget decides how many windows are looked at together.
func TestBudgetBoundsWindowsTogether(t *testing.T) {
	im, m := resumeScene()
	patch := int64(4 * 16 * 16 * 16)
	big := &sizedModel{severalModel{fakeModel: m, together: 8}, Footprint{Features: 64 << 20, Held: 8 * patch, Query: patch, Together: 8}}
	var free Forecast
	stop := errors.New("stop")
	forecast := func(limit int64) Forecast {
		var got Forecast
		_, err := Run(context.Background(), big, im, Prompts(CT, "low", "high"), Options{
			MemoryBytes: limit, Forecast: func(f Forecast) error { got = f; return stop },
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		return got
	}
	if free = forecast(0); free.Together != 8 {
		t.Errorf("without a limit %d windows together", free.Together)
	}
	tight := forecast(free.Now + 700<<20)
	if tight.Together < 2 || tight.Together >= 8 || tight.Model >= free.Model {
		t.Errorf("%d windows together in 700 MiB: %+v", tight.Together, tight)
	}
}

type sizedModel struct {
	severalModel
	footprint Footprint
}

func (s *sizedModel) Footprint() Footprint { return s.footprint }

func TestRunBelievesNothingBelowTheFloor(t *testing.T) {
	m := sceneModel()
	m.man.Prompts[0].MinVolumeML = 6
	rep, err := Run(context.Background(), m, scene(), Prompts(CT, "low", "high"), Options{Sink: func(s *StructureResult) error {
		if s.Term == "low" {
			t.Error("a mask below the floor was drawn")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := rep.Structures[0]
	if s.Status != Absent || s.VolumeML != 0 || !strings.Contains(s.Reason, "5.76 mL") || !strings.Contains(s.Reason, "6 mL") {
		t.Errorf("%+v", s)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := sceneModel()
	m.after = func() {
		if m.looks == 3 {
			cancel()
		}
	}
	rep, err := Run(ctx, m, scene(), Prompts(CT, "low", "nowhere"), Options{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if m.looks > 4 {
		t.Errorf("%d windows after the cancellation", m.looks-3)
	}
	if rep.Structures[0].Status != Cancelled || rep.Structures[1].Status != NotSegmentable {
		t.Errorf("%+v", rep.Structures)
	}
}

func TestRunRefuses(t *testing.T) {
	full := errors.New("disk full")
	nan := sceneModel()
	nan.nan = true
	for name, c := range map[string]struct {
		model *fakeModel
		plan  *Plan
		o     Options
		want  error
	}{
		"a sink that fails":         {sceneModel(), Prompts(CT, "low"), Options{Sink: func(*StructureResult) error { return full }}, full},
		"NaN logits":                {nan, Prompts(CT, "low"), Options{}, ErrModelOutput},
		"nothing the model knows":   {sceneModel(), Prompts(CT, "spleen"), Options{}, ErrNothingSegmentable},
		"a modality it has not":     {sceneModel(), Prompts(MRI, "low"), Options{}, ErrNothingSegmentable},
		"a scan beyond the limit":   {sceneModel(), Prompts(CT, "low"), Options{MaxVoxels: 1000}, ErrGridTooLarge},
		"a plan that names nothing": {sceneModel(), Prompts(CT), Options{}, ErrNothingSegmentable},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Run(context.Background(), c.model, scene(), c.plan, c.o); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestRunReportsProgress(t *testing.T) {
	var phases []string
	done := map[string]Progress{}
	_, err := Run(context.Background(), sceneModel(), scene(), Prompts(CT, "low"), Options{Progress: func(p Progress) {
		if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
			phases = append(phases, p.Phase)
		}
		done[p.Phase] = p
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{PhasePrepare, PhaseEncode, PhaseWindows, PhaseRestore}; !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	for _, phase := range []string{PhaseWindows, PhaseRestore} {
		if p := done[phase]; p.Done != p.Total || p.Total == 0 {
			t.Errorf("%s ends at %d of %d", phase, p.Done, p.Total)
		}
	}
}

func TestRunSubtracts(t *testing.T) {
	term := func(class string, subtract ...string) TermPlan {
		return TermPlan{Name: class, Status: Segmentable, Classes: []string{class}, Subtract: subtract}
	}
	masks := map[string]int{}
	rep, err := Run(context.Background(), sceneModel(), scene(), &Plan{Query: "q", Modality: CT, Terms: []TermPlan{
		term("both", "low"), term("high", "low"), term("low", "both"), term("low", "nothing"), term("high", "unheard of"),
	}}, Options{Sink: func(s *StructureResult) error {
		masks[s.Class] = s.Mask.Count()
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	// The blocks hold 720 ("low") and 800 voxels ("high").
	want := map[string]int{"both - low": 800, "high - low": 800, "low - nothing": 720}
	if !maps.Equal(masks, want) {
		t.Errorf("masks of %v voxels, want %v", masks, want)
	}
	if s := rep.Structures[2]; s.Status != Absent || s.Reason != "nothing is left of it once both is taken out" {
		t.Errorf("a structure taken out whole: %s, %q", s.Status, s.Reason)
	}
	if s := rep.Structures[4]; s.Status != NotSegmentable {
		t.Errorf("what cannot be taken out: %s", s.Status)
	}
}
