package kinds

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"satgraph/jobs"
	"satgraph/labelmap"
	"satgraph/volume"
)

// ImportParams say which labels are read in.
type ImportParams struct {
	// Raw names the folder of raw data, empty the only one; Path lies below it: a
	// table, a label volume, a folder of masks, or DICOM.
	Raw  string `json:"raw,omitempty"`
	Path string `json:"path"`
	// Dataset, Modality and Region are said of labels whose file does not.
	Dataset  string `json:"dataset,omitempty"`
	Modality string `json:"modality,omitempty"`
	Region   string `json:"region,omitempty"`
	// By is under whose name they are kept.
	By string `json:"by"`
}

// Imported is what came of it.
type Imported struct {
	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
	// Repeated are rows whose label stands in an earlier one, which counts.
	Repeated []string `json:"repeated"`
}

// Labels reads the labels of a file or folder; it tells how many masks it has
// measured.
type Labels func(ctx context.Context, path string, p *ImportParams, progress func(done, total int)) ([]labelmap.RawLabel, error)

// CheckImport says what is wrong with them; the error is a *MistakeError where who asks
// can mend it.
func (p *Places) CheckImport(i *ImportParams) error {
	_, err := p.toImport(i)
	return err
}

func (p *Places) toImport(i *ImportParams) (string, error) {
	dir, err := p.raw(i.Raw)
	if err != nil {
		return "", err
	}
	return inside("path", dir, i.Path)
}

type imports struct {
	places *Places
	book   *labelmap.Book
	read   Labels
}

// noted is the file of what an import was about to write.
const noted = "import.json"

// Run reads labels in. All of them come in, or none; labels that are in already
// are left alone, so that a job started again writes none twice.
func (k *imports) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	p, err := params[ImportParams](t)
	if err != nil {
		return nil, err
	}
	path, err := k.places.toImport(&p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	}
	t.Update(func(s *jobs.Status) { s.Phase = "read" })
	labels, err := k.read(ctx, path, &p, func(done, total int) {
		t.Update(func(s *jobs.Status) {
			s.Done, s.Total, s.Progress = done, total, 0.9*float64(done)/float64(max(1, total))
		})
	})
	if err != nil {
		dir, _ := k.places.raw(p.Raw)
		return nil, &hidden{err, hide(err.Error(), dir)}
	}
	t.Update(func(s *jobs.Status) { s.Phase = "write" })
	in, err := k.book.Importing(ctx, labels)
	if err != nil {
		return nil, err
	}
	out := Imported{Written: len(in.Entries), Unchanged: in.Unchanged, Repeated: append([]string{}, in.Repeated...)}
	if len(in.Entries) == 0 {
		out = k.before(t, out)
	} else if err := k.note(t, out); err != nil {
		return nil, err
	} else if _, err := k.book.Write(ctx, p.By, in.Entries...); err != nil {
		return nil, err
	}
	return ended(jobs.Done, out, nil)
}

// note keeps what is about to be written, for a start after one that ended
// between writing it and saying so.
func (k *imports) note(t *jobs.Task, out Imported) error {
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.Work, 0o750); err != nil {
		return err
	}
	return volume.WriteAtomic(filepath.Join(t.Work, noted), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// before is what an earlier start of the job wrote; else is given where none did.
func (k *imports) before(t *jobs.Task, otherwise Imported) (out Imported) {
	text, err := os.ReadFile(filepath.Join(t.Work, noted))
	if err != nil || json.Unmarshal(text, &out) != nil {
		return otherwise
	}
	return out
}

// hidden is an error whose text is shown without the folder that it names.
type hidden struct {
	err  error
	text string
}

func (h *hidden) Error() string { return h.text }

func (h *hidden) Unwrap() error { return h.err }

// Options are what the kinds need beside their places.
type Options struct {
	// Workers is how many scans a build works at, Memory what they may take, in
	// bytes, and what scans that are exported at the same time may; 0 are the
	// defaults of package build, and one scan a processor.
	Workers int
	Memory  int64
	// Threads of a scan that is standardised, and scans that are exported at the
	// same time; 0 for all processors. MaxImageBytes bounds its
	// voxels; 0 is the default of package volume.
	Threads       int
	MaxImageBytes int64
	// Program is the program and its version, for records.
	Program string
	// Formats makes the formats of exports.
	Formats Formats
	// Wholes says which classes hold which, for the gates; without it no corpus is
	// measured.
	Wholes func() (map[string][]string, error)
	// Book takes labels in, which Labels reads; without one no labels are read in.
	Book   *labelmap.Book
	Labels Labels
}

// Portable are the kinds that work on one scan and nothing else of the service, so
// that a worker without its disk can do them, for [jobs.Config] with Remote.
func Portable(o Options) map[string]jobs.Kind {
	return map[string]jobs.Kind{Standardize: &standardize{o.MaxImageBytes, o.Threads, o.Program}}
}

// Kinds are those that these places and options allow, for [jobs.Config].
func (p *Places) Kinds(o Options) map[string]jobs.Kind {
	all := Portable(o)
	if p.Corpora != "" {
		all[Build] = &builds{places: p, workers: o.Workers, memory: o.Memory, program: o.Program}
		all[Export] = &exports{places: p, formats: o.Formats, program: o.Program, most: mostScans(o.Threads, o.Memory)}
	}
	if p.Corpora != "" && o.Wholes != nil {
		all[Measure] = &measures{places: p, wholes: o.Wholes}
	}
	if o.Book != nil && o.Labels != nil {
		all[Import] = &imports{p, o.Book, o.Labels}
	}
	return all
}
