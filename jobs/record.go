package jobs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"satgraph/inference"
)

// A record is what the table keeps of a job beside its request. Everything that
// happens to a job is one change of its record from one revision to the next.
type record struct {
	ID          string   `json:"id"`
	Home        string   `json:"home"` // of its files
	Kind        string   `json:"kind"`
	Owner       string   `json:"owner,omitempty"`
	Priority    Priority `json:"priority,omitempty"`
	Model       string   `json:"model,omitempty"`
	ModelDigest string   `json:"modelDigest,omitempty"`
	Memory      int64    `json:"memory,omitempty"` // at least
	Device      string   `json:"device,omitempty"`
	Litres      float64  `json:"litres,omitempty"` // of the scan; of another kind, its Size
	Same        string   `json:"same,omitempty"`   // hash of what is computed
	Disk        bool     `json:"disk,omitempty"`   // it works in folders of the service, not on one scan

	State    State     `json:"state"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	// Epoch counts claims. What a worker does counts only under its own.
	Epoch  uint64 `json:"epoch,omitempty"`
	Claim  *claim `json:"claim,omitempty"`
	Cancel bool   `json:"cancel,omitempty"` // asked for, of one that runs

	Starts  int           `json:"starts,omitempty"`
	Lost    int           `json:"lost,omitempty"`    // starts under which the worker ended
	Tries   int           `json:"tries,omitempty"`   // starts that failed and may pass
	Backoff time.Duration `json:"backoff,omitempty"` // from being queued to being taken
	Failure *Failure      `json:"failure,omitempty"`

	Worker     string                      `json:"worker,omitempty"`
	Info       ModelInfo                   `json:"info"`
	Structures []inference.StructureResult `json:"structures,omitempty"`
	Warnings   []string                    `json:"warnings,omitempty"`
	Output     json.RawMessage             `json:"output,omitempty"`
	Progress   float64                     `json:"progress,omitempty"`
	Done       int                         `json:"done,omitempty"`
	Total      int                         `json:"total,omitempty"`
	Folder     string                      `json:"folder,omitempty"` // of the files, inside home's
	From       string                      `json:"from,omitempty"`
	Gone       bool                        `json:"gone,omitempty"` // it is being removed
}

// A claim says who works at a job.
type claim struct {
	Worker string `json:"worker"`
	Device string `json:"device,omitempty"`
	// Lock is a file that the worker's process holds locked while it lives, and
	// Boot the machine's present run: who can see both knows at once that the
	// worker is gone, others after a lease without a sign of life.
	Lock string `json:"lock,omitempty"`
	Boot string `json:"boot,omitempty"`
}

// A beat is a worker's sign of life for a job, and how far it is. It is sent to
// who listens and kept nowhere.
type beat struct {
	Epoch      uint64                      `json:"epoch"`
	Phase      string                      `json:"phase,omitempty"`
	Progress   float64                     `json:"progress"`
	Done       int                         `json:"done,omitempty"`
	Total      int                         `json:"total,omitempty"`
	Left       time.Duration               `json:"left,omitempty"` // 0: not known
	Info       ModelInfo                   `json:"info"`
	Structures []inference.StructureResult `json:"structures,omitempty"`
}

// An advert is a worker's sign of life, and what it can do.
type advert struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Kinds  []string `json:"kinds"`
	Models []string `json:"models"` // digests; nil: any
	Names  []string `json:"names"`  // of the models, in the same order
	Device string   `json:"device"`
	Memory int64    `json:"memory,omitempty"` // 0: any
	Homes  []string `json:"homes,omitempty"`  // whose files it reaches by path
	Slots  int      `json:"slots"`
	Gone   bool     `json:"gone,omitempty"`
	// Remote: it reaches the files of any home that answers.
	Remote bool `json:"remote,omitempty"`
}

// can says whether a worker has what a job asks for.
func (a *advert) can(r *record) bool { return a.lacks(r) == "" }

// lacks says what a worker does not have; empty where it has all.
func (a *advert) lacks(r *record) string {
	if r.Disk && (!slices.Contains(a.Homes, r.Home) || !slices.Contains(a.Kinds, r.Kind)) {
		return fmt.Sprintf("with the disk of the service does the work %q", r.Kind)
	}
	if !slices.Contains(a.Kinds, r.Kind) {
		return fmt.Sprintf("does the work %q", r.Kind)
	}
	if a.Memory > 0 && r.Memory > a.Memory {
		return fmt.Sprintf("has %d MiB of memory", r.Memory>>20)
	}
	if r.Device != "" && r.Device != a.Device {
		return fmt.Sprintf("has the device %q", r.Device)
	}
	if !a.Remote && !slices.Contains(a.Homes, r.Home) {
		return "reaches the files of the service"
	}
	if r.Kind != Segmentation || a.Models == nil {
		return ""
	}
	for i, digest := range a.Models {
		switch {
		case r.ModelDigest != "" && r.ModelDigest != digest:
		case r.Model != "" && r.Model != a.Names[i]:
		default:
			return ""
		}
	}
	return fmt.Sprintf("has the model %q in this version", r.Model)
}

// A rate is how fast a model is on a device, or how fast another kind of work.
type rate struct {
	Model, Device   string // of another kind, its name
	SecondsPerLitre float64
	Jobs            int
}

func rateKey(r *record, device string) string {
	if r.Kind != Segmentation {
		return keyRate + hash("kind "+r.Kind, device)
	}
	return keyRate + hash(r.ModelDigest, device)
}

// folderOf is where an attempt writes, inside the folder of jobs.
func folderOf(id string, epoch uint64) string {
	return filepath.Join(id, strconv.FormatUint(epoch, 10))
}

// hash names some texts.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:40]
}

// newRecord makes the record of a new job.
func newRecord(id, home string, r *Request, now time.Time) record {
	return record{
		ID: id, Home: home, Kind: r.kind(), Owner: r.Owner, Priority: r.Priority, Model: r.Model, ModelDigest: r.ModelDigest,
		Memory: r.MemoryBytes, Device: r.Device, Litres: r.Size, State: Queued, Created: now,
		Disk: r.kind() != Segmentation && r.ImagePath == "",
	}
}

// same is the hash of what a request computes; empty where that is not known.
func (r *Request) same(home string) string {
	if r.kind() != Segmentation || r.ImageSHA256 == "" || r.ModelDigest == "" {
		return ""
	}
	what, err := json.Marshal(struct {
		Modality inference.Modality
		Terms    []inference.TermPlan
		Calls    []inference.Call
	}{r.Plan.Modality, r.Plan.Terms, r.Plan.Calls})
	if err != nil {
		return ""
	}
	return hash(home, r.ImageSHA256, r.ModelDigest, string(what))
}

// fingerprint is the hash of all that a key must stand for again.
func (r *Request) fingerprint() string {
	c := *r
	c.ImagePath, c.RequestID, c.Trace = "", "", "" // of which the owner knows nothing
	text, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return hash(string(text))
}

// job makes a snapshot of a record and its request.
func (r *record) job(request Request) Job {
	j := Job{
		ID: r.ID, State: r.State, Progress: r.Progress, Done: r.Done, Total: r.Total, Starts: r.Starts, Worker: r.Worker, From: r.From,
		Created: r.Created, Started: r.Started, Finished: r.Finished, Request: request, Model: r.Info,
		Warnings: append([]string(nil), r.Warnings...), Output: r.Output, Folder: r.Folder,
	}
	if r.Failure != nil {
		failure := *r.Failure
		j.Failure = &failure
	}
	j.Structures = append([]inference.StructureResult(nil), r.Structures...)
	if r.Structures == nil {
		j.Structures = planned(request.Plan)
	}
	if r.State.Final() {
		r.leave(j.Structures)
	}
	return j
}

// end gives a job its final state.
func (r *record) end(state State, now time.Time) {
	r.State, r.Finished, r.Claim, r.Cancel, r.Backoff = state, now, nil, false, 0
}

// leave gives the structures that an ended job did not reach their status.
func (r *record) leave(structures []inference.StructureResult) {
	reason := "the job ended before"
	if r.State == Cancelled {
		reason = "the job was cancelled"
	}
	for i := range structures {
		if s := &structures[i]; s.Status == Pending {
			s.Status, s.Reason = inference.Cancelled, reason
		}
	}
}

// again puts a job back into the queue.
func (r *record) again() {
	r.State, r.Claim, r.Started, r.Progress, r.Done, r.Total = Queued, nil, time.Time{}, 0, 0, 0
	r.Structures, r.Warnings, r.Info, r.Folder = nil, nil, ModelInfo{}, ""
}
