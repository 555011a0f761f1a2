package mcp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/internal/plain"
	"satgraph/jobs"
	"satgraph/volume"
)

type segmentIn struct {
	Scan     string `json:"scan" jsonschema:"the scan's name, as it was given to you or listed"`
	Query    string `json:"query" jsonschema:"the structures to segment, in words or by term ids: \"liver\", \"children of heart\""`
	Modality string `json:"modality,omitempty" jsonschema:"ct, mri or pet; only needed where the scan's file does not say"`
	Model    string `json:"model,omitempty" jsonschema:"the name of a model, as list_models tells it; the default one where it is left out"`
	Wait     int    `json:"wait,omitempty" jsonschema:"seconds to wait for the result; then the job goes on by itself"`
}

type jobIn struct {
	Job  string `json:"job" jsonschema:"the id that segment returned"`
	Wait int    `json:"wait,omitempty" jsonschema:"seconds to wait for the job to end"`
}

type cancelIn struct {
	Job string `json:"job" jsonschema:"the id that segment returned"`
}

// structure is what became of one asked structure.
type structure struct {
	ID         string      `json:"id,omitempty"`
	Name       string      `json:"name"`
	Status     string      `json:"status" jsonschema:"segmented, absent (looked for and not found), outside_field_of_view, pending, not_segmentable, ambiguous, unknown, failed or cancelled"`
	Reason     string      `json:"reason,omitempty"`
	Missing    []string    `json:"missing,omitempty" jsonschema:"parts that the mask leaves out"`
	VolumeML   *float64    `json:"volumeMl,omitempty"`
	CentroidMM *[3]float64 `json:"centroidMm,omitempty" jsonschema:"RAS+ mm"`
	Truncated  bool        `json:"truncated,omitempty" jsonschema:"it reaches the scan's edge: the volume is a lower bound"`
	Mask       string      `json:"mask,omitempty" jsonschema:"where the mask lies: a NIfTI file on the scan's own grid"`
}

// mostStructures is how many structures an answer lists.
const mostStructures = 200

type jobOut struct {
	Job        string         `json:"job"`
	State      string         `json:"state" jsonschema:"QUEUED, RUNNING, DONE, PARTIAL (some could not be segmented), REFUSED, FAILED, CANCELLED or DEAD (tried too often)"`
	Ended      bool           `json:"ended"`
	Progress   float64        `json:"progress" jsonschema:"0 to 1"`
	Position   int            `json:"position,omitempty" jsonschema:"place in the queue, 1 being the next"`
	Scan       string         `json:"scan"`
	Query      string         `json:"query"`
	Modality   string         `json:"modality"`
	Model      string         `json:"model,omitempty"`
	Notice     string         `json:"notice" jsonschema:"repeat it beside the results"`
	Counts     map[string]int `json:"counts" jsonschema:"structures by status"`
	Structures []structure    `json:"structures"`
	LeftOff    int            `json:"leftOff,omitempty" jsonschema:"structures beyond those listed: ask for fewer at once"`
	Warnings   []string       `json:"warnings,omitempty"`
	Failure    string         `json:"failure,omitempty"`
	Next       string         `json:"next"`
}

const (
	longestID = 64
	someWait  = "30"
)

func (s *Server) jobTools() {
	most := math.Floor(s.limits.Wait.Seconds())
	wait := func(p *jsonschema.Schema, otherwise string) {
		between(p, 0, most)
		byDefault(p, otherwise)
	}
	addTool(s, tool{
		name: "segment", title: "Segment structures in a scan", needs: auth.Segment, changes: true, waits: true,
		description: `Segments what a query asks for in a scan, and returns the job with each structure's status, volume and mask. It waits for at most "wait" seconds, with progress notifications; a job that is not done then goes on by itself: call job with its id. What cannot be segmented is listed with the reason, never guessed. Keep the job's id rather than asking twice.`,
		input: func(p map[string]*jsonschema.Schema) {
			scanLimits(p["scan"])
			queryLimits(p)
			longest(p["model"], longestModel)
			wait(p["wait"], someWait)
		},
	}, s.segment)
	addTool(s, tool{
		name: "job", title: "Look after a job", needs: auth.Read, waits: true,
		description: `Returns a job as it stands, or as it has ended, with every structure's status, volume and mask. With "wait" it waits that many seconds for the job to end, with progress notifications.`,
		input: func(p map[string]*jsonschema.Schema) {
			jobLimits(p["job"])
			wait(p["wait"], "0")
		},
	}, func(ctx context.Context, call *sdk.CallToolRequest, in jobIn) (*jobOut, error) {
		j, err := s.config.Jobs.Get(ctx, in.Job)
		if err != nil {
			return nil, err
		}
		return s.await(ctx, call, j, in.Wait)
	})
	addTool(s, tool{
		name: "cancel_job", title: "Cancel a job", needs: auth.Segment, changes: true, again: true, destroys: true,
		description: `Stops a job that waits or runs. Structures that were already found are kept. A job that has ended stays as it is.`,
		input:       func(p map[string]*jsonschema.Schema) { jobLimits(p["job"]) },
	}, func(ctx context.Context, _ *sdk.CallToolRequest, in cancelIn) (*jobOut, error) {
		if _, err := s.config.Jobs.Get(ctx, in.Job); err != nil {
			return nil, err
		}
		j, err := s.config.Jobs.Cancel(ctx, in.Job)
		if err != nil && !errors.Is(err, jobs.ErrFinished) {
			return nil, err
		}
		return s.tell(&j), nil
	})
}

func jobLimits(p *jsonschema.Schema) {
	notEmpty(p)
	longest(p, longestID)
}

func (s *Server) segment(ctx context.Context, call *sdk.CallToolRequest, in segmentIn) (*jobOut, error) {
	scan, err := s.config.Scans.Find(ctx, in.Scan)
	if err != nil {
		return nil, err
	}
	info, err := volume.ReadInfoWith(scan.Path, volume.ReadOptions{Alone: true})
	if err != nil {
		return nil, err
	}
	model, err := s.model(in.Model)
	if err != nil {
		return nil, err
	}
	m := inference.Modality(in.Modality)
	if m == "" {
		m = inference.Modality(info.Modality)
	}
	plan, err := s.config.Resolver().Resolve(in.Query, m)
	if err != nil {
		return nil, err
	}
	if plan, err = plan.ForModel(model); err != nil {
		return nil, err
	}
	if h, ok := s.config.Scans.(Hasher); ok && scan.SHA256 == "" {
		if scan.SHA256, err = h.Hash(ctx, scan); err != nil {
			return nil, err
		}
	}
	j, err := s.config.Jobs.Submit(ctx, jobs.Request{
		Owner:   auth.Of(ctx).Subject,
		ImageID: scan.ID, ImagePath: scan.Path, ImageSHA256: scan.SHA256,
		Model: model.Name, ModelDigest: jobs.Digest(model), Plan: plan,
	})
	if err != nil {
		return nil, err
	}
	return s.await(ctx, call, j, in.Wait)
}

// await waits for a job to end, for some seconds at most, and tells how far it is
// to those who asked for it.
func (s *Server) await(ctx context.Context, call *sdk.CallToolRequest, j jobs.Job, seconds int) (*jobOut, error) {
	token := call.Params.GetProgressToken()
	told := -1.0
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	for pause := 50 * time.Millisecond; !j.State.Final() && time.Now().Before(deadline); {
		if progress := math.Floor(100 * j.Progress); token != nil && progress > told {
			told = progress
			message := j.Phase
			if j.State == jobs.Queued {
				message = fmt.Sprintf("waiting; place %d in the queue", max(1, j.Position))
			}
			// Whoever went away is told nothing; the job's result stays.
			_ = call.Session.NotifyProgress(ctx, &sdk.ProgressNotificationParams{ProgressToken: token, Progress: progress, Total: 100, Message: message})
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(pause, time.Until(deadline))):
		}
		pause = min(2*pause, 500*time.Millisecond)
		var err error
		if j, err = s.config.Jobs.Get(ctx, j.ID); err != nil {
			return nil, err
		}
	}
	return s.tell(&j), nil
}

// tell says of a job what a model can use.
func (s *Server) tell(j *jobs.Job) *jobOut {
	out := &jobOut{
		Job: j.ID, State: string(j.State), Ended: j.State.Final(), Progress: round(j.Progress, 3), Position: j.Position,
		Scan: plain.Text(j.Request.ImageID), Model: modelOf(j), Notice: s.notice(j), Counts: map[string]int{}, Structures: []structure{},
	}
	if plan := j.Request.Plan; plan != nil {
		out.Query, out.Modality = plain.Text(plan.Query), string(plan.Modality)
	}
	for i := range j.Structures {
		out.Counts[j.Structures[i].Status]++
		if i < mostStructures {
			out.Structures = append(out.Structures, s.structure(j, &j.Structures[i]))
		}
	}
	out.LeftOff = len(j.Structures) - len(out.Structures)
	for _, w := range capped(j.Warnings, 20) {
		out.Warnings = append(out.Warnings, plain.Text(shorten(w, 300)))
	}
	if f := j.Failure; f != nil {
		out.Failure = plain.Text(shorten(f.Code+": "+f.Message, 500))
		if f.Hint != "" {
			out.Failure += " (" + plain.Text(f.Hint) + ")"
		}
	}
	switch {
	case !out.Ended:
		out.Next = "call job with this id and a wait; cancel_job stops it"
	case out.Counts[inference.Segmented] > 0:
		out.Next = "call measure, picture or findings_skeleton with this job"
	case j.Failure != nil:
		out.Next = "mend what failure says, then call segment again"
	default:
		out.Next = "nothing was found: the reasons say why; try another structure or scan"
	}
	return out
}

func (s *Server) structure(j *jobs.Job, r *inference.StructureResult) structure {
	out := structure{
		ID: r.TermID, Name: plain.Text(r.Term), Status: r.Status, Reason: plain.Text(shorten(r.Reason, 400)), Missing: capped(r.Missing, 20),
	}
	if r.Status != inference.Segmented {
		return out
	}
	v := round(r.VolumeML, 3)
	out.VolumeML, out.Truncated = &v, r.Truncated
	if r.Measures != nil {
		c := rounded(r.Measures.CentroidMM, 1)
		out.CentroidMM = &c
	}
	if r.File != "" {
		out.Mask = s.config.MaskRef(j.ID, r.File)
	}
	return out
}

// notice is what must stand beside the results of a job.
func (s *Server) notice(j *jobs.Job) string {
	notice := j.Model.Notice
	if j.Model.Name == "" {
		for _, m := range s.config.Models() {
			if m.Name == j.Request.Model {
				notice = m.Warning()
			}
		}
	}
	if notice == "" {
		return researchAid
	}
	return researchAid + " " + notice
}

// round keeps a number of decimals. What is not finite becomes 0, for JSON.
func round(v float64, decimals int) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}

func rounded(v [3]float64, decimals int) [3]float64 {
	for i := range v {
		v[i] = round(v[i], decimals)
	}
	return v
}
