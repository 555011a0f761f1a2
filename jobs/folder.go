package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"satgraph/volume"
)

// A folder is where jobs are kept: one folder each, named by the job's id.
type folder string

const recordName = "job.json"

// ids are those of crypto/rand.Text: base32 of at least 128 random bits. The
// pattern also keeps path separators and dots out of file names.
var idPattern = regexp.MustCompile(`^[A-Z2-7]{26,52}$`)

func (f folder) of(id string) string     { return filepath.Join(string(f), id) }
func (f folder) record(id string) string { return filepath.Join(string(f), id, recordName) }

// save writes job.json whole or not at all.
func (f folder) save(j *Job) error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	if err := os.MkdirAll(f.of(j.ID), 0o750); err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	err = volume.WriteAtomic(f.record(j.ID), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	return nil
}

// load reads a job back. The error is ErrNotFound where there is none.
func (f folder) load(id string) (*Job, error) {
	if !idPattern.MatchString(id) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	data, err := os.ReadFile(f.record(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", id, err)
	}
	var j Job
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("job %s: %s is damaged: %w", id, recordName, err)
	}
	j.ID = id
	return &j, nil
}

// ids lists the jobs of the folder.
func (f folder) ids() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && idPattern.MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}
