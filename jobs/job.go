package jobs

import (
	"errors"
	"slices"
	"time"

	"satgraph/inference"
)

// State is where a job stands.
type State string

// The states. Queued and Running change by themselves; the others are final.
const (
	Queued    State = "QUEUED"
	Running   State = "RUNNING"
	Done      State = "DONE"      // every asked structure was looked for
	Partial   State = "PARTIAL"   // some were; the others say why not
	Failed    State = "FAILED"    // the run broke off: see Failure
	Cancelled State = "CANCELLED" // stopped because someone asked
	Refused   State = "REFUSED"   // nothing that was asked can be segmented
)

// States lists all states in the order in which a job may pass them.
func States() []State {
	return []State{Queued, Running, Done, Partial, Failed, Cancelled, Refused}
}

// Final says whether a job in this state will change no more.
func (s State) Final() bool { return s != Queued && s != Running }

// Pending is the status of a structure whose turn has not come. The other
// statuses are those of package inference.
const Pending = "pending"

// Request is what a job is asked to do.
type Request struct {
	// Owner is the subject of who asked, as the service knows them; empty where
	// nobody was asked who they are. The runner keeps it and decides nothing by it.
	Owner string `json:"owner,omitempty"`
	// ImageID names the scan to the one who asked; ImagePath is the file.
	ImageID   string `json:"imageId"`
	ImagePath string `json:"imagePath"`
	// Model is the name of the model to run; empty is the default one.
	Model string `json:"model"`
	// Plan says what to segment. A plan without calls makes a refused job.
	Plan *inference.Plan `json:"plan"`
	// Trace is the step of the request that the job is part of, as package steps
	// writes it down; empty where nobody records it.
	Trace string `json:"trace,omitempty"`
}

// Job is a snapshot of one job. It shares nothing with the runner.
type Job struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Progress goes from 0 to 1 and never back.
	Progress float64 `json:"progress"`
	// Phase says in a word what is being done: one of inference's phases.
	Phase string `json:"phase,omitempty"`
	// Position is the place in the queue, 1 being the next to run; 0 when the
	// job is not waiting.
	Position int `json:"-"`

	// Starts is how often it was started: more than once where the process ended
	// under it.
	Starts int `json:"starts,omitempty"`

	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	Request Request   `json:"request"`
	Model   ModelInfo `json:"model"`
	// Structures has one entry for each asked term, in the plan's order. File
	// is the mask's name inside the job's folder, empty where there is none.
	Structures []inference.StructureResult `json:"structures"`
	Warnings   []string                    `json:"warnings,omitempty"`
	// Failure says why a job failed; nil otherwise.
	Failure *Failure `json:"failure,omitempty"`
}

// ModelInfo is what a job keeps of the model that ran.
type ModelInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Demo    bool   `json:"demo"`
	Notice  string `json:"notice"`
}

// Failure is an error as it is kept and shown: one line, a stable code, and
// what to do about it.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Errors of this package.
var (
	// ErrNotFound: there is no job of that id.
	ErrNotFound = errors.New("no such job")
	// ErrQueueFull: too many jobs wait already.
	ErrQueueFull = errors.New("the queue is full")
	// ErrFinished: the job has ended and cannot be cancelled.
	ErrFinished = errors.New("the job has already ended")
	// ErrClosed: the runner takes no more jobs.
	ErrClosed = errors.New("the job runner is closed")
	// ErrInterrupted: the process ended while the job ran, too often for it to be
	// started once more.
	ErrInterrupted = errors.New("the service was stopped while the job ran")
)

// clone copies what a later change of j would touch.
func (j *Job) clone() Job {
	c := *j
	c.Structures = slices.Clone(j.Structures)
	c.Warnings = slices.Clone(j.Warnings)
	return c
}

// planned gives the structures of a plan before anything ran.
func planned(plan *inference.Plan) []inference.StructureResult {
	out := make([]inference.StructureResult, len(plan.Terms))
	for i, t := range plan.Terms {
		out[i] = inference.StructureResult{
			TermID: t.ID, Term: t.Name, Classes: t.Classes, Missing: t.Missing,
			Status: t.Status, Reason: t.Reason,
		}
		unreached(&out[i])
	}
	return out
}

// unreached marks a structure of which only the plan is known.
func unreached(s *inference.StructureResult) {
	if s.Status == inference.Segmentable || s.Status == inference.Composable {
		s.Status = Pending
	}
}

// outcome is the state of a job whose run ended without error.
func outcome(structures []inference.StructureResult) State {
	answered, open := 0, 0
	for _, s := range structures {
		switch s.Status {
		case inference.Segmented, inference.Absent:
			answered++
			if len(s.Missing) > 0 {
				open++
			}
		default:
			open++
		}
	}
	switch {
	case open == 0:
		return Done
	case answered == 0:
		return Refused
	default:
		return Partial
	}
}
