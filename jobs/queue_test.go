package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/jobtest"
)

// digested is a request whose content is known.
func digested(path string) jobs.Request {
	return jobs.Request{
		ImagePath: path, ImageSHA256: strings.Repeat("a", 64), ModelDigest: jobs.Digest((&jobtest.Model{}).Manifest()),
		Plan: inference.Prompts(inference.CT, jobtest.Bright),
	}
}

func mustSubmit(t *testing.T, r *jobs.Runner, request jobs.Request) jobs.Job {
	t.Helper()
	j, err := r.Submit(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestKeyStandsForOneJob(t *testing.T) {
	r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	request := jobs.Request{Owner: "a", Key: "k", ImagePath: scan(t), Plan: inference.Prompts(inference.CT, jobtest.Bright)}
	first := mustSubmit(t, r, request)
	wait(t, r, first.ID)
	if again := mustSubmit(t, r, request); again.ID != first.ID || again.State != jobs.Done {
		t.Errorf("asked again: %s, %s", again.ID, again.State)
	}
	other := request
	other.Plan = inference.Prompts(inference.CT, jobtest.Dark)
	if _, err := r.Submit(t.Context(), other); !errors.Is(err, jobs.ErrKeyConflict) {
		t.Errorf("another request with the key: %v", err)
	}
	other.Owner = "b"
	if j := mustSubmit(t, r, other); j.ID == first.ID {
		t.Error("another owner's key is taken for the same")
	}
}

func TestSameIsComputedOnce(t *testing.T) {
	var runs atomic.Int32
	in, out := make(chan struct{}, 100), make(chan struct{})
	model := &jobtest.Model{Look: func(context.Context) error {
		runs.Add(1)
		in <- struct{}{}
		<-out
		return nil
	}}
	r := open(t, jobs.Config{Parallel: 2, Models: jobtest.Models{Model: model}})
	request := digested(scan(t))
	first := mustSubmit(t, r, request)
	<-in
	second := mustSubmit(t, r, request)
	time.Sleep(100 * time.Millisecond)
	if j, err := r.Get(t.Context(), second.ID); err != nil || j.State != jobs.Queued || j.Waits == "" {
		t.Errorf("the second is %s, %q, %v", j.State, j.Waits, err)
	}
	close(out)
	one, two := wait(t, r, first.ID), wait(t, r, second.ID)
	third := mustSubmit(t, r, request)
	windows := runs.Load()
	for _, j := range []jobs.Job{two, third} {
		if j.State != jobs.Done || j.From != first.ID {
			t.Errorf("it is %s of %q", j.State, j.From)
		}
		a, err := r.MaskPath(t.Context(), first.ID, one.Structures[0].File)
		b, err2 := r.MaskPath(t.Context(), j.ID, j.Structures[0].File)
		if err != nil || err2 != nil || a != b {
			t.Errorf("masks %q, %q, %v, %v", a, b, err, err2)
		}
	}
	if windows != 1 {
		t.Errorf("the model looked at %d windows of one", windows)
	}
}

func TestOneOfAnotherOwnerIsNext(t *testing.T) {
	model, running, release := held()
	r := open(t, jobs.Config{Models: jobtest.Models{Model: model}})
	path := scan(t)
	ask := func(owner string, p jobs.Priority) jobs.Job {
		return mustSubmit(t, r, jobs.Request{Owner: owner, Priority: p, ImagePath: path, Plan: inference.Prompts(inference.CT, jobtest.Bright)})
	}
	ask("many", jobs.Normal)
	<-running
	for range 50 {
		ask("many", jobs.Normal)
	}
	if j := ask("one", jobs.Normal); j.Position != 1 {
		t.Errorf("the only job of another has place %d", j.Position)
	}
	if j := ask("many", jobs.High); j.Position > 3 {
		t.Errorf("the urgent one has place %d", j.Position)
	}
	if j := ask("third", jobs.Low); j.Position > 8 {
		t.Errorf("the one of low priority has place %d", j.Position)
	}
	release()
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		fails int32
		want  jobs.State
	}{{2, jobs.Done}, {100, jobs.Dead}} {
		var n atomic.Int32
		model := &jobtest.Model{Look: func(context.Context) error {
			if n.Add(1) <= c.fails {
				return fmt.Errorf("write: %w", syscall.ENOSPC)
			}
			return nil
		}}
		r := open(t, jobs.Config{MaxTries: 3, Backoff: 10 * time.Millisecond, Lease: 400 * time.Millisecond, Models: jobtest.Models{Model: model}})
		j := wait(t, r, submit(t, r, scan(t), jobtest.Bright).ID)
		if j.State != c.want || j.Starts != 3 {
			t.Errorf("got %s after %d starts, want %s", j.State, j.Starts, c.want)
		}
		if c.want == jobs.Dead && (j.Failure == nil || !strings.Contains(j.Failure.Message, "tried 3 times")) {
			t.Errorf("it does not say why: %+v", j.Failure)
		}
	}
}

// A worker whose connection is cut loses its job to another; what it made of it
// then counts for nothing.
func TestLostWorkerCannotWrite(t *testing.T) {
	dir := t.TempDir()
	slow, running, release := held()
	service := open(t, jobs.Config{
		Dir: dir, Parallel: -1, Lease: time.Second,
		Bus: bus.Options{Dir: dir + "/nats", Listen: "127.0.0.1:0", Token: "t"},
	})
	worker := func(m inference.Model) *jobs.Runner {
		return open(t, jobs.Config{
			Dir: dir, WorkOnly: true, Lease: time.Second, Models: jobtest.Models{Model: m},
			Bus: bus.Options{URL: "nats://t@" + service.Address()},
		})
	}
	first := worker(slow)
	id := submit(t, service, scan(t), jobtest.Bright).ID
	<-running
	jobs.Cut(first)
	second := worker(&jobtest.Model{})
	j := wait(t, service, id)
	if j.State != jobs.Done || j.Starts != 2 {
		t.Fatalf("got %s after %d starts: %+v", j.State, j.Starts, j.Failure)
	}
	release()
	_ = first.Close()
	after := wait(t, second, id)
	if after.Folder != j.Folder || !after.Finished.Equal(j.Finished) {
		t.Errorf("it was changed: %s at %v, %s at %v", after.Folder, after.Finished, j.Folder, j.Finished)
	}
	if _, err := service.MaskPath(t.Context(), id, after.Structures[0].File); err != nil {
		t.Error(err)
	}
}
