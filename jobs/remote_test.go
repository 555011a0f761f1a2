package jobs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/jobtest"
)

// home is a service that has no worker of its own and takes those of others.
func home(t *testing.T) *jobs.Runner {
	t.Helper()
	return homeWith(t, nil)
}

func homeWith(t *testing.T, log *slog.Logger) *jobs.Runner {
	t.Helper()
	dir := t.TempDir()
	return open(t, jobs.Config{
		Log: log, Dir: dir, Parallel: -1, Lease: time.Second,
		Bus: bus.Options{Dir: filepath.Join(dir, "nats"), Listen: "127.0.0.1:0", Token: "t"},
	})
}

// remote is a worker that shares no folder with it.
func remote(t *testing.T, service *jobs.Runner, c jobs.Config) *jobs.Runner {
	t.Helper()
	c.Remote, c.Lease, c.Bus = true, time.Second, bus.Options{URL: "nats://t@" + service.Address()}
	return open(t, c)
}

func sha(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// A worker that shares no folder with the service gives the same masks, byte for
// byte, and leaves nothing but the copy of the scan.
func TestRemoteWorker(t *testing.T) {
	path := scan(t)
	local := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	want := wait(t, local, submit(t, local, path, jobtest.Bright, jobtest.Dark, jobtest.Nothing).ID)

	service := home(t)
	dir := t.TempDir()
	remote(t, service, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	j := wait(t, service, submit(t, service, path, jobtest.Bright, jobtest.Dark, jobtest.Nothing).ID)
	if j.State != jobs.Done {
		t.Fatalf("got %s: %+v", j.State, j.Failure)
	}
	for i, s := range j.Structures {
		if s.File != want.Structures[i].File || s.Voxels != want.Structures[i].Voxels {
			t.Errorf("%s is %+v, of a local worker %+v", s.Term, s, want.Structures[i])
		}
		if s.File == "" {
			continue
		}
		a, err := service.MaskPath(t.Context(), j.ID, s.File)
		b, err2 := local.MaskPath(t.Context(), want.ID, s.File)
		if err != nil || err2 != nil || sha(t, a) != sha(t, b) {
			t.Errorf("the masks of %s differ: %v, %v", s.Term, err, err2)
		}
	}
	if copied := filepath.Join(dir, "scans", sha(t, path)+".nii.gz"); sha(t, copied) != sha(t, path) {
		t.Error("the copy of the scan is another")
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, j.ID)); os.IsNotExist(err) {
			break
		}
		if time.Now().After(end) {
			t.Error("files of the job stay with the worker")
			break
		}
	}
}

// A second job with a known result takes it over, asked for through the service.
func TestRemoteWorkerTakesOverResults(t *testing.T) {
	service := home(t)
	model, running, release := held()
	remote(t, service, jobs.Config{Models: jobtest.Models{Model: model}})
	request := digested(scan(t))
	request.ImageSHA256 = sha(t, request.ImagePath)
	first := mustSubmit(t, service, request)
	<-running
	second := mustSubmit(t, service, request)
	release()
	wait(t, service, first.ID)
	if j := wait(t, service, second.ID); j.State != jobs.Done || j.From != first.ID {
		t.Errorf("got %s from %q", j.State, j.From)
	}
}

// The service is gone from the moment in which the scan was fetched until after
// the work is done; the worker waits for it with the results.
func TestRemoteWorkerWaitsForItsService(t *testing.T) {
	team, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(team.Close)
	at := bus.Options{URL: "nats://t@" + team.Address()}
	dir := t.TempDir()
	model, running, release := held()
	open(t, jobs.Config{Remote: true, Bus: at, Lease: 30 * time.Second, Models: jobtest.Models{Model: model}})
	service := open(t, jobs.Config{Dir: dir, Parallel: -1, Bus: at, Lease: time.Second})
	id := submit(t, service, scan(t), jobtest.Bright).ID
	<-running
	if err := service.Close(); err != nil {
		t.Fatal(err)
	}
	release()
	time.Sleep(300 * time.Millisecond)
	service = open(t, jobs.Config{Dir: dir, Parallel: -1, Bus: at, Lease: 30 * time.Second})
	j := wait(t, service, id)
	if j.State != jobs.Done || j.Starts != 1 {
		t.Errorf("got %s after %d starts: %+v", j.State, j.Starts, j.Failure)
	}
	if _, err := service.MaskPath(t.Context(), id, j.Structures[0].File); err != nil {
		t.Error(err)
	}
}

// The next worker in a folder gives back what the former had, at once.
func TestRemoteWorkerSucceeds(t *testing.T) {
	service := home(t)
	dir := t.TempDir()
	model, running, release := held()
	defer release()
	first := remote(t, service, jobs.Config{Dir: dir, Models: jobtest.Models{Model: model}})
	if _, err := jobs.Open(jobs.Config{Dir: dir, Remote: true, Bus: bus.Options{URL: "nats://t@" + service.Address()}}); err == nil || !strings.Contains(err.Error(), "another worker") {
		t.Errorf("a second worker in the folder: %v", err)
	}
	id := submit(t, service, scan(t), jobtest.Bright).ID
	<-running
	jobs.Die(first)
	remote(t, service, jobs.Config{Dir: dir, Models: jobtest.Models{Model: &jobtest.Model{}}})
	if j := wait(t, service, id); j.State != jobs.Done || j.Starts != 2 {
		t.Errorf("got %s after %d starts", j.State, j.Starts)
	}
}

// Who has not the job, or asks for files outside of it, is refused.
func TestRemoteWorkerIsAskedForOddFiles(t *testing.T) {
	service := home(t)
	model, running, release := held()
	defer release()
	remote(t, service, jobs.Config{Models: jobtest.Models{Model: model}})
	path := scan(t)
	id := submit(t, service, path, jobtest.Bright).ID
	<-running
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for what, c := range map[string]struct {
		name   string
		epoch  uint64
		worker string
		want   string
	}{
		"another worker":    {"a.nii.gz", 1, "other", "another worker's"},
		"another epoch":     {"a.nii.gz", 2, "", "another worker's"},
		"out of the folder": {"../../../etc/passwd", 1, "", "cannot be taken"},
		"an absolute path":  {"/etc/passwd", 1, "", "cannot be taken"},
		"no name":           {"", 1, "", "cannot be taken"},
		"a part":            {"a.part", 1, "", "cannot be taken"},
		"an odd path":       {"a/./b", 1, "", "cannot be taken"},
	} {
		if err := jobs.Write(ctx, service, id, c.epoch, c.worker, c.name, []byte("x")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := jobs.Write(ctx, service, id, 1, "", "sub/a.nii.gz", bytes.Repeat([]byte("x"), 100)); err != nil {
		t.Errorf("a right one: %v", err)
	}
	if _, err := service.MaskPath(ctx, id, "sub/a.nii.gz"); err == nil {
		t.Error("a file that is no mask of the job is given")
	}
}

// A scan that is not there is the end of its job.
func TestRemoteWorkerWithoutTheScan(t *testing.T) {
	service := home(t)
	remote(t, service, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	gone := jobs.Request{ImagePath: filepath.Join(t.TempDir(), "gone.nii"), Plan: inference.Prompts(inference.CT, jobtest.Bright)}
	if j := wait(t, service, mustSubmit(t, service, gone).ID); j.State != jobs.Failed || !strings.Contains(j.Failure.Message, "gone.nii") {
		t.Errorf("got %s, %+v", j.State, j.Failure)
	}
}
