package kinds

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/datasets/build"
	"satgraph/datasets/build/view"
	"satgraph/datasets/export"
	"satgraph/jobs"
)

// ExportParams say which corpus is exported how.
type ExportParams struct {
	Corpus string `json:"corpus"`
	Format string `json:"format"`
	// Name of the export among those of the service; empty keeps it with the job,
	// with which it goes.
	Name   string        `json:"name,omitempty"`
	Select export.Select `json:"select"`
	Split  Split         `json:"split,omitzero"`
	// Overlap, Merge and LeaveOut are for formats with one label a voxel.
	Overlap  export.Overlap `json:"overlap,omitempty"`
	Merge    string         `json:"merge,omitempty"`
	LeaveOut bool           `json:"leaveOut,omitempty"`
	// StrictLicence refuses datasets that may not be passed on.
	StrictLicence bool `json:"strictLicence,omitempty"`
	// Workers is how many scans are written at the same time, at most as many as
	// there is room for; 0 is as many.
	Workers int `json:"workers,omitempty"`
	// The others are for formats that have such.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	URL         string `json:"url,omitempty"`
	Version     string `json:"version,omitempty"`
	Date        string `json:"date,omitempty"`
	CiteAs      string `json:"citeAs,omitempty"`
	Prefix      string `json:"prefix,omitempty"`
	AsIs        bool   `json:"asIs,omitempty"`
	FirstID     int    `json:"firstId,omitempty"` // 0 is 1
}

// Exported is what came of it.
type Exported struct {
	Name    string `json:"name,omitempty"`
	Format  string `json:"format"`
	Hash    string `json:"hash"` // of all files and their names
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
	Samples int    `json:"samples"`
}

// Formats makes a format by name, with what else its bytes depend on. The error
// is a *MistakeError.
type Formats func(p *ExportParams) (export.Format, map[string]string, error)

// CheckExport says what is wrong with them; the error is a *MistakeError where who asks
// can mend it. size is how many scans the corpus has.
func (p *Places) CheckExport(e *ExportParams, formats Formats) (size int, err error) {
	if e.Name != "" {
		if err := checkName("name", e.Name); err != nil {
			return 0, err
		}
		if p.Exports == "" {
			return 0, &MistakeError{"name", "the service keeps no exports by name", "leave the name out, or ask the operator for a folder (setting exported)"}
		}
	}
	for _, split := range e.Select.Splits {
		if !slices.Contains([]string{export.Train, export.Validation, export.Test}, split) {
			return 0, &MistakeError{"splits", fmt.Sprintf("there is no split %.50q", split), "use train, validation or test"}
		}
	}
	if e.Workers < 0 {
		return 0, &MistakeError{"workers", "a number of scans is at least 1", "leave it out"}
	}
	if _, _, err := formats(e); err != nil {
		return 0, err
	}
	if err := p.checkSplit(&e.Split); err != nil {
		return 0, err
	}
	dir, err := p.CorpusDir(e.Corpus)
	if err != nil {
		return 0, err
	}
	c, err := build.Open(dir)
	if err != nil {
		return 0, err
	}
	return len(c.Scans), nil
}

// source opens the corpus of an export.
func (p *Places) source(e *ExportParams) (*view.Corpus, error) {
	dir, err := p.CorpusDir(e.Corpus)
	if err != nil {
		return nil, err
	}
	src, err := view.Open(dir, p.Catalog)
	if err == nil {
		src.Units = e.Format != "sat"
	}
	return src, err
}

type exports struct {
	patient
	places  *Places
	formats Formats
	program string
	most    int // scans at a time
}

// Run exports a corpus, or goes on with it.
func (k *exports) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	p, err := params[ExportParams](t)
	if err != nil {
		return nil, err
	}
	format, settings, err := k.formats(&p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	}
	src, err := k.places.source(&p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	}
	settings = maps.Clone(settings)
	if settings == nil {
		settings = map[string]string{}
	}
	sided, warnings, err := k.places.onSides(ctx, src, &p, settings)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(k.places.Exports, p.Name)
	if p.Name == "" {
		dir = filepath.Join(t.Work, "export")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return nil, err
	}
	workers := k.most
	if p.Workers > 0 {
		workers = min(workers, p.Workers)
	}
	report, err := export.Run(ctx, format, sided, export.Options{
		Dir: dir, Format: p.Format, Settings: settings, Select: p.Select, StrictLicence: p.StrictLicence, Program: k.program,
		Warnings: append(src.Unbuilt(), warnings...), Workers: workers,
		Progress: func(at export.Progress) {
			t.Update(func(s *jobs.Status) {
				s.Phase, s.Done, s.Total = "export", at.Done, at.Total
				s.Progress = float64(at.Done) / float64(max(1, at.Total))
			})
		},
	})
	if incomplete, ok := errors.AsType[*export.IncompleteError](err); ok {
		return nil, unread(incomplete)
	}
	if err != nil {
		return nil, err
	}
	if p.Name == "" {
		if err := errors.Join(os.Remove(t.Out), os.Rename(dir, t.Out)); err != nil {
			return nil, err
		}
	}
	t.Update(func(s *jobs.Status) { s.Done, s.Total = report.Samples, report.Samples })
	return ended(jobs.Done, Exported{p.Name, p.Format, report.Hash, report.Files, report.Bytes, report.Samples}, report.Warnings)
}

// unread names the scans that kept an export from its end, without their paths.
func unread(e *export.IncompleteError) error {
	const shown = 10
	var names []string
	for _, f := range e.Failed[:min(shown, len(e.Failed))] {
		names = append(names, f.Sample)
	}
	more := ""
	if n := len(e.Failed) - shown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%w: %d of %d: %s%s", ErrIncomplete, len(e.Failed), e.Total, strings.Join(names, ", "), more)
}

// Result is the folder of the files that a job gave; own is the job's folder. The
// error is ErrGone where the job has none, or they are not those of the job.
func (p *Places) Result(j *jobs.Job, own string) (string, error) {
	if j.State != jobs.Done && j.State != jobs.Partial {
		return "", ErrGone
	}
	switch j.Request.Kind {
	case Standardize:
		return own, nil
	case Export:
		out, ok := OutputOf[Exported](j)
		switch {
		case !ok:
			return "", ErrGone
		case out.Name != "":
			own = filepath.Join(p.Exports, out.Name)
		}
		text, err := os.ReadFile(filepath.Join(own, export.ManifestFile))
		var m export.Manifest
		if err != nil || json.Unmarshal(text, &m) != nil || m.Hash != out.Hash {
			return "", ErrGone
		}
		return own, nil
	}
	return "", ErrGone
}

// Files lists the files that a job gave, by name; own is the job's folder.
func (p *Places) Files(j *jobs.Job, own string) ([]File, error) {
	dir, err := p.Result(j, own)
	if err != nil {
		return nil, err
	}
	if out, ok := OutputOf[Standardized](j); ok && j.Request.Kind == Standardize {
		return out.Files, nil
	}
	f, err := os.Open(filepath.Join(dir, export.SumsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	files := []File{{Name: export.ManifestFile}, {Name: export.SumsFile}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if sum, name, ok := strings.Cut(lines.Text(), "  "); ok {
			files = append(files, File{Name: name, SHA256: sum})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, lines.Err()
}

// Open opens a file that a job gave. The error is ErrGone where there is none of
// that name, wherever links lead.
func (p *Places) Open(j *jobs.Job, own, name string) (*os.File, error) {
	dir, err := p.Result(j, own)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, ErrGone
	}
	defer root.Close() //nolint:errcheck // read only
	if info, err := root.Stat(filepath.FromSlash(name)); err != nil || !info.Mode().IsRegular() {
		return nil, ErrGone
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, ErrGone
	}
	return f, nil
}
