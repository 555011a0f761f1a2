package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// migrate takes over the jobs that lie in the folder and that the server does not
// know: those of versions that kept them in files alone, and those of which the
// server's data was lost. What had not ended is queued again.
func (q *queue) migrate(ctx context.Context) error {
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !idPattern.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(q.dir, e.Name(), recordName))
		if err != nil {
			continue // it has not ended, and the server knows of it
		}
		if err := q.adopt(ctx, e.Name(), text); err != nil {
			return err
		}
	}
	return nil
}

func (q *queue) adopt(ctx context.Context, id string, text []byte) error {
	_, err := q.record(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	var j Job
	if err := json.Unmarshal(text, &j); err != nil {
		q.log.Warn("a job cannot be read, and is left alone", "job", id, "error", err)
		return nil
	}
	r := newRecord(id, q.home, &j.Request, j.Created)
	r.State, r.Started, r.Finished, r.Starts = j.State, j.Started, j.Finished, j.Starts
	r.Worker, r.From, r.Folder, r.Failure = j.Worker, j.From, j.Folder, j.Failure
	r.Info, r.Structures, r.Warnings, r.Output, r.Progress = j.Model, j.Structures, j.Warnings, j.Output, j.Progress
	r.Done, r.Total = j.Done, j.Total
	if r.Folder == "" {
		r.Folder = id // as it was
	}
	if !r.State.Final() {
		lost := r.State == Running
		r.Lost = r.Starts - 1
		if !lost {
			r.Lost = 0
		}
		if j.Request.kind() == Segmentation && (j.Request.Plan == nil || j.Request.ImagePath == "") {
			r.Lost = q.config.MaxLost
			lost = true
		}
		r.again()
		if lost {
			q.lose(&r)
		}
	}
	q.relocate(&j.Request)
	if _, err := q.table.create(ctx, keyRequest+id, &j.Request); err != nil && !errors.Is(err, errStale) {
		return err
	}
	if j.Request.Key != "" {
		if _, err := q.table.once(ctx, &j.Request, id); err != nil && !errors.Is(err, ErrKeyConflict) {
			return err
		}
	}
	if _, err := q.table.create(ctx, keyActive+id, &r); err != nil && !errors.Is(err, errStale) {
		return fmt.Errorf("job %s: %w", id, err)
	}
	return nil
}

// relocate finds the scan of a job that was brought from elsewhere, as a restored
// backup is, among those of the service.
func (q *queue) relocate(r *Request) {
	if r.ImagePath == "" || q.config.Images == "" {
		return
	}
	if _, err := os.Stat(r.ImagePath); !errors.Is(err, os.ErrNotExist) {
		return
	}
	r.ImagePath = filepath.Join(q.config.Images, filepath.Base(r.ImagePath))
}
