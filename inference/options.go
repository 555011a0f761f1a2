package inference

import (
	"time"

	"satgraph/volume/prepare"
)

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
	// MemoryBytes is how large the process may become: 0 means as large as the
	// machine, or the container, has room for. Where not all classes fit at a
	// time, the model looks at the scan several times.
	MemoryBytes int64
	// MaxVoxels bounds the scan at the model's spacing; 0 means 512 Mi.
	MaxVoxels int64
	// SATExact does as SAT's published code does also where that is a fault,
	// for comparison: see the errors of Run, which it turns into empty masks,
	// and negligible logits are summed like any other.
	SATExact bool
	// Nearest restores from the nearest voxel of the model's grid in place of
	// interpolating between eight.
	Nearest bool
	// Fast passes windows by that hold nothing but air (CT at or below -500 HU).
	// A structure that reaches into one, as bowel gas does, may lose that part.
	Fast bool
	// WholeIsUnion adds to each asked term the masks of its asked parts, so that
	// a whole holds all its parts.
	WholeIsUnion bool
	// Work is a folder in which a run keeps what it needs to go on after the
	// process was killed, and finds what a former run of the same scan, model,
	// plan and options left. It is removed when a run ends well. Empty: nothing
	// is kept.
	Work string
	// SaveEvery is how often the state of a run is saved; 0 means 20 seconds.
	SaveEvery time.Duration
	// Sink is given each finished structure that has a mask; an error stops the
	// run. It writes the mask, usually under File. Nil keeps only the figures.
	Sink func(*StructureResult) error
	// Progress is called from the run's own goroutine.
	Progress func(Progress)
	// Forecast is told what the run will take before the model runs; an error
	// ends the run.
	Forecast func(Forecast) error

	maxBricks int // for tests: a limit below what memory allows
}

const defaultMaxVoxels = prepare.DefaultMaxVoxels

func (o Options) withDefaults() Options {
	if o.MaxVoxels <= 0 {
		o.MaxVoxels = defaultMaxVoxels
	}
	if o.SaveEvery <= 0 {
		o.SaveEvery = 20 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Forecast == nil {
		o.Forecast = func(Forecast) error { return nil }
	}
	return o
}
