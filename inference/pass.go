package inference

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"satgraph/internal/steps"
)

// pass runs the model over all windows for some of the calls. Where the work of
// a former process is at hand it goes on from there. What the model says of a
// window is stitched and restored while it looks at the next.
func (r *run) pass(ctx context.Context, s *stitcher, calls []int) ([]*field, error) {
	r.report.Passes++
	fields := make([]*field, len(calls))
	for i, call := range calls {
		fields[i] = s.newField(call)
	}
	first, err := r.work.resume(s, fields)
	if err != nil {
		return nil, err
	}
	if first > 0 {
		r.report.Resumed = true
	}
	p := &passage{run: r, s: s, crew: newCrew(beside(r.o.Threads)), flat: map[float32]bool{}}
	defer p.crew.close()
	saved := time.Now()
	pause := r.o.SaveEvery
	for n := first; n < len(s.places); {
		r.o.Progress(Progress{Phase: PhaseWindows, Done: n, Total: len(s.places), What: r.passName()})
		live := open(fields)
		if len(live) == 0 {
			break
		}
		next := min(n+r.together, len(s.places))
		if err := p.look(ctx, n, next, live); err != nil {
			return nil, err
		}
		if n = next; r.work != nil && n < len(s.places) && time.Since(saved) > pause {
			p.crew.drain()
			start := time.Now()
			if err := r.work.save(fields, n); err != nil {
				r.warnWork(err)
			}
			saved = time.Now()
			// Saving must stay a small part of the work.
			pause = max(r.o.SaveEvery, 20*saved.Sub(start))
		}
	}
	p.crew.drain()
	r.o.Progress(Progress{Phase: PhaseWindows, Done: len(s.places), Total: len(s.places), What: r.passName()})
	return fields, nil
}

// beside is how many goroutines may work while the model does, which has the
// same processors.
func beside(threads int) int {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return threads / 2
}

func (r *run) passName() string {
	if r.report.Passes == 1 {
		return ""
	}
	return fmt.Sprintf("pass %d", r.report.Passes)
}

func open(fields []*field) []*field {
	return slices.DeleteFunc(slices.Clone(fields), func(f *field) bool { return f.dropped.Load() })
}

// passage is one pass over the windows.
type passage struct {
	*run
	s    *stitcher
	crew *crew
	// adding are the stages that read what the last calls of Decode gave, by the
	// call's number: the memory of one is used again by the next but one.
	adding [logitBuffers]*stage
	calls  int
	// flat knows patches of one single value: true where no class had anything to
	// say of such a patch, which it then will not have the next time either.
	flat map[float32]bool
}

// sight is a window that the model looks at.
type sight struct {
	number   int
	flat     bool
	level    float32 // its one value, where it is flat
	features Features
}

// look runs the model over windows from up to to, and has what it says of each
// class added.
func (p *passage) look(ctx context.Context, from, to int, fields []*field) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var seen []*sight
	for n := from; n < to; n++ {
		w, patch := p.s.places[n], p.patches[len(seen)]
		cut(p.scan.Data, p.scan.Grid.Shape, w, p.man.Patch, patch)
		flat := isFlat(patch)
		if !p.o.SATExact && flat && p.flat[patch[0]] || p.o.Fast && p.onlyAir(w) {
			p.report.Skipped++
			continue
		}
		seen = append(seen, &sight{number: n, flat: flat, level: patch[0]})
	}
	defer func() {
		for _, v := range seen {
			if v.features != nil {
				_ = v.features.Close() // freeing memory that nothing reads any more
			}
		}
	}()
	if err := p.features(ctx, seen); err != nil {
		return err
	}
	for n := from; n < to; n++ {
		if len(seen) > 0 && seen[0].number == n {
			if err := p.say(ctx, seen[0], fields); err != nil {
				return err
			}
			err := seen[0].features.Close()
			seen = seen[1:]
			if err != nil {
				return err
			}
		}
		p.s.finish(p.crew, fields, n)
	}
	return nil
}

// say has the model say something of each class at a window.
func (p *passage) say(ctx context.Context, v *sight, fields []*field) error {
	quiet := true
	for len(fields) > 0 {
		group := fields[:min(p.group, len(fields))]
		logits, err := p.decode(ctx, v.features, group)
		if errors.Is(err, ErrOutOfMemory) && len(group) > 1 {
			p.group = len(group) / 2
			p.warn("memory ran out: structures are decoded in smaller groups from now on")
			continue
		}
		if err != nil {
			return err
		}
		fields = fields[len(group):]
		size := len(p.s.gauss)
		if v.flat {
			quiet = quiet && p.s.quiet(logits, [3]int{len(group) * p.man.Patch[0], p.man.Patch[1], p.man.Patch[2]})
		}
		p.adding[(p.calls-1)%logitBuffers] = p.crew.add(len(group), func(i int) {
			f := group[i]
			if f.dropped.Load() {
				return
			}
			start := time.Now()
			p.s.add(f, p.s.places[v.number], logits[i*size:(i+1)*size])
			f.seconds += time.Since(start).Seconds()
		})
	}
	if v.flat {
		p.flat[v.level] = quiet
	}
	return nil
}

// features has the model look at windows, whose patches are cut: together, or
// one by one where it cannot or memory does not suffice.
func (p *passage) features(ctx context.Context, seen []*sight) (err error) {
	start := time.Now()
	ctx, step := steps.Start(ctx, "model.features", steps.Num("windows", float64(len(seen))))
	defer func() {
		step.End(err)
		p.report.ModelSeconds += time.Since(start).Seconds()
	}()
	if several, ok := p.model.(Batcher); ok && len(seen) > 1 {
		all, err := several.FeaturesOf(ctx, p.patches[:len(seen)])
		switch {
		case err == nil && len(all) == len(seen):
			for i, f := range all {
				seen[i].features = f
			}
			return nil
		case err == nil:
			return fmt.Errorf("%w: features of %d windows, not %d", ErrModelOutput, len(all), len(seen))
		case !errors.Is(err, ErrOutOfMemory):
			return err
		}
		p.together = 1
		p.warn("memory ran out: windows are looked at one by one from now on")
	}
	for i, v := range seen {
		if v.features, err = p.model.Features(ctx, p.patches[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *passage) decode(ctx context.Context, f Features, fields []*field) ([]float32, error) {
	queries := make([][]float32, len(fields))
	for i, field := range fields {
		queries[i] = p.queries[field.call]
	}
	p.crew.wait(p.adding[p.calls%logitBuffers])
	p.adding[p.calls%logitBuffers] = nil
	p.calls++
	start := time.Now()
	decoding, step := steps.Start(ctx, "model.decode")
	logits, err := p.model.Decode(decoding, f, queries)
	step.End(err)
	p.report.ModelSeconds += time.Since(start).Seconds()
	if size := len(p.s.gauss); err == nil && len(logits) != size*len(fields) {
		err = fmt.Errorf("%w: %d logits for %d queries of %d voxels", ErrModelOutput, len(logits), len(fields), size)
	}
	return logits, err
}

// onlyAir says whether a window of a CT holds nothing above the lower end of
// the range that the model sees.
func (p *passage) onlyAir(w window) bool {
	if p.report.Modality != CT {
		return false
	}
	shape := p.scan.Grid.Shape
	for x := w.lo[0]; x < w.hi[0]; x++ {
		for y := w.lo[1]; y < w.hi[1]; y++ {
			at := (x*shape[1] + y) * shape[2]
			for _, v := range p.scan.Data[at+w.lo[2] : at+w.hi[2]] {
				if v > p.scan.Floor {
					return false
				}
			}
		}
	}
	return true
}

// isFlat says whether all values are one.
func isFlat(patch []float32) bool {
	for _, v := range patch {
		if v != patch[0] {
			return false
		}
	}
	return true
}
