package kinds

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"satgraph/datasets/build"
	"satgraph/datasets/gates"
	"satgraph/jobs"
	"satgraph/volume"
)

// MeasureParams say which corpus is measured for the gates.
type MeasureParams struct {
	Corpus string `json:"corpus"`
}

// Measured is what came of it.
type Measured struct {
	Corpus string `json:"corpus"`
	Hash   string `json:"hash"` // the version that was measured
	Scans  int    `json:"scans"`
}

// CheckMeasure says what is wrong with them; the error is a *MistakeError where who
// asks can mend it. size is how many scans the corpus has.
func (p *Places) CheckMeasure(m *MeasureParams) (size int, err error) {
	dir, err := p.CorpusDir(m.Corpus)
	if err != nil {
		return 0, err
	}
	c, err := build.Open(dir)
	switch {
	case err != nil:
		return 0, err
	case c.Version.Hash == "":
		return 0, &MistakeError{"corpus", fmt.Sprintf("the corpus %q is not built yet", m.Corpus), "wait for the end of its job"}
	}
	return len(c.Scans), nil
}

// MeasuredFile keeps what was measured, in the corpus's folder: a line that says of
// which version, then one for each scan.
const MeasuredFile = "measured.jsonl"

// Measurements reads what was measured of a corpus. The error is fs.ErrNotExist
// where this version of it was not measured.
func Measurements(c *build.Corpus) (gates.Measurements, error) {
	m, err := readMeasured(filepath.Join(c.Dir, MeasuredFile), c.Version.Hash)
	if err != nil {
		return nil, err
	}
	if len(m.scans) != len(c.Scans) {
		return nil, fs.ErrNotExist
	}
	m.failed = gates.BuiltCorpus{Corpus: c}.Failed()
	return m, nil
}

// measurements are those of a file.
type measurements struct {
	scans  []*gates.Measured
	failed []gates.FailedScan
}

// Each implements [gates.Measurements].
func (m *measurements) Each(ctx context.Context, f func(*gates.Measured) error) error {
	for _, scan := range m.scans {
		if err := errors.Join(ctx.Err(), f(scan)); err != nil {
			return err
		}
	}
	return nil
}

// Failed implements [gates.Measurements].
func (m *measurements) Failed() []gates.FailedScan { return m.failed }

// readMeasured reads the whole lines of a file; the error is fs.ErrNotExist where
// it is of another version.
func readMeasured(path, hash string) (*measurements, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	in := bufio.NewReader(f)
	var m measurements
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a last line without its end was not written whole
			return &m, nil
		}
		if err != nil {
			return nil, err
		}
		if first {
			var head Measured
			if json.Unmarshal(line, &head) != nil || head.Hash != hash {
				return nil, fmt.Errorf("measurements of this version: %w", fs.ErrNotExist)
			}
			continue
		}
		var scan gates.Measured
		if err := json.Unmarshal(line, &scan); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		m.scans = append(m.scans, &scan)
	}
}

type measures struct {
	patient
	places *Places
	wholes func() (map[string][]string, error)
}

// Run measures the scans of a corpus, behind those that an earlier start measured.
func (k *measures) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	p, err := params[MeasureParams](t)
	if err != nil {
		return nil, err
	}
	dir, err := k.places.CorpusDir(p.Corpus)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	}
	c, err := build.Open(dir)
	if err != nil {
		return nil, err
	}
	out := Measured{Corpus: p.Corpus, Hash: c.Version.Hash, Scans: len(c.Scans)}
	wholes, err := k.wholes()
	if err != nil {
		return nil, err
	}
	lines, done, err := resumeMeasured(t.Work, &out, len(c.Scans))
	if err != nil {
		return nil, err
	}
	defer lines.Close() //nolint:errcheck // it is read again before it counts
	rest := *c
	rest.Scans = c.Scans[done:]
	tell := func() {
		t.Update(func(s *jobs.Status) {
			s.Phase, s.Done, s.Total, s.Progress = "measure", done, len(c.Scans), float64(done)/float64(max(1, len(c.Scans)))
		})
	}
	tell()
	err = gates.BuiltCorpus{Corpus: &rest, Index: k.places.Rows, Wholes: wholes}.Each(ctx, func(m *gates.Measured) error {
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if _, err := lines.Write(append(text, '\n')); err != nil {
			return err
		}
		done++
		tell()
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := lines.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	err = volume.WriteAtomic(filepath.Join(dir, MeasuredFile), func(w io.Writer) error {
		_, err := io.Copy(w, lines)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ended(jobs.Done, out, nil)
}

// resumeMeasured opens the file of what is measured, with what an earlier start has
// written of this version to it, whole lines alone.
func resumeMeasured(work string, head *Measured, most int) (f *os.File, done int, err error) {
	if err := os.MkdirAll(work, 0o750); err != nil {
		return nil, 0, err
	}
	path := filepath.Join(work, MeasuredFile)
	before, err := readMeasured(path, head.Hash)
	if err != nil || len(before.scans) > most {
		before = &measurements{}
	}
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, 0, err
	}
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(out)
	err = lines.Encode(head)
	for _, scan := range before.scans {
		err = errors.Join(err, lines.Encode(scan))
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, len(before.scans), nil
}
