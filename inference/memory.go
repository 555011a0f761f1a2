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
}

// atWork is the most that a model takes with some queries at a time. The last
// window's logits are still held while the next is looked at.
func (f Footprint) atWork(queries, patch int64) int64 {
	return max(f.Features+queries*patch, f.Held+f.Decode+queries*f.Query)
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
	Windows    int   `json:"windows"`
}

const (
	// mostLogits bounds what one call of Decode gives, where memory allows.
	mostLogits = 512 << 20
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
	fixed := now + 2*patch + s.weightBytes()
	dense := s.denseBytes()
	f.Queries = len(r.calls)
	if limit > 0 {
		least := fixed + model.atWork(1, patch) + dense + reserve
		if least > limit {
			return nil, fmt.Errorf("%w: this scan needs %s with this model and there are %s; free memory, raise the limit, crop the scan or take a smaller model",
				ErrMemory, mib(least), mib(limit))
		}
		room := limit - least
		f.Queries = 1 + int(min(room/4, mostLogits)/model.Query)
	} else {
		f.Queries = max(1, int(mostLogits/model.Query))
	}
	f.Queries = min(f.Queries, len(r.calls))
	f.Model = model.atWork(int64(f.Queries), patch)
	all := dense * int64(len(r.calls))
	most1 := all
	if limit > 0 {
		most1 = min(all, limit-fixed-f.Model-reserve)
	}
	f.Structures = min(most1, int64(openShare*float64(all))) + int64(len(r.calls))*r.maskBytes()
	inUse := f.Structures + model.Held + int64(f.Queries)*patch
	f.Peak = max(most, fixed+f.Model+f.Structures+int64(garbageShare*float64(inUse)))
	r.group = f.Queries
	r.report.Forecast = &f
	if r.o.maxBricks > 0 {
		return &pool{limit: r.o.maxBricks}, r.o.Forecast(f)
	}
	// A chunk more than is strictly needed costs nothing that counts.
	p := &pool{limit: int(most1/brickBytes) + chunkBricks}
	return p, r.o.Forecast(f)
}

// denseBytes is what one class takes that is open everywhere.
func (s *stitcher) denseBytes() int64 {
	open := min(s.across[s.axis], s.patch[s.axis]/brickSide+2)
	return int64(open) * int64(s.across[s.others[0]]) * int64(s.across[s.others[1]]) * brickBytes
}

func (s *stitcher) weightBytes() int64 {
	return 4 * (brickSide + 1) * int64(s.shape[s.others[0]]) * int64(s.shape[s.others[1]])
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
