package inference

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"satgraph/volume"
)

// Statuses of a structure after a run, beside NotSegmentable, Ambiguous and
// Unknown, which it keeps from the plan.
const (
	Segmented = "segmented" // found, and its mask given to the sink
	Absent    = "absent"    // looked for and not found: nothing is drawn
	Cancelled = "cancelled" // not reached before the run was stopped
)

// StructureResult is what became of one asked term.
type StructureResult struct {
	TermID    string   `json:"id"`
	Term      string   `json:"name"`
	Class     string   `json:"class"`              // the classes, joined by " + "
	Classes   []string `json:"classes"`            // whose union the mask is
	Subtract  []string `json:"subtract,omitempty"` // classes taken out of it
	Prompt    string   `json:"prompt"`
	Status    string   `json:"status"`
	Reason    string   `json:"reason"`
	Missing   []string `json:"missing,omitempty"` // parts that the mask leaves out
	VolumeML  float64  `json:"volumeMl"`
	Voxels    int      `json:"voxels"`
	Truncated bool     `json:"truncated"` // it touches the scan's edge, so the volume is a lower bound
	Seconds   float64  `json:"seconds"`   // decoding and restoring, without what all structures share
	File      string   `json:"file"`      // name for the mask, unique in the report; empty without mask or sink

	// Mask is on the scan's own grid. It is set only while the sink runs.
	Mask *volume.Mask `json:"-"`
}

// Phases of a run, in order.
const (
	PhasePrepare = "prepare"
	PhaseEncode  = "encode"
	PhaseWindows = "windows"
	PhaseRestore = "restore"
)

// Progress says how far a run is.
type Progress struct {
	Phase       string
	Done, Total int    // windows or structures
	What        string // the structure at hand, if any
}

// Options of a run. The zero value is usable: it finds what is there and keeps
// no mask.
type Options struct {
	// Threads for the work outside the model; 0 means all processors.
	Threads int
	// MemoryBytes bounds what a run holds for the structures asked, however
	// many they are: 0 means 1 GiB. A run that needs more looks at the scan
	// several times.
	MemoryBytes int64
	// MaxVoxels bounds the scan at the model's spacing; 0 means 512 Mi.
	MaxVoxels int64
	// Sink is given each finished structure that has a mask; an error stops the
	// run. It writes the mask, usually under File. Nil keeps only the figures.
	Sink func(*StructureResult) error
	// Progress is called from the run's own goroutine.
	Progress func(Progress)
}

// Report is the outcome of a run.
type Report struct {
	Model      string            `json:"model"`
	Version    string            `json:"version"`
	Demo       bool              `json:"demo"`
	Notice     string            `json:"notice"`
	Query      string            `json:"query"`
	Modality   Modality          `json:"modality"`
	Structures []StructureResult `json:"structures"` // in the plan's order
	Warnings   []string          `json:"warnings"`
	Windows    int               `json:"windows"`
	Passes     int               `json:"passes"` // times the model looked at the scan
	Elapsed    time.Duration     `json:"-"`
	Seconds    float64           `json:"seconds"`
}

// Count says how many structures have a status.
func (r *Report) Count(status string) int {
	n := 0
	for i := range r.Structures {
		if r.Structures[i].Status == status {
			n++
		}
	}
	return n
}

const (
	defaultMemory    = 1 << 30
	defaultMaxVoxels = 512 << 20
	// decodeBytes bounds the logits of one call of Decode.
	decodeBytes = 128 << 20
)

func (o Options) withDefaults() Options {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemory
	}
	if o.MaxVoxels <= 0 {
		o.MaxVoxels = defaultMaxVoxels
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

// Run segments what a plan asks for in one scan. The plan should come from
// Plan.ForModel; Run calls it itself, so any plan will do.
//
// The scan is prepared as SAT does (see the package's comment on differences),
// looked at window by window, and each class's probabilities, averaged over the
// windows with a Gaussian weight, are sampled back at the scan's own voxel
// centres. A term's mask is the union of its classes' masks. As soon as a term
// is done its mask goes to Options.Sink and is forgotten: memory depends on
// Options.MemoryBytes, the scan and the model, not on the number of terms.
//
// A report comes back beside every error that occurs after the plan was made;
// when the context ends, what was not reached is listed as cancelled and the
// error is the context's.
//
// Errors: those of ForModel, ErrEmptyImage, ErrConstantImage, ErrNotFinite,
// ErrGridTooLarge, ErrModelOutput, volume.ErrBadAffine, volume.ErrShape, and
// whatever the model and the sink return.
func Run(ctx context.Context, model Model, im *volume.Image, plan *Plan, o Options) (*Report, error) {
	start := time.Now()
	o = o.withDefaults()
	man := model.Manifest()
	plan, err := plan.ForModel(man)
	if plan == nil {
		return nil, err
	}
	r := newRun(model, plan, o)
	defer func() {
		r.report.Elapsed = time.Since(start)
		r.report.Seconds = r.report.Elapsed.Seconds()
	}()
	if err != nil {
		return r.report, err
	}
	if err := r.all(ctx, im); err != nil {
		if ctx.Err() != nil {
			r.cancel()
			return r.report, fmt.Errorf("segmentation was stopped: %w", ctx.Err())
		}
		return r.report, err
	}
	return r.report, nil
}

// run is one run's state.
type run struct {
	model   Model
	man     *Manifest
	o       Options
	calls   []Call
	queries [][]float32
	waiting []*pending
	report  *Report
	scan    *prepared
	files   map[string]bool // names given to masks
}

// pending is a term of which not all classes are done.
type pending struct {
	result *StructureResult
	left   map[string]bool // classes still to come
	union  *volume.Mask    // of those that came, for terms of several classes
	minus  *volume.Mask    // of those that came and are to be taken out
	found  []string
	absent []string // why a class was not found
}

func newRun(model Model, plan *Plan, o Options) *run {
	man := model.Manifest()
	r := &run{model: model, man: man, o: o, calls: plan.Calls, files: map[string]bool{}, report: &Report{
		Model: man.Name, Version: man.Version, Demo: man.Demo, Notice: man.Warning(),
		Query: plan.Query, Modality: plan.Modality,
		Structures: make([]StructureResult, len(plan.Terms)), Warnings: []string{},
	}}
	for i := range plan.Terms {
		t := &plan.Terms[i]
		s := &r.report.Structures[i]
		*s = StructureResult{
			TermID: t.ID, Term: t.Name, Status: t.Status, Reason: t.Reason, Missing: t.Missing,
			Class: strings.Join(t.Classes, " + "), Classes: t.Classes, Subtract: t.Subtract,
		}
		if len(t.Subtract) > 0 {
			s.Class += " - " + strings.Join(t.Subtract, " - ")
		}
		if len(t.Classes) == 0 {
			continue
		}
		w := &pending{result: s, left: map[string]bool{}}
		var prompts []string
		for _, c := range plan.Calls {
			if slices.Contains(t.Subtract, c.Class) {
				w.left[c.Class] = true
			}
			if slices.Contains(t.Classes, c.Class) {
				w.left[c.Class] = true
				prompts = append(prompts, c.Prompt)
			}
		}
		s.Prompt = strings.Join(prompts, " + ")
		r.waiting = append(r.waiting, w)
	}
	return r
}

// cancel marks what was not reached.
func (r *run) cancel() {
	for _, w := range r.waiting {
		if len(w.left) > 0 {
			w.result.Status, w.result.Reason = Cancelled, "the run was stopped before it was done"
		}
	}
}

func (r *run) all(ctx context.Context, im *volume.Image) error {
	r.o.Progress(Progress{Phase: PhasePrepare, Total: 1})
	var err error
	if r.scan, err = prepare(ctx, im, r.report.Modality, r.man, r.o.MaxVoxels, r.o.Threads); err != nil {
		return err
	}
	r.report.Warnings = append(r.report.Warnings, r.scan.warnings...)
	r.o.Progress(Progress{Phase: PhaseEncode, Total: len(r.calls)})
	if err := r.encode(ctx); err != nil {
		return err
	}
	group := groupSize(r.scan.grid.Voxels(), len(r.calls), r.o.MemoryBytes)
	places := windows(r.scan.grid.Shape, r.man.Patch)
	r.report.Windows = len(places)
	r.report.Passes = (len(r.calls) + group - 1) / group
	done := 0
	for first := 0; first < len(r.calls); first += group {
		last := min(first+group, len(r.calls))
		s := newStitcher(r.scan.grid.Shape, r.man.Patch, last-first)
		for _, w := range places {
			r.o.Progress(Progress{Phase: PhaseWindows, Done: done, Total: len(places) * r.report.Passes})
			if err := r.look(ctx, s, w, r.queries[first:last]); err != nil {
				return err
			}
			done++
		}
		r.o.Progress(Progress{Phase: PhaseWindows, Done: done, Total: len(places) * r.report.Passes})
		for i := first; i < last; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			r.o.Progress(Progress{Phase: PhaseRestore, Done: i, Total: len(r.calls), What: r.calls[i].Class})
			if err := r.finish(r.calls[i], s.probability(i-first)); err != nil {
				return err
			}
		}
	}
	r.o.Progress(Progress{Phase: PhaseRestore, Done: len(r.calls), Total: len(r.calls)})
	return nil
}

func (r *run) encode(ctx context.Context) error {
	prompts := make([]string, len(r.calls))
	for i, c := range r.calls {
		prompts[i] = c.Prompt
	}
	var err error
	if r.queries, err = r.model.Encode(ctx, prompts, r.report.Modality); err != nil {
		return err
	}
	if len(r.queries) != len(prompts) {
		return fmt.Errorf("%w: %d embeddings for %d prompts", ErrModelOutput, len(r.queries), len(prompts))
	}
	for i, q := range r.queries {
		if len(q) != r.man.EmbeddingWidth {
			return fmt.Errorf("%w: the embedding of %q has %d numbers, the manifest says %d",
				ErrModelOutput, prompts[i], len(q), r.man.EmbeddingWidth)
		}
	}
	return nil
}

// groupSize is how many classes are stitched at a time within a budget: each
// needs a float32 per voxel of the model's grid, and the weights one more.
func groupSize(voxels, classes int, budget int64) int {
	fit := budget/(4*int64(voxels)) - 1
	return int(min(max(fit, 1), int64(classes)))
}

// look runs the model over one window and adds what it says of each query.
func (r *run) look(ctx context.Context, s *stitcher, w window, queries [][]float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cut(r.scan.data, r.scan.grid.Shape, w, r.man.Patch, s.patch)
	features, err := r.model.Features(ctx, s.patch)
	if err != nil {
		return err
	}
	defer features.Close() //nolint:errcheck // freeing memory that nothing reads any more
	n := len(s.patch)
	batch := max(1, decodeBytes/(4*n))
	for first := 0; first < len(queries); first += batch {
		last := min(first+batch, len(queries))
		logits, err := r.model.Decode(ctx, features, queries[first:last])
		if err != nil {
			return err
		}
		if len(logits) != n*(last-first) {
			return fmt.Errorf("%w: %d logits for %d queries of %d voxels", ErrModelOutput, len(logits), last-first, n)
		}
		if !s.add(w, first, logits, r.o.Threads) {
			return fmt.Errorf("%w: the logits hold NaN", ErrModelOutput)
		}
	}
	s.weigh(w)
	return nil
}

// finish turns one class's probabilities into a mask and hands it to the terms
// that wait for it.
func (r *run) finish(call Call, prob []float32) error {
	start := time.Now()
	prompt, _ := r.man.Prompt(call.Class, call.Modality)
	if prompt.KeepLargest {
		keepLargest(prob, r.scan.grid.Shape, threshold)
	}
	mask, err := r.scan.restore(prob, r.o.Threads)
	if err != nil {
		return err
	}
	ml := mask.Volume()
	why := ""
	switch {
	case ml == 0:
		why = "not found in this scan"
	case ml < prompt.MinVolumeML:
		why = fmt.Sprintf("not found in this scan: what was seen (%.2f mL) is below the %g mL from which this model is believed", ml, prompt.MinVolumeML)
		mask = nil
	}
	seconds := time.Since(start).Seconds()
	for _, w := range r.waiting {
		if !w.left[call.Class] {
			continue
		}
		w.result.Seconds += seconds
		delete(w.left, call.Class)
		if slices.Contains(w.result.Subtract, call.Class) {
			if mask != nil {
				w.minus = unite(w.minus, mask)
			}
		} else if why != "" {
			w.absent = append(w.absent, why)
		} else {
			w.take(mask, call.Class)
		}
		if len(w.left) == 0 {
			if err := r.emit(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds a class's mask to a term's. The mask itself is shared between terms
// and must not be written to.
func (w *pending) take(mask *volume.Mask, class string) {
	w.found = append(w.found, class)
	if len(w.result.Classes) == 1 && len(w.result.Subtract) == 0 {
		w.union = mask
		return
	}
	w.union = unite(w.union, mask)
}

// unite adds a mask to a union, which it makes where there is none yet.
func unite(union, mask *volume.Mask) *volume.Mask {
	if union == nil {
		return &volume.Mask{Grid: mask.Grid, Data: slices.Clone(mask.Data)}
	}
	for i, v := range mask.Data {
		union.Data[i] |= v
	}
	return union
}

// cutOut takes what is to be subtracted out of the union. False means that
// nothing is left.
func (w *pending) cutOut() bool {
	if w.minus == nil {
		return true
	}
	left := uint8(0)
	for i, v := range w.minus.Data {
		w.union.Data[i] &^= v
		left |= w.union.Data[i]
	}
	w.minus = nil
	return left != 0
}

// emit completes a term's result and gives it to the sink.
func (r *run) emit(w *pending) error {
	s := w.result
	if w.union == nil {
		s.Status, s.Reason = Absent, w.absent[0]
		return nil
	}
	if !w.cutOut() {
		w.union = nil
		s.Status, s.Reason = Absent, "nothing is left of it once "+strings.Join(s.Subtract, " and ")+" is taken out"
		return nil
	}
	s.Status = Segmented
	if len(w.absent) > 0 {
		var lost []string
		for _, c := range s.Classes {
			if !slices.Contains(w.found, c) {
				lost = append(lost, c)
			}
		}
		s.Reason = join(s.Reason, "not found in this scan: "+strings.Join(lost, ", "))
	}
	s.Voxels = w.union.Count()
	s.VolumeML = w.union.Volume()
	if s.Truncated = atEdge(w.union); s.Truncated {
		s.Reason = join(s.Reason, "it touches the scan's edge, so its volume is a lower bound")
	}
	s.Mask = w.union
	w.union = nil
	defer func() { s.Mask = nil }()
	if r.o.Sink == nil {
		return nil
	}
	s.File = r.fileName(s)
	return r.o.Sink(s)
}

// fileName is the structure's FileName, numbered where another has it already.
func (r *run) fileName(s *StructureResult) string {
	name := s.FileName()
	for n := 2; r.files[name]; n++ {
		name = strings.TrimSuffix(s.FileName(), maskSuffix) + "_" + strconv.Itoa(n) + maskSuffix
	}
	r.files[name] = true
	return name
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// atEdge says whether a mask reaches a face of its grid. An axis of one voxel
// has no faces to speak of.
func atEdge(m *volume.Mask) bool {
	b, ok := m.Bounds()
	if !ok {
		return false
	}
	for a := range 3 {
		if m.Shape[a] > 1 && (b.Min[a] == 0 || b.Max[a] == m.Shape[a]) {
			return true
		}
	}
	return false
}

// stitcher averages overlapping windows: for each query the sum of
// probabilities times weight, and once the sum of weights.
type stitcher struct {
	shape, patch3 [3]int
	gauss         []float32
	patch         []float32 // scratch
	sums          [][]float32
	weights       []float32
}

func newStitcher(shape, patch [3]int, queries int) *stitcher {
	n := shape[0] * shape[1] * shape[2]
	s := &stitcher{
		shape: shape, patch3: patch, gauss: gaussian(patch),
		patch:   make([]float32, patch[0]*patch[1]*patch[2]),
		weights: make([]float32, n), sums: make([][]float32, queries),
	}
	for q := range s.sums {
		s.sums[q] = make([]float32, n)
	}
	return s
}

// rows calls f for each line of a window: its offsets in the volume and in the
// patch, and its length. A window smaller than the patch takes the patch's (and
// the Gaussian's) first part.
func (s *stitcher) rows(w window, f func(at, from, n int)) {
	n := w.hi[2] - w.lo[2]
	for x := w.lo[0]; x < w.hi[0]; x++ {
		for y := w.lo[1]; y < w.hi[1]; y++ {
			f((x*s.shape[1]+y)*s.shape[2]+w.lo[2], ((x-w.lo[0])*s.patch3[1]+y-w.lo[1])*s.patch3[2], n)
		}
	}
}

// add puts in the logits of some queries, the first being number first. False
// means that a logit is NaN.
func (s *stitcher) add(w window, first int, logits []float32, threads int) bool {
	size := len(s.gauss)
	ok := make([]bool, len(logits)/size)
	parallel(len(ok), threads, func(q int) {
		one, sum := logits[q*size:(q+1)*size], s.sums[first+q]
		good := true
		s.rows(w, func(at, from, n int) {
			for i, l := range one[from : from+n] {
				good = good && l == l
				sum[at+i] += sigmoid(l) * s.gauss[from+i]
			}
		})
		ok[q] = good
	})
	return !slices.Contains(ok, false)
}

func (s *stitcher) weigh(w window) {
	s.rows(w, func(at, from, n int) {
		for i, g := range s.gauss[from : from+n] {
			s.weights[at+i] += g
		}
	})
}

// probability gives the average of one query. It may be asked once; the result
// is the caller's.
func (s *stitcher) probability(q int) []float32 {
	p := s.sums[q]
	s.sums[q] = nil
	for i := range p {
		p[i] /= s.weights[i]
	}
	return p
}

func sigmoid(l float32) float32 { return float32(1 / (1 + math.Exp(-float64(l)))) }
