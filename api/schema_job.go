package api

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
)

// maxPrompts is how many prompts one job takes.
const maxPrompts = 500

func (s *Service) imageType(t *types) *graphql.Object {
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "Image",
		Description: "An uploaded scan.",
		Interfaces:  []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":     {Type: required(graphql.ID), Description: "The SHA-256 of the file, in hex.", Resolve: get(s, func(i *Image) any { return i.ID })},
			"sha256": {Type: required(graphql.String), Description: "The SHA-256 of the file, in hex.", Resolve: get(s, func(i *Image) any { return i.SHA256 })},
			"bytes":  {Type: required(graphql.Float), Description: "The size of the file.", Resolve: get(s, func(i *Image) any { return float64(i.Bytes) })},
			"shape": {
				Type: listOf(graphql.Int), Description: "The number of voxels along each axis of the file.",
				Resolve: get(s, func(i *Image) any { return i.Shape }),
			},
			"spacing": {
				Type: listOf(graphql.Float), Description: "The voxel size in mm along the first three axes.",
				Resolve: get(s, func(i *Image) any { return i.Spacing[:] }),
			},
			"orientation": {
				Type: required(graphql.String), Description: `The direction in which each axis grows, such as "RAS".`,
				Resolve: get(s, func(i *Image) any { return i.Orientation }),
			},
			"dtype": {
				Type: required(graphql.String), Description: `The type of the stored voxels, such as "int16".`,
				Resolve: get(s, func(i *Image) any { return i.DType }),
			},
		},
	})
}

func (s *Service) imageQueries(t *types) graphql.Fields {
	return graphql.Fields{
		"image": {
			Type: t.image, Description: "An uploaded scan. Scans are uploaded with POST /images.",
			Args: graphql.FieldConfigArgument{"id": {Type: graphql.NewNonNull(graphql.ID), Description: "The id that the upload answered."}},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				return s.image(ctx, a.text("id"))
			}),
		},
	}
}

// A found is a structure with the job that it belongs to.
type found struct {
	inference.StructureResult
	job string
}

func (s *Service) structureType(t *types) *graphql.Object {
	// measured gives a figure of a mask; null where there is no mask.
	measured := func(f func(x found) any) graphql.FieldResolveFn {
		return get(s, func(x found) any {
			if x.Status != inference.Segmented {
				return nil
			}
			return f(x)
		})
	}
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "Structure",
		Description: "What became of one asked structure.",
		Fields: graphql.Fields{
			"term": {
				Type: t.term, Description: "The term; null if the text means none, or if a prompt was given directly.",
				Resolve: on(s, func(_ context.Context, x found, _ args) (any, error) { return s.termOrNil(x.TermID) }),
			},
			"name":    {Type: required(graphql.String), Description: "The term's name, or the text as it was asked.", Resolve: get(s, func(x found) any { return x.Term })},
			"status":  {Type: required(t.foundStatus), Description: "Whether it was found.", Resolve: get(s, func(x found) any { return x.Status })},
			"reason":  {Type: required(graphql.String), Description: "Why not; empty if there is nothing to say.", Resolve: get(s, func(x found) any { return x.Reason })},
			"classes": {Type: listOf(graphql.String), Description: "The classes whose union is its mask.", Resolve: get(s, func(x found) any { return x.Classes })},
			"missing": {Type: listOf(graphql.String), Description: "Its parts that the mask leaves out.", Resolve: get(s, func(x found) any { return x.Missing })},
			"volumeMl": {
				Type: graphql.Float, Description: "The volume of its mask in millilitres.",
				Resolve: measured(func(x found) any { return x.VolumeML }),
			},
			"voxels": {
				Type: graphql.Int, Description: "The number of voxels of its mask.",
				Resolve: measured(func(x found) any { return x.Voxels }),
			},
			"maskUrl": {
				Type:        graphql.String,
				Description: "Where to download its mask: a path on this service. A .nii.gz on the scan's own grid, 1 inside, 0 outside.",
				Resolve: get(s, func(x found) any {
					if x.File == "" {
						return nil
					}
					return "/jobs/" + url.PathEscape(x.job) + "/masks/" + url.PathEscape(x.File)
				}),
			},
			"seconds": {
				Type: graphql.Float, Description: "How long it took, without what all structures share.",
				Resolve: measured(func(x found) any { return x.Seconds }),
			},
			"touchesEdge": {
				Type: graphql.Boolean, Description: "Whether it reaches the edge of the scan, so that its volume is a lower bound.",
				Resolve: measured(func(x found) any { return x.Truncated }),
			},
		},
	})
}

func (s *Service) jobType(t *types) *graphql.Object {
	failure := graphql.NewObject(graphql.ObjectConfig{
		Name:        "JobError",
		Description: "Why a job failed.",
		Fields: graphql.Fields{
			"code":    {Type: required(graphql.String), Description: "A stable code, of those in the errors' extensions.", Resolve: get(s, func(f *jobs.Failure) any { return f.Code })},
			"message": {Type: required(graphql.String), Description: "What went wrong.", Resolve: get(s, func(f *jobs.Failure) any { return f.Message })},
			"hint":    {Type: required(graphql.String), Description: "What to do about it; may be empty.", Resolve: get(s, func(f *jobs.Failure) any { return f.Hint })},
		},
	})
	structure := s.structureType(t)
	when := func(f func(j *jobs.Job) time.Time) graphql.FieldResolveFn {
		return get(s, func(j *jobs.Job) any {
			if at := f(j); !at.IsZero() {
				return at.UTC()
			}
			return nil
		})
	}
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "Job",
		Description: "A segmentation, or other long work: queued, running or ended.",
		Interfaces:  []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":     {Type: required(graphql.ID), Description: "Its id, for job(id:).", Resolve: get(s, func(j *jobs.Job) any { return j.ID })},
			"status": {Type: required(t.jobStatus), Description: "Where it stands.", Resolve: get(s, func(j *jobs.Job) any { return j.State })},
			"progress": {
				Type: required(graphql.Float), Description: "From 0 to 1.",
				Resolve: get(s, func(j *jobs.Job) any { return j.Progress }),
			},
			"position": {
				Type: graphql.Int, Description: "Its place in the queue, 1 being the next; null if it does not wait.",
				Resolve: get(s, func(j *jobs.Job) any {
					if j.Position == 0 {
						return nil
					}
					return j.Position
				}),
			},
			"kind":   {Type: required(t.jobKind), Description: "What it does.", Resolve: get(s, func(j *jobs.Job) any { return cmp.Or(j.Request.Kind, jobs.Segmentation) })},
			"phase":  text(s, "What is being done, in a word; may be empty.", func(j *jobs.Job) string { return j.Phase }),
			"done":   whole(s, "How many units of its work are done: scans, or masks that are measured; 0 where it has no units, as a segmentation.", func(j *jobs.Job) int { return j.Done }),
			"total":  whole(s, "How many units it has; 0 where it has none, or before they are counted.", func(j *jobs.Job) int { return j.Total }),
			"result": {Type: s.resultType(), Description: "What it gave; null before its end, and for a segmentation, which gives structures.", Resolve: get(s, func(j *jobs.Job) any { return resultOf(j) })},
			"files":  s.jobFiles(t),
			"query": {Type: required(graphql.String), Description: "What was asked, of a segmentation; else empty.", Resolve: get(s, func(j *jobs.Job) any {
				if j.Request.Plan == nil {
					return ""
				}
				return j.Request.Plan.Query
			})},
			"modality": {
				Type: t.modality, Description: "The kind of scan; null where it is about none.",
				Resolve: get(s, func(j *jobs.Job) any {
					if j.Request.Plan == nil {
						return modalityOrNil(kinds.ParamsOf[kinds.StandardizeParams](j).Modality)
					}
					return modalityOrNil(j.Request.Plan.Modality)
				}),
			},
			"image": {
				Type: t.image, Description: "The scan; null if it is no longer kept.",
				Resolve: on(s, func(_ context.Context, j *jobs.Job, _ args) (any, error) {
					im, err := s.images.get(j.Request.ImageID)
					if errors.Is(err, errNoImage) {
						return nil, nil //nolint:nilnil // null is the answer
					}
					return im, err
				}),
			},
			"model": {Type: required(graphql.String), Description: "The name of the model; empty where none runs.", Resolve: get(s, func(j *jobs.Job) any { return j.Request.Model })},
			"demo": {
				Type: required(graphql.Boolean), Description: "Whether the model is a demonstration only: never for clinical use.",
				Resolve: get(s, func(j *jobs.Job) any { return s.isDemo(j) }),
			},
			"notice": {
				Type: required(graphql.String), Description: "What whoever uses the results must know; may be empty.",
				Resolve: get(s, func(j *jobs.Job) any { return s.jobNotice(j) }),
			},
			"createdAt":  {Type: required(graphql.DateTime), Description: "When it was asked for.", Resolve: when(func(j *jobs.Job) time.Time { return j.Created })},
			"startedAt":  {Type: graphql.DateTime, Description: "When it began to run; null before.", Resolve: when(func(j *jobs.Job) time.Time { return j.Started })},
			"finishedAt": {Type: graphql.DateTime, Description: "When it ended; null before.", Resolve: when(func(j *jobs.Job) time.Time { return j.Finished })},
			"warnings": {
				Type: listOf(graphql.String), Description: "What was odd about the scan or the run.",
				Resolve: get(s, func(j *jobs.Job) any { return j.Warnings }),
			},
			"eta":       {Type: graphql.DateTime, Description: "When it should end, by the measured rates of the model on its device; null where none is known.", Resolve: when(func(j *jobs.Job) time.Time { return j.ETA })},
			"waits":     {Type: required(graphql.String), Description: "Why it waits though it may be first: there is no worker for it, or the same is being computed; may be empty.", Resolve: get(s, func(j *jobs.Job) any { return j.Waits })},
			"requestId": {Type: graphql.String, Description: "The id of the request that asked for it (X-Request-Id), which the log's lines of the job repeat; null where it is not known.", Resolve: get(s, func(j *jobs.Job) any { return nilIfEmpty(j.Request.RequestID) })},
			"starts":    {Type: required(graphql.Int), Description: "How often it was started: more than once where a worker ended under it, or after a failure that may pass.", Resolve: get(s, func(j *jobs.Job) any { return j.Starts })},
			"reused":    {Type: required(graphql.Boolean), Description: "Whether the result is one that was computed for another job: same scan, model, version and structures.", Resolve: get(s, func(j *jobs.Job) any { return j.From != "" })},
			"error":     {Type: failure, Description: "Why it failed or is dead, or why its last start failed; null if it did not.", Resolve: get(s, func(j *jobs.Job) any { return j.Failure })},
			"structures": {
				Type: listOf(structure), Description: "Every asked structure, also those that cannot be segmented.",
				Resolve: on(s, func(ctx context.Context, j *jobs.Job, _ args) (any, error) {
					all := make([]found, len(j.Structures))
					for i := range j.Structures {
						all[i] = found{j.Structures[i], j.ID}
					}
					return all, charge(ctx, len(all))
				}),
			},
		},
	})
}

// isDemo holds before a job has run, too.
func (s *Service) isDemo(j *jobs.Job) bool {
	if j.Model.Name != "" {
		return j.Model.Demo
	}
	if j.Request.Plan == nil {
		return false
	}
	m, err := s.model(j.Request.Model)
	return err == nil && m.Demo
}

func (s *Service) jobNotice(j *jobs.Job) string {
	if j.Model.Name != "" {
		return notice(j.Model.Demo, j.Model.Notice)
	}
	if j.Request.Plan == nil {
		return ""
	}
	if m, err := s.model(j.Request.Model); err == nil {
		return notice(m.Demo, m.Warning())
	}
	return ""
}

func (s *Service) jobQueries(t *types) graphql.Fields {
	return graphql.Fields{
		"jobs": s.jobList(t),
		"job": {
			Type: t.job, Description: "A job as it stands now.",
			Args: graphql.FieldConfigArgument{"id": {Type: graphql.NewNonNull(graphql.ID), Description: "The job's id."}},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				return pointer(s.job(ctx, a.text("id")))
			}),
		},
	}
}

func pointer(j jobs.Job, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return &j, nil
}

func (s *Service) jobMutations(t *types, w *workTypes) graphql.Fields {
	payload := graphql.NewObject(graphql.ObjectConfig{
		Name: "CancelJobPayload", Description: "A job that was told to stop.",
		Fields: graphql.Fields{
			"job": {Type: required(t.job), Description: "The job.", Resolve: get(s, func(o *ordered) any { return o.job })},
			"mistake": {Type: w.mistake, Description: "Why there was nothing to stop: the job had ended. Null where it was stopped; an error where it is not asked for.", Resolve: get(s, func(o *ordered) any {
				if o.wrong == nil {
					return nil
				}
				return o.wrong
			})},
		},
	})
	return graphql.Fields{
		"cancelJob": {
			Type:        payload,
			Description: "Stops a job. Structures that it has found already are kept.",
			Args: graphql.FieldConfigArgument{
				"id": {Type: graphql.NewNonNull(graphql.ID), Description: "The job's id."},
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				j, err := s.job(ctx, a.text("id"))
				if err == nil {
					j, err = s.jobs.Cancel(ctx, a.text("id"))
				}
				if err == nil {
					return &ordered{job: &j}, nil
				}
				out, err := s.notOrdered(ctx, err)
				if o, ok := out.(*ordered); ok {
					o.job = &j // as it ended
				}
				return out, err
			}),
		},
	}
}

// submit narrows a plan to the model that is asked for and queues it. A plan of
// which nothing is left becomes a job that is refused, whose structures say
// why.
func (s *Service) submit(ctx context.Context, a args, plan *inference.Plan) (*inference.Plan, *jobs.Job, error) {
	path, err := s.imagePath(ctx, a.text("image"))
	if err != nil {
		return nil, nil, err
	}
	model, err := s.model(a.text("model"))
	if err != nil {
		return nil, nil, err
	}
	plan, err = plan.ForModel(model)
	if err != nil && (plan == nil || !errors.Is(err, inference.ErrNothingSegmentable)) {
		return nil, nil, err
	}
	priority, _ := a["priority"].(jobs.Priority)
	job, err := s.jobs.Submit(ctx, jobs.Request{
		Owner: auth.Of(ctx).Subject, Priority: priority, Key: a.text("key"),
		ImageID: a.text("image"), ImagePath: path, ImageSHA256: a.text("image"),
		Model: model.Name, ModelDigest: jobs.Digest(model), Plan: plan,
	})
	if err != nil {
		return plan, nil, err
	}
	return plan, &job, nil
}
