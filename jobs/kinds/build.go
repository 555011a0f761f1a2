package kinds

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"satgraph/datasets/build"
	"satgraph/datasets/build/fromraw"
	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/standard"
	"satgraph/jobs"
)

// BuildParams say what corpus is built of what.
type BuildParams struct {
	// Name of the corpus; one that is there is brought up to date.
	Name string `json:"name"`
	// Raw names the folder of raw data; empty is the only one.
	Raw string `json:"raw,omitempty"`
	// Datasets by name; none takes all that lie there.
	Datasets []string `json:"datasets,omitempty"`
	// Layout of the files; empty is the first of the record that has scans.
	Layout string `json:"layout,omitempty"`
	// Listed takes the scans of the service's scan list, with their sides.
	Listed      bool            `json:"listed,omitempty"`
	Spacing     [3]float64      `json:"spacing"`
	Labels      standard.Labels `json:"labels"`
	AsPublished bool            `json:"asPublished,omitempty"`
	// Prune drops scans that are not listed any more.
	Prune bool `json:"prune,omitempty"`
}

// Built is what came of it.
type Built struct {
	Name string `json:"name"`
	// Hash is the version of the corpus: that of its content.
	Hash  string `json:"hash"`
	Scans int    `json:"scans"` // of the corpus
	// Built and Unchanged are those of the start that ended the job.
	Built     int `json:"built"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	Pruned    int `json:"pruned"`
	// Failures are the first of those that failed, with the reason.
	Failures []build.Failure `json:"failures"`
	// Missing are datasets that do not lie in the folder and were not asked for.
	Missing []string `json:"missing"`
}

// maxFailures bounds the failures that a job keeps.
const maxFailures = 200

// CheckBuild says what is wrong with them; the error is a *MistakeError where who asks
// can mend it.
func (p *Places) CheckBuild(b *BuildParams) error {
	_, _, err := p.toBuild(b)
	return err
}

// toBuild finds what is built of what.
func (p *Places) toBuild(b *BuildParams) (root string, sets []*catalog.Dataset, err error) {
	if err := checkName("name", b.Name); err != nil {
		return "", nil, err
	}
	if p.Corpora == "" {
		return "", nil, &MistakeError{"name", "the service builds no corpora", "ask the operator for a folder (setting corpora)"}
	}
	if root, err = p.raw(b.Raw); err != nil {
		return "", nil, err
	}
	if err := checkSpacing(b.Spacing); err != nil {
		return "", nil, err
	}
	switch {
	case b.Labels != standard.Nearest && b.Labels != standard.Linear:
		return "", nil, &MistakeError{"labels", fmt.Sprintf("masks are not resampled by %.50q", b.Labels), ""}
	case b.Layout != "" && b.Layout != "release" && b.Layout != "sat-ds":
		return "", nil, &MistakeError{"layout", fmt.Sprintf("there is no layout %.50q", b.Layout), "use release or sat-ds, or leave it out"}
	case b.Listed && p.Rows == nil:
		return "", nil, &MistakeError{"listed", "the service has no scan list", "leave it out, or ask the operator for one (setting scans)"}
	case len(b.Datasets) == 0:
		return root, p.Catalog.Datasets(), nil
	}
	for _, name := range b.Datasets {
		d, ok := p.Catalog.Dataset(name)
		if !ok {
			return "", nil, &MistakeError{"datasets", fmt.Sprintf("the catalog has no dataset %.110q", name), "corpus { datasets { nodes { name } } } lists them"}
		}
		if !slices.Contains(sets, d) {
			sets = append(sets, d)
		}
	}
	return root, sets, nil
}

// patient is work whose length nobody knows.
type patient struct{}

// Timeout is without end: what takes days is cancelled by whoever wants to.
func (patient) Timeout() time.Duration { return 0 }

type builds struct {
	patient
	places  *Places
	workers int
	memory  int64
	program string
}

// Run builds a corpus, or goes on with it.
func (k *builds) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	p, err := params[BuildParams](t)
	if err != nil {
		return nil, err
	}
	root, sets, err := k.places.toBuild(&p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	}
	from := &fromraw.Source{
		Root: root, Datasets: sets, Asked: len(p.Datasets) > 0, Spacing: p.Spacing,
		Options: rawdata.Options{Layout: p.Layout, AsPublished: p.AsPublished},
	}
	from.Options.Rectify = p.AsPublished // as the published loader reads headers
	if p.Listed {
		from.Rows = k.places.Rows
	}
	settings := standard.SAT()
	settings.Spacing, settings.Labels, settings.AsPublished = p.Spacing, p.Labels, p.AsPublished
	report, err := build.Run(ctx, from, build.Options{
		Dir: filepath.Join(k.places.Corpora, p.Name), Settings: settings, Workers: k.workers, Memory: k.memory,
		Prune: p.Prune, Program: k.program,
		Progress: func(at build.Progress) {
			done := at.Built + at.Unchanged + at.Failed
			t.Update(func(s *jobs.Status) {
				s.Phase, s.Done, s.Total, s.Left = "build", done, at.Scans, at.Left
				s.Progress = float64(done) / float64(max(1, at.Scans))
			})
		},
	})
	switch {
	case errors.Is(err, rawdata.ErrLayout):
		return nil, ErrNothing
	case err != nil:
		return nil, err
	}
	out := Built{
		Name: p.Name, Hash: report.Version.Hash, Scans: report.Version.Scans, Built: report.Built, Unchanged: report.Unchanged,
		Failed: len(report.Failures), Pruned: report.Pruned, Failures: report.Failures[:min(len(report.Failures), maxFailures)], Missing: from.Missing,
	}
	for i := range out.Failures {
		out.Failures[i].Reason = hide(out.Failures[i].Reason, root)
	}
	t.Update(func(s *jobs.Status) { s.Done, s.Total = report.Scans, report.Scans })
	state := jobs.Done
	if out.Failed > 0 {
		state = jobs.Partial
	}
	return ended(state, out, nil)
}
