package inference

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"satgraph/internal/parallel"
)

// pass runs the model over all windows for some of the calls. Where the work of
// a former process is at hand it goes on from there.
func (r *run) pass(ctx context.Context, s *stitcher, calls []int) ([]*field, error) {
	r.report.Passes++
	s.done = 0
	fields := make([]*field, len(calls))
	for i, call := range calls {
		fields[i] = s.newField(call)
	}
	p := &passage{run: r, s: s, flat: map[float32]bool{}}
	first, err := r.work.resume(s, fields)
	if err != nil {
		return nil, err
	}
	if first > 0 {
		r.report.Resumed = true
	}
	saved := time.Now()
	pause := r.o.SaveEvery
	for n := first; n < len(s.places); n++ {
		r.o.Progress(Progress{Phase: PhaseWindows, Done: n, Total: len(s.places), What: r.passName()})
		live := open(fields)
		if len(live) == 0 {
			break
		}
		if err := p.look(ctx, s.places[n], live); err != nil {
			return nil, err
		}
		s.finish(open(fields), n+1, r.o.Threads)
		if r.work != nil && n+1 < len(s.places) && time.Since(saved) > pause {
			start := time.Now()
			if err := r.work.save(s, fields, n+1); err != nil {
				r.warnWork(err)
			}
			saved = time.Now()
			// Saving must stay a small part of the work.
			pause = max(r.o.SaveEvery, 20*saved.Sub(start))
		}
	}
	r.o.Progress(Progress{Phase: PhaseWindows, Done: len(s.places), Total: len(s.places), What: r.passName()})
	return fields, nil
}

func (r *run) passName() string {
	if r.report.Passes == 1 {
		return ""
	}
	return fmt.Sprintf("pass %d", r.report.Passes)
}

func open(fields []*field) []*field {
	return slices.DeleteFunc(slices.Clone(fields), func(f *field) bool { return f.dropped })
}

// passage is one pass over the windows.
type passage struct {
	*run
	s *stitcher
	// flat knows patches of one single value: true where no class had anything to
	// say of such a patch, which it then will not have the next time either.
	flat map[float32]bool
}

// look runs the model over one window and adds what it says of each class.
func (p *passage) look(ctx context.Context, w window, fields []*field) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cut(p.scan.Data, p.scan.Grid.Shape, w, p.man.Patch, p.patch)
	flat := isFlat(p.patch)
	if !p.o.SATExact && flat && p.flat[p.patch[0]] || p.o.Fast && p.onlyAir(w) {
		p.report.Skipped++
		return nil
	}
	start := time.Now()
	features, err := p.model.Features(ctx, p.patch)
	p.report.ModelSeconds += time.Since(start).Seconds()
	if err != nil {
		return err
	}
	defer features.Close() //nolint:errcheck // freeing memory that nothing reads any more
	quiet := true
	for len(fields) > 0 {
		group := fields[:min(p.group, len(fields))]
		logits, err := p.decode(ctx, features, group)
		if errors.Is(err, ErrOutOfMemory) && len(group) > 1 {
			p.group = len(group) / 2
			p.warn("memory ran out: structures are decoded in smaller groups from now on")
			continue
		}
		if err != nil {
			return err
		}
		fields = fields[len(group):]
		size := len(p.patch)
		if flat {
			quiet = quiet && p.s.quiet(logits, [3]int{len(group) * p.man.Patch[0], p.man.Patch[1], p.man.Patch[2]})
		}
		parallel.For(len(group), p.o.Threads, func(i int) {
			start := time.Now()
			p.s.add(group[i], w, logits[i*size:(i+1)*size])
			group[i].seconds += time.Since(start).Seconds()
		})
	}
	if flat {
		p.flat[p.patch[0]] = quiet
	}
	return nil
}

func (p *passage) decode(ctx context.Context, f Features, fields []*field) ([]float32, error) {
	queries := make([][]float32, len(fields))
	for i, field := range fields {
		queries[i] = p.queries[field.call]
	}
	start := time.Now()
	logits, err := p.model.Decode(ctx, f, queries)
	p.report.ModelSeconds += time.Since(start).Seconds()
	if err == nil && len(logits) != len(p.patch)*len(fields) {
		err = fmt.Errorf("%w: %d logits for %d queries of %d voxels", ErrModelOutput, len(logits), len(fields), len(p.patch))
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
