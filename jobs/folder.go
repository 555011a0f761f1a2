package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"satgraph/inference"
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
	if err := writeFile(f.record(j.ID), data); err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	return nil
}

func writeFile(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
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

// maskName names a structure's mask so that a person knows it again,
// "left-atrium_UBERON-0002079.nii.gz", and differently from those taken.
func maskName(s *inference.StructureResult, taken map[string]bool) string {
	const longest = 80
	name := safeName(s.Term)
	name = name[:min(len(name), longest)]
	if s.TermID != "" {
		name += "_" + safeName(s.TermID)
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = name + "_" + strconv.Itoa(n)
	}
	taken[unique] = true
	return unique + ".nii.gz"
}

func safeName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		default:
			return '-'
		}
	}, s)
}
