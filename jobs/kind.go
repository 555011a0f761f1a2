package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"satgraph/inference"
)

// Kind does one kind of work. A worker has some.
type Kind interface {
	// Run does a job. It may be called again for a job whose worker ended, with
	// the same Work folder, and should then go on; only what it returns, and the
	// files in Out, count, and only if the worker still has the job then. An error
	// that [Retriable] knows is tried again later; any other is the job's end. It
	// should end soon after ctx, whose cause says why.
	Run(ctx context.Context, t *Task) (*Outcome, error)
}

// Patient is what a [Kind] may say beside: how long a job may run, in place of
// [Config.Timeout].
type Patient interface {
	// Timeout is how long a job may run; 0 is without end.
	Timeout() time.Duration
}

// Task is a job as a kind of work sees it.
type Task struct {
	Job
	// Out is an empty folder for the files of the result.
	Out string
	// Work is a folder for what a later start needs to go on. It is removed when
	// the job has ended.
	Work string
	// Image is the path of the scan on this machine; empty where there is none.
	Image string
	// Log is that of the job: its lines name the job and who asked for it.
	Log *slog.Logger
	// Update tells how far the work is. It is safe for concurrent use.
	Update func(change func(*Status))
}

// Status is how far the work is.
type Status struct {
	Phase    string
	Progress float64 // 0 to 1
	// Done and Total count the units of the work, such as scans; 0 and 0 where it
	// has none. Left is about how long the rest takes; 0 where only the progress
	// tells.
	Done, Total int
	Left        time.Duration
	Model       ModelInfo
	Structures  []inference.StructureResult
}

// Outcome is what became of a job.
type Outcome struct {
	State      State // Done, Partial or Refused
	Structures []inference.StructureResult
	Warnings   []string
	Output     json.RawMessage
}
