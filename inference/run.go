package inference

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"satgraph/internal/steps"
	"satgraph/volume"
	"satgraph/volume/prepare"
)

// Run segments what a plan asks for in one scan. The plan should come from
// Plan.ForModel; Run calls it itself, so any plan will do.
//
// The scan is prepared as SAT does (see the package's comment on differences),
// looked at window by window, and each class's probabilities, averaged over the
// windows with a Gaussian weight, are sampled back at the scan's own voxel
// centres. A term's mask is the union of its classes' masks, less those that
// the plan subtracts.
//
// The model sees each window once. Sums of probabilities are kept only where a
// class has something to say and only until no later window reaches them, so
// that memory hardly goes with the number of terms; where it does not suffice
// (Options.MemoryBytes) some classes wait for another pass over the scan.
//
// A report comes back beside every error that occurs after the plan was made;
// when the context ends, what was not reached is listed as cancelled and the
// error is the context's. A structure that alone cannot be finished is listed
// as failed, with its reason.
//
// Errors: those of ForModel, ErrEmptyImage, ErrConstantImage, ErrNotFinite,
// ErrGridTooLarge, ErrMemory, ErrModelOutput, volume.ErrBadAffine,
// volume.ErrShape, and whatever the model, Options.Sink and Options.Forecast
// return.
func Run(ctx context.Context, model Model, im *volume.Image, plan *Plan, o Options) (_ *Report, err error) {
	start := time.Now()
	o = o.withDefaults()
	asked := plan
	plan, err = plan.ForModel(model.Manifest())
	if plan == nil {
		return nil, err
	}
	ctx, step := steps.Start(ctx, "inference", steps.Str("model", model.Manifest().Name))
	defer func() { step.End(err) }()
	r := newRun(model, plan, o)
	r.image = im
	r.otherModality(asked)
	defer func() {
		for i := range r.report.Structures {
			s := &r.report.Structures[i]
			s.Outcome = s.outcome()
		}
		r.report.Elapsed = time.Since(start)
		r.report.Seconds = r.report.Elapsed.Seconds()
	}()
	if err != nil {
		return r.report, err
	}
	if err := r.all(ctx); err != nil {
		r.leave(ctx, err)
		if ctx.Err() != nil {
			return r.report, fmt.Errorf("segmentation was stopped: %w", ctx.Err())
		}
		return r.report, err
	}
	r.lookForEdges()
	return r.report, nil
}

// run is one run's state.
type run struct {
	model   Model
	man     *Manifest
	o       Options
	image   *volume.Image
	plan    *Plan
	calls   []Call
	queries [][]float32
	group   int // queries decoded at a time
	// together is how many windows the model looks at in one call.
	together int
	waiting  []*pending
	done     map[string]*finished // by class
	report   *Report
	scan     *prepare.Scan
	patches  [][]float32 // scratch, one for each window of a call
	work     *work
	files    map[string]bool // names given to masks
	told     map[string]bool // warnings given
	settled  int             // classes whose terms are in the report
}

// finished is what became of a class.
type finished struct {
	bits    *volume.Bits // nil where nothing was found
	why     string       // nothing was found
	failed  bool         // and the reason is that it could not be done
	seconds float64
}

// pending is a term of which not all classes are done.
type pending struct {
	result  *StructureResult
	left    map[string]bool // classes still to come
	seconds float64         // spent on the others
	settled bool            // the result is in the report
}

func newRun(model Model, plan *Plan, o Options) *run {
	man := model.Manifest()
	r := &run{
		model: model, man: man, o: o, plan: plan, calls: plan.Calls,
		done: map[string]*finished{}, files: map[string]bool{}, told: map[string]bool{},
		report: &Report{
			Model: man.Name, Version: man.Version, Demo: man.Demo, Notice: man.Warning(), Files: man.Files,
			Query: plan.Query, Modality: plan.Modality,
			Structures: make([]StructureResult, len(plan.Terms)), Warnings: []string{},
		},
	}
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
		if o.WholeIsUnion {
			s.Parts = plan.partsOf(t)
		}
		w := &pending{result: s, left: map[string]bool{}}
		var prompts []string
		for _, c := range plan.Calls {
			if slices.Contains(t.Classes, c.Class) || slices.Contains(t.Subtract, c.Class) || slices.Contains(s.Parts, c.Class) {
				w.left[c.Class] = true
			}
			if slices.Contains(t.Classes, c.Class) {
				prompts = append(prompts, c.Prompt)
			}
		}
		s.Prompt = strings.Join(prompts, " + ")
		r.waiting = append(r.waiting, w)
	}
	return r
}

// leave gives a status to what a run did not reach.
func (r *run) leave(ctx context.Context, err error) {
	for _, w := range r.waiting {
		s := w.result
		switch {
		case w.settled:
			continue
		case ctx.Err() != nil:
			s.Status, s.Reason = Cancelled, "the run was stopped before it was done"
		default:
			s.Status, s.Reason = Cancelled, "the run broke off before it was done: "+err.Error()
		}
		s.Seconds = w.seconds
	}
}

// warn puts a warning into the report, once.
func (r *run) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !r.told[text] {
		r.told[text] = true
		r.report.Warnings = append(r.report.Warnings, text)
	}
}

func (r *run) all(ctx context.Context) error {
	r.o.Progress(Progress{Phase: PhasePrepare, Total: 1})
	var err error
	_, step := steps.Start(ctx, "prepare")
	r.scan, err = prepare.Do(ctx, r.image, r.preparation())
	if step.End(err); err != nil {
		return err
	}
	r.report.Warnings = append(r.report.Warnings, r.scan.Warnings...)
	if r.scan.Empty() {
		return r.nothing(ctx)
	}
	r.o.Progress(Progress{Phase: PhaseEncode, Total: len(r.calls)})
	if err := r.encode(ctx); err != nil {
		return err
	}
	to, err := newRestorer(r.scan, r.o.Nearest)
	if err != nil {
		return err
	}
	s := newStitcher(r.scan.Grid.Shape, r.man.Patch, to, nil, r.o.SATExact)
	if s.pool, err = r.budget(s); err != nil {
		return err
	}
	r.report.Windows = len(s.places)
	for range r.together {
		r.patches = append(r.patches, make([]float32, len(s.gauss)))
	}
	if err := r.openWork(); err != nil {
		return err
	}
	todo := make([]int, len(r.calls))
	for i := range todo {
		todo[i] = i
	}
	for len(todo) > 0 {
		windows, step := steps.Start(ctx, "windows", steps.Num("windows", float64(len(s.places))), steps.Num("structures", float64(len(todo))))
		fields, err := r.pass(windows, s, todo)
		step.End(err)
		if err != nil {
			return err
		}
		s.pool.empty()
		if todo, err = r.settle(ctx, fields); err != nil {
			return err
		}
	}
	r.o.Progress(Progress{Phase: PhaseRestore, Done: len(r.calls), Total: len(r.calls)})
	r.work.remove()
	return nil
}

// preparation is what the model wants of a scan.
func (r *run) preparation() prepare.Options {
	return prepare.Options{
		Spacing: r.man.Spacing, CT: r.report.Modality == CT,
		AsPublished: r.o.SATExact, MaxVoxels: r.o.MaxVoxels, Threads: r.o.Threads,
	}
}

// nothing ends a run of a scan in which SAT's own code sees nothing at all.
func (r *run) nothing(ctx context.Context) error {
	return r.complete(ctx, len(r.calls), func(i int) (Call, *finished) {
		return r.calls[i], &finished{why: "not found in this scan"}
	})
}

func (r *run) encode(ctx context.Context) error {
	prompts := make([]string, len(r.calls))
	for i, c := range r.calls {
		prompts[i] = c.Prompt
	}
	var err error
	start := time.Now()
	encoding, step := steps.Start(ctx, "model.encode")
	r.queries, err = r.model.Encode(encoding, prompts, r.report.Modality)
	step.End(err)
	r.report.ModelSeconds += time.Since(start).Seconds()
	if err != nil {
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

// settle takes over what a pass found, and gives the calls that need another.
func (r *run) settle(ctx context.Context, fields []*field) (again []int, err error) {
	spoilt := 0
	for _, f := range fields {
		if f.nan {
			spoilt++
		}
	}
	if spoilt == len(r.calls) {
		return nil, fmt.Errorf("%w: the logits hold NaN", ErrModelOutput)
	}
	if err := r.work.savePass(fields); err != nil {
		r.warnWork(err)
	}
	var done []*field
	for _, f := range fields {
		if f.dropped.Load() && !f.nan {
			again = append(again, f.call)
		} else {
			done = append(done, f)
		}
	}
	err = r.complete(ctx, len(done), func(i int) (Call, *finished) {
		f := done[i]
		call := r.calls[f.call]
		out := r.judge(call, f)
		f.bits = nil
		return call, out
	})
	if err != nil {
		return nil, err
	}
	if len(again) == len(fields) {
		return nil, fmt.Errorf("%w: not one class fits; raise the limit", ErrMemory)
	}
	if len(again) > 0 {
		r.warn("memory holds no more: the model looks at the scan again for the remaining classes")
	}
	return again, nil
}

// judge applies the model's own rules to a class's mask.
func (r *run) judge(call Call, f *field) *finished {
	start := time.Now()
	out := &finished{seconds: f.seconds}
	defer func() { out.seconds += time.Since(start).Seconds() }()
	if f.nan {
		out.failed, out.why = true, "the model gave NaN"
		return out
	}
	prompt, ok := r.man.Prompt(call.Class, call.Modality)
	if !ok {
		prompt = &Prompt{}
	}
	bits := f.bits
	if prompt.KeepLargest {
		if c := findComponents(bits); c.count() > 1 {
			bits = c.largest(bits.Grid)
		}
	}
	switch ml := bits.Volume(); {
	case ml == 0:
		out.why = "not found in this scan"
	case ml < prompt.MinVolumeML:
		out.why = fmt.Sprintf("not found in this scan: what was seen (%.2f mL) is below the %g mL from which this model is believed", ml, prompt.MinVolumeML)
	default:
		out.bits = bits
	}
	return out
}

// step is a class that is finished and what comes of it for the terms that
// waited for it alone.
type step struct {
	call Call
	made []made
}

// made is a term's result before it is in the report.
type made struct {
	to     *pending
	result StructureResult
	mask   *volume.Bits // nil where nothing was found
	err    error
}

// complete hands n classes to the terms that wait for them, in order, and gives
// the masks of those that wait for nothing more to the sink. While the sink
// writes one, the next is united and measured.
func (r *run) complete(ctx context.Context, n int, class func(i int) (Call, *finished)) error {
	steps := make(chan step, 1)
	stop := make(chan struct{})
	defer func() {
		close(stop)
		for range steps { // until it has ended
		}
	}()
	go func() {
		defer close(steps)
		for i := range n {
			select {
			case steps <- r.finish(class(i)):
			case <-stop:
				return
			}
		}
	}()
	for s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.o.Progress(Progress{Phase: PhaseRestore, Done: r.settled, Total: len(r.calls), What: s.call.Class})
		for _, m := range s.made {
			if err := r.emit(m); err != nil {
				m.to.result.Status, m.to.result.Reason = Failed, err.Error()
				m.to.settled = true
				return err
			}
		}
		r.settled++
	}
	return nil
}

// finish hands a class to the terms that wait for it, and composes those that
// wait for nothing more. A mask that no term needs any longer is forgotten.
func (r *run) finish(call Call, f *finished) step {
	r.done[call.Class] = f
	out := step{call: call}
	needed := map[string]bool{}
	for _, w := range r.waiting {
		if w.left[call.Class] {
			w.seconds += f.seconds
			delete(w.left, call.Class)
			if len(w.left) == 0 {
				out.made = append(out.made, r.make(w))
			}
		}
		if len(w.left) > 0 {
			for _, list := range [][]string{w.result.Classes, w.result.Subtract, w.result.Parts} {
				for _, class := range list {
					needed[class] = true
				}
			}
		}
	}
	for class, f := range r.done {
		if !needed[class] {
			f.bits = nil
		}
	}
	return out
}

// make composes and measures a term's mask.
func (r *run) make(w *pending) made {
	out := made{to: w, result: *w.result}
	s := &out.result
	s.Seconds = w.seconds
	mask, lost, why, err := r.compose(s)
	switch {
	case err != nil:
		out.err = err
		return out
	case mask == nil:
		s.Status, s.Reason = Absent, why.why
		if why.failed {
			s.Status = Failed
		}
		return out
	}
	for _, class := range s.Subtract {
		if f := r.done[class]; f.bits != nil {
			if out.err = mask.Subtract(f.bits); out.err != nil {
				return out
			}
		}
	}
	s.measure(mask, r.image)
	if s.Voxels == 0 {
		s.Status, s.Reason = Absent, "nothing is left of it once "+strings.Join(s.Subtract, " and ")+" is taken out"
		return out
	}
	s.Status, out.mask = Segmented, mask
	if len(lost) > 0 {
		s.Reason = join(s.Reason, "not found in this scan: "+strings.Join(lost, ", "))
	}
	if s.Truncated {
		s.Reason = join(s.Reason, "it touches the scan's edge, so its volume is a lower bound")
	}
	return out
}

// emit puts a term's result into the report and gives its mask to the sink.
func (r *run) emit(m made) error {
	if m.err != nil {
		return m.err
	}
	s := m.to.result
	*s = m.result
	m.to.settled = true
	if m.mask == nil || r.o.Sink == nil {
		return nil
	}
	s.Mask = m.mask
	defer func() { s.Mask = nil }()
	s.File = r.fileName(s)
	return r.o.Sink(s)
}

// compose unites the classes of a term: a mask that the caller may keep and, if
// something is to be taken out of it, change. lost names the classes that were
// not found; why is the first of them.
func (r *run) compose(s *StructureResult) (mask *volume.Bits, lost []string, why *finished, err error) {
	own := false
	for n, class := range slices.Concat(s.Classes, s.Parts) {
		f := r.done[class]
		switch {
		case f.bits == nil:
			if n < len(s.Classes) {
				lost = append(lost, class)
				if why == nil || f.failed {
					why = f
				}
			}
			continue
		case mask == nil && len(s.Classes)+len(s.Parts) == 1 && len(s.Subtract) == 0:
			return f.bits, nil, nil, nil
		case mask == nil:
			mask, own = volume.NewBits(f.bits.Grid), true
		}
		if err := mask.Union(f.bits); err != nil {
			return nil, nil, nil, err
		}
	}
	if own && len(s.Parts) > 0 {
		s.Reason = join(s.Reason, "united with its parts, as asked: "+strings.Join(s.Parts, ", "))
	}
	if mask == nil && why == nil {
		return nil, nil, nil, errors.New("a structure of no class")
	}
	return mask, lost, why, nil
}

// fileName is the structure's FileName, numbered where another has it already.
func (r *run) fileName(s *StructureResult) string {
	base := strings.TrimSuffix(s.FileName(), maskSuffix)
	name := base + maskSuffix
	for n := 2; r.files[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s_%d%s", base, n, maskSuffix)
	}
	r.files[strings.ToLower(name)] = true
	return name
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
