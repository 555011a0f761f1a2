package jobs

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
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
	Dead      State = "DEAD"      // given up: started again and again, it never ended well; see Failure
)

// States lists all states in the order in which a job may pass them.
func States() []State {
	return []State{Queued, Running, Done, Partial, Failed, Cancelled, Refused, Dead}
}

// Final says whether a job in this state will change no more.
func (s State) Final() bool { return s != Queued && s != Running }

// Pending is the status of a structure whose turn has not come. The other
// statuses are those of package inference.
const Pending = "pending"

// Priority is how much of its owner's share a job takes: one of High is served
// as often as four of Normal, and one of Normal as often as four of Low. It never
// starves the jobs of others.
type Priority int

// The priorities.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// cost is what a job takes of its owner's share.
func (p Priority) cost() float64 {
	switch {
	case p > Normal:
		return 0.25
	case p < Normal:
		return 4
	default:
		return 1
	}
}

// Request is what a job is asked to do.
type Request struct {
	// Kind of work; empty is [Segmentation].
	Kind string `json:"kind,omitempty"`
	// Owner is the subject of who asked, as the service knows them; empty where
	// nobody was asked who they are. Owners share the workers fairly.
	Owner string `json:"owner,omitempty"`
	// Priority among the jobs of the owner.
	Priority Priority `json:"priority,omitempty"`
	// Key is chosen by who asks, so that asking again, for instance after a lost
	// answer, gives the same job; empty makes a new job each time.
	Key string `json:"key,omitempty"`

	// ImageID names the scan to the one who asked; ImagePath is the file.
	ImageID   string `json:"imageId,omitempty"`
	ImagePath string `json:"imagePath,omitempty"`
	// ImageSHA256 is the hash of the file, in hex. Where it is empty the scan is
	// not known to be another job's.
	ImageSHA256 string `json:"imageSha256,omitempty"`
	// Model is the name of the model to run; empty is the default one.
	Model string `json:"model,omitempty"`
	// ModelDigest names the model's content, as [Digest] does; empty takes any of
	// the name.
	ModelDigest string `json:"modelDigest,omitempty"`
	// MemoryBytes that a worker must have; 0 asks for nothing.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	// Device that a worker must have, such as "cuda"; empty takes any.
	Device string `json:"device,omitempty"`
	// Plan says what to segment. A plan without calls makes a refused job.
	Plan *inference.Plan `json:"plan,omitempty"`

	// RequestID is the id of the request that asked for the job, and Trace the step
	// of it that the job is part of, as package steps writes it down; empty where
	// nobody knows. Submit finds both in its context.
	RequestID string `json:"requestId,omitempty"`
	Trace     string `json:"trace,omitempty"`

	// Size is how much work it is, in whatever measure the kind has, where that is
	// known beforehand: by it queued jobs are told when they should end. Of a
	// segmentation it is found out.
	Size float64 `json:"size,omitempty"`
	// Params are what another kind of work asks for.
	Params json.RawMessage `json:"params,omitempty"`
}

// Segmentation is the kind of work that has a scan, a model and a plan.
const Segmentation = "segment"

func (r *Request) kind() string { return cmp.Or(r.Kind, Segmentation) }

// Digest names the content of a model: its manifest holds the hashes of its
// files.
func Digest(m *inference.Manifest) string {
	text, err := json.Marshal(m)
	if err != nil {
		return "" // it has no number that JSON does not know
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:32]
}

// Job is a snapshot of one job. It shares nothing with the queue.
type Job struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Progress goes from 0 to 1, and never back unless the job is started again
	// without a saved state.
	Progress float64 `json:"progress"`
	// Phase says in a word what is being done: one of inference's phases.
	Phase string `json:"phase,omitempty"`
	// Done and Total count the units of the work, such as scans; 0 and 0 where it
	// has none, or where they are not known yet.
	Done  int `json:"done,omitempty"`
	Total int `json:"total,omitempty"`
	// Position is the place in the queue, 1 being the next to run; 0 when the
	// job is not waiting.
	Position int `json:"-"`
	// ETA is when it should end, by the measured rates of the model on its
	// device; zero where none is known.
	ETA time.Time `json:"-"`
	// Waits says why a queued job does not run though it may be first: no worker
	// can run it, another computes the same, or a failure is waited out.
	Waits string `json:"-"`

	// Starts is how often it was started: more than once where a worker ended
	// under it, or after a failure that may pass.
	Starts int `json:"starts,omitempty"`
	// Worker is the name of the one that runs or ran it.
	Worker string `json:"worker,omitempty"`
	// From is the job that computed the result, where that was another one.
	From string `json:"from,omitempty"`

	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	Request Request   `json:"request"`
	Model   ModelInfo `json:"model"`
	// Structures has one entry for each asked term, in the plan's order. File
	// is the mask's name for [Runner.MaskPath], empty where there is none.
	Structures []inference.StructureResult `json:"structures"`
	Warnings   []string                    `json:"warnings,omitempty"`
	// Output is what another kind of work gave.
	Output json.RawMessage `json:"output,omitempty"`
	// Failure says why a job failed or is dead, or, of a queued one, why its last
	// start failed; nil otherwise.
	Failure *Failure `json:"failure,omitempty"`
	// Folder of its files, inside that of the jobs.
	Folder string `json:"folder,omitempty"`
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
	// ErrNotRetried: the job has not ended, or has ended well.
	ErrNotRetried = errors.New("the job cannot be tried again")
	// ErrClosed: the runner takes no more jobs.
	ErrClosed = errors.New("the job runner is closed")
	// ErrInterrupted: the worker ended while the job ran, too often for it to be
	// started once more.
	ErrInterrupted = errors.New("the worker was stopped while the job ran")
	// ErrKeyConflict: the owner used the key for another request.
	ErrKeyConflict = errors.New("the key was used for another request")
	// ErrUnavailable: the server that keeps the jobs does not answer.
	ErrUnavailable = errors.New("the job server does not answer")
	// ErrTooLarge: the server takes no record of this size.
	ErrTooLarge = errors.New("the job is too large for the job server")
	// ErrBadRequest: the request cannot be carried out by anyone.
	ErrBadRequest = errors.New("the job cannot be taken")
)

// planned gives the structures of a plan before anything ran.
func planned(plan *inference.Plan) []inference.StructureResult {
	if plan == nil {
		return nil
	}
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
