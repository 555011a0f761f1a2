package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
)

// said is a log that a test reads.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// until waits for something to become so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Jobs that ended go by number and age, with their files; what runs or waits stays,
// and so do files that another job's result are.
func TestEndedJobsAreRemoved(t *testing.T) {
	t.Cleanup(jobs.PruneEvery(10 * time.Millisecond))
	dir, log := t.TempDir(), &said{}
	config := jobs.Config{
		Dir: dir, Keep: 2, Log: slog.New(slog.NewTextHandler(log, nil)),
		Models: jobtest.Models{Model: &jobtest.Model{}},
	}
	r := open(t, config)
	path := scan(t)
	request := func(key string, prompts ...string) jobs.Request {
		q := asked(path, prompts...)
		q.Key, q.ImageSHA256, q.ModelDigest = key, "sum", jobs.Digest((&jobtest.Model{}).Manifest())
		return q
	}
	do := func(q jobs.Request) jobs.Job {
		t.Helper()
		j, err := r.Submit(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return wait(t, r, j.ID)
	}
	gone := func(id string) func() bool {
		return func() bool {
			_, err := r.Get(t.Context(), id)
			_, onDisk := os.Stat(filepath.Join(dir, id))
			return errors.Is(err, jobs.ErrNotFound) && errors.Is(onDisk, os.ErrNotExist)
		}
	}
	first := do(request("first", jobtest.Bright))
	again := do(request("", jobtest.Bright))
	if again.From != first.ID {
		t.Fatalf("the result was computed twice: %+v", again)
	}
	second := do(request("", jobtest.Dark)) // a third: the first would go, but again has its files
	time.Sleep(100 * time.Millisecond)
	if _, err := r.MaskPath(t.Context(), again.ID, again.Structures[0].File); err != nil || gone(first.ID)() {
		t.Fatalf("the files of a result that was taken over are gone: %v", err)
	}
	third := do(request("", jobtest.Nothing))
	until(t, "the one that was taken over goes, and then the first", func() bool { return gone(again.ID)() && gone(first.ID)() })
	if !strings.Contains(log.String(), "job="+first.ID) || !strings.Contains(log.String(), "2 that ended are kept") {
		t.Errorf("it does not say why: %s", log)
	}
	page, err := r.List(t.Context(), jobs.Filter{}, "", 10)
	if err != nil || page.Total != 2 || page.Jobs[0].ID != third.ID || page.Jobs[1].ID != second.ID {
		t.Errorf("kept are %+v, %v", page, err)
	}
	// Its key is free again.
	if j := do(request("first", jobtest.Bright)); j.ID == first.ID || j.State != jobs.Done {
		t.Errorf("the key of a job that is gone gives %+v", j)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	// By age, and nothing that has not ended.
	block := make(chan struct{})
	now, mu := time.Now(), sync.Mutex{}
	config.Keep, config.KeepFor = 0, time.Hour
	config.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	config.Models = jobtest.Models{Model: &jobtest.Model{Look: func(ctx context.Context) error {
		select {
		case <-block:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}}
	r = open(t, config)
	running, waiting := submit(t, r, path, jobtest.Bright), submit(t, r, path, jobtest.Dark)
	time.Sleep(50 * time.Millisecond)
	mu.Lock()
	now = now.Add(3 * time.Hour)
	mu.Unlock()
	until(t, "all that ended are gone", func() bool {
		page, err := r.List(t.Context(), jobs.Filter{}, "", 10)
		return err == nil && page.Total == 2
	})
	close(block)
	for _, id := range []string{running.ID, waiting.ID} {
		if j := wait(t, r, id); j.State != jobs.Done {
			t.Errorf("%+v", j)
		}
	}
}

// Jobs are listed by owner, state and kind, the latest first, in pages; those that
// failed are queued again.
func TestJobsAreListedAndTriedAgain(t *testing.T) {
	dir := t.TempDir()
	broken := true
	var mu sync.Mutex
	r := open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{Look: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return errors.New("broken")
		}
		return nil
	}}}})
	path := scan(t)
	var ids []string
	for _, owner := range []string{"ann", "bob", "ann", "bob", "ann"} {
		q := asked(path, jobtest.Bright)
		q.Owner = owner
		j, err := r.Submit(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, wait(t, r, j.ID).ID)
	}
	until(t, "all are put away", func() bool {
		page, err := r.List(t.Context(), jobs.Filter{States: []jobs.State{jobs.Failed}}, "", 100)
		return err == nil && page.Total == 5
	})
	list := func(f jobs.Filter, after string, first int) (got []string, page jobs.Page) {
		t.Helper()
		page, err := r.List(t.Context(), f, after, first)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		return got, page
	}
	ann, _ := list(jobs.Filter{Owners: []string{"ann"}}, "", 10)
	if strings.Join(ann, " ") != ids[4]+" "+ids[2]+" "+ids[0] {
		t.Errorf("of ann: %v, in all %v", ann, ids)
	}
	head, page := list(jobs.Filter{Owners: []string{"ann"}}, "", 2)
	tail, last := list(jobs.Filter{Owners: []string{"ann"}}, page.Jobs[1].Place(), 2)
	if !page.More || last.More || page.Total != 3 || strings.Join(append(head, tail...), " ") != strings.Join(ann, " ") {
		t.Errorf("in pages: %v %v", head, tail)
	}
	if none, _ := list(jobs.Filter{Kinds: []string{"build"}}, "", 10); len(none) != 0 {
		t.Errorf("of another kind: %v", none)
	}

	mu.Lock()
	broken = false
	mu.Unlock()
	j, err := r.Retry(t.Context(), ids[0])
	if err != nil || j.ID != ids[0] || j.State.Final() {
		t.Fatalf("%+v, %v", j, err)
	}
	if j = wait(t, r, ids[0]); j.State != jobs.Done || j.Failure != nil {
		t.Errorf("tried again: %+v", j)
	}
	if _, err := r.Retry(t.Context(), ids[0]); !errors.Is(err, jobs.ErrNotRetried) {
		t.Errorf("a job that ended well: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = open(t, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	if j, err := r.Get(t.Context(), ids[0]); err != nil || j.State != jobs.Done {
		t.Errorf("after a restart: %+v, %v", j, err)
	}
	if done, _ := list(jobs.Filter{States: []jobs.State{jobs.Done}}, "", 10); len(done) != 1 {
		t.Errorf("after a restart: %v", done)
	}
}

// asked is a request for prompts in a scan.
func asked(path string, prompts ...string) jobs.Request {
	return jobs.Request{ImageID: "scan", ImagePath: path, Plan: inference.Prompts(inference.CT, prompts...)}
}
