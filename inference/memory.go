package inference

import (
	"fmt"
	"runtime/debug"

	"satgraph/internal/sysmem"
)

// Footprint is what the calls of a model take, in bytes, beside the weights.
// 0 means not known.
type Footprint struct {
	Features int64 // at most, while one window is looked at, its result included
	Held     int64 // by one window's Features until they are closed
	Decode   int64 // by one call of Decode, whatever the queries
	Query    int64 // by each query of it, its logits included
	// Together is how many windows a Batcher should look at in one call, where
	// memory allows; below 2 it is one. Each takes what the first does.
	Together int
}

// atWork is the most that a model takes with some queries and windows at a
// time. The logits of two calls are held, also while the next windows are
// looked at.
func (f Footprint) atWork(queries, windows, patch int64) int64 {
	logits := logitBuffers * queries * patch
	return max(windows*f.Features+logits, windows*f.Held+f.Decode+queries*(f.Query-patch)+logits)
}

// Sizer is a Model that knows what it takes.
type Sizer interface {
	Footprint() Footprint
}

// Forecast is what a run is expected to take, in bytes.
type Forecast struct {
	Now        int64 `json:"now"`        // held when the forecast was made: program, weights, scan
	Model      int64 `json:"model"`      // by the model at work
	Structures int64 `json:"structures"` // by sums and masks, as far as they can be known
	Peak       int64 `json:"peak"`       // the most that the process is expected to hold
	Limit      int64 `json:"limit"`      // that it will not exceed; 0 where it is not known
	Queries    int   `json:"queries"`    // decoded at a time
	Together   int   `json:"together"`   // windows in one call of the model
	Windows    int   `json:"windows"`
}

const (
	// mostLogits bounds the logits that are held, where memory allows. Of a model
	// whose work on a window is known they are logitShare of it, but of
	// leastQueries at a time: more take memory and hardly save time.
	mostLogits   = 512 << 20
	logitShare   = 0.0625
	leastQueries = 4
	// reserve is left to the system and to what no forecast knows.
	reserve = 64 << 20
	// openShare is the part of its slab that a structure is expected to be open
	// in. A model that is unsure everywhere takes all of it.
	openShare = 0.75
	// garbageShare is what the collector lets lie beside what is in use.
	garbageShare = 0.2
)

// budget divides memory: it makes the forecast, and the pool of bricks that
// keeps to it.
func (r *run) budget(s *stitcher) (*pool, error) {
	// What preparing left behind must not count as needed.
	debug.FreeOSMemory()
	now, most, known := sysmem.Process()
	limit := r.o.MemoryBytes
	if left, ok := sysmem.Available(); known && ok && (limit <= 0 || now+left < limit) {
		limit = now + left
	}
	f := Forecast{Now: now, Limit: limit, Windows: len(s.places)}
	var model Footprint
	if sizer, ok := r.model.(Sizer); ok {
		model = sizer.Footprint()
	}
	patch := int64(4 * len(s.gauss))
	model.Query = max(model.Query, patch)
	f.Together = 1
	if _, ok := r.model.(Batcher); ok {
		f.Together = max(1, min(model.Together, len(s.places)))
	}
	fixed := now + patch + s.weightBytes() // the Gaussian
	dense := s.denseBytes()
	f.Queries = max(1, int(mostLogits/logitBuffers/model.Query))
	if model.Features > 0 {
		f.Queries = min(f.Queries, max(leastQueries, int(logitShare*float64(model.Features)/logitBuffers)/int(patch)))
	}
	f.Queries = min(f.Queries, len(r.calls))
	if limit > 0 {
		least := fixed + patch + model.atWork(1, 1, patch) + dense + reserve
		if least > limit {
			return nil, fmt.Errorf("%w: this scan needs %s with this model and there are %s; free memory, raise the limit, crop the scan or take a smaller model",
				ErrMemory, mib(least), mib(limit))
		}
		// A quarter of what is left for each; the rest is for the structures.
		room := (limit - least) / 4
		f.Queries = min(f.Queries, 1+int(room/(model.Query+patch)))
		if f.Together > 1 {
			f.Together = min(f.Together, 1+int(room/(max(model.Features, model.Held)+patch)))
		}
	}
	fixed += int64(f.Together) * patch
	f.Model = model.atWork(int64(f.Queries), int64(f.Together), patch)
	all := dense * int64(len(r.calls))
	most1 := all
	if limit > 0 {
		most1 = min(all, limit-fixed-f.Model-reserve)
	}
	f.Structures = min(most1, int64(openShare*float64(all))) + int64(len(r.calls))*r.maskBytes()
	inUse := f.Structures + logitBuffers*int64(f.Queries)*patch
	f.Peak = max(most, fixed+f.Model+f.Structures+int64(garbageShare*float64(inUse)))
	r.group, r.together = f.Queries, f.Together
	r.report.Forecast = &f
	if r.o.maxBricks > 0 {
		return &pool{limit: r.o.maxBricks}, r.o.Forecast(f)
	}
	// A chunk more than is strictly needed costs nothing that counts.
	p := &pool{limit: int(most1/brickBytes) + chunkBricks}
	return p, r.o.Forecast(f)
}

// denseBytes is what one class takes that is open everywhere: the most bricks
// that windows have reached and not been the last to reach.
func (s *stitcher) denseBytes() int64 {
	open := make([]bool, s.across[0]*s.across[1]*s.across[2])
	live, most := int64(0), int64(0)
	each := func(lo, hi [3]int, f func(open *bool)) {
		for x := lo[0]; x < hi[0]; x++ {
			for y := lo[1]; y < hi[1]; y++ {
				for z := lo[2]; z < hi[2]; z++ {
					f(&open[(x*s.across[1]+y)*s.across[2]+z])
				}
			}
		}
	}
	for n, w := range s.places {
		var lo, hi [3]int
		for a := range 3 {
			lo[a], hi[a] = w.lo[a]/brickSide, (w.hi[a]+brickSide-1)/brickSide
		}
		each(lo, hi, func(open *bool) {
			if !*open {
				*open = true
				live++
			}
		})
		most = max(most, live)
		lo, hi = s.final(n)
		each(lo, hi, func(*bool) { live-- })
	}
	return most * brickBytes
}

// weightBytes is at most what the weights of a layer take.
func (s *stitcher) weightBytes() int64 {
	most := int64(0)
	for n := range s.places {
		lo, hi := s.final(n)
		bytes := int64(4 * (brickSide + 1))
		for _, a := range s.others {
			bytes *= int64((hi[a]-lo[a])*brickSide + 1)
		}
		most = max(most, bytes)
	}
	return most
}

// maskBytes is about what the mask of one class takes.
func (r *run) maskBytes() int64 {
	const share = 0.02
	return int64(share * float64(r.scan.Source.Voxels()) / 8)
}

func mib(n int64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
}
