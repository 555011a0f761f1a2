package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Archive gives what is to be kept of a folder of jobs, also while they run, name
// by name to add: what each was asked and became, the files of those that ended,
// and the saved state of those that run. A folder that holds it, under another
// name or on another machine, is one that [Open] goes on with: what ended is
// there, what waited or ran is queued again. The error is add's, or the disk's.
func Archive(dir string, add func(name string, size int64, r io.Reader) error) error {
	kept, err := keptJobs(dir)
	if err != nil {
		return err
	}
	settle(dir, kept)
	files := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		j := kept[id]
		text, err := json.MarshalIndent(j, "", "  ")
		if err != nil {
			return err
		}
		if err := add(id+"/"+recordName, int64(len(text)), bytes.NewReader(text)); err != nil {
			return err
		}
		if j.State.Final() {
			files[filepath.ToSlash(j.Folder)] = j.Folder != ""
		} else {
			files[id+"/work"] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(files)) {
		if !files[folder] {
			continue
		}
		if err := addFolder(dir, folder, add); err != nil {
			return err
		}
	}
	return nil
}

// keptJobs reads what the jobs of a folder were asked and became.
func keptJobs(dir string) (map[string]Job, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kept := map[string]Job{}
	for _, e := range entries {
		if !e.IsDir() || !idPattern.MatchString(e.Name()) {
			continue
		}
		j, err := readJob(dir, e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist): // it was being taken in, or removed
		case err != nil:
			return nil, err
		default:
			kept[j.ID] = j
		}
	}
	return kept, nil
}

func readJob(dir, id string) (j Job, err error) {
	text, err := os.ReadFile(filepath.Join(dir, id, recordName))
	if err != nil {
		return j, err
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return j, fmt.Errorf("job %s: %w", id, err)
	}
	j.ID = id
	return j, nil
}

// settle makes the jobs of a folder fit each other, which were read one after the
// other: one whose result is another's that had not ended when it was read.
func settle(dir string, kept map[string]Job) {
	for id, j := range kept {
		owner, _, _ := strings.Cut(filepath.ToSlash(j.Folder), "/")
		if !j.State.Final() || j.Folder == "" || owner == id || kept[owner].State.Final() && filepath.IsLocal(j.Folder) {
			continue
		}
		o, err := readJob(dir, owner)
		if err == nil && o.State.Final() {
			kept[owner] = o
			continue
		}
		j.again() // it is computed again
		kept[id] = j
	}
}

// again makes a job one that waits.
func (j *Job) again() {
	*j = Job{ID: j.ID, State: Queued, Created: j.Created, Request: j.Request}
}

// workSuffix ends the names of the saved states of package inference, which are
// written whole or not at all.
const workSuffix = ".satgraph-work"

// addFolder adds the files of a folder; of saved states those that are whole at any
// moment.
func addFolder(dir, folder string, add func(name string, size int64, r io.Reader) error) error {
	if !fs.ValidPath(folder) {
		return nil
	}
	return fs.WalkDir(os.DirFS(dir), folder, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && name != folder && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "."),
			strings.HasSuffix(folder, "/work") && !strings.HasSuffix(name, workSuffix):
			return nil
		}
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // read only
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return add(name, info.Size(), f)
	})
}
