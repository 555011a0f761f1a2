package kinds_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/datasets/standard"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/kinds"
)

// A worker that shares no folder with the service standardises a scan to the same
// bytes over NATS. Work in the service's folders waits for one with its disk, and
// says so.
func TestRemoteWorkerStandardizes(t *testing.T) {
	dir := t.TempDir()
	scan := scanIn(t, dir)
	order := jobs.Request{Kind: kinds.Standardize, ImagePath: scan, ImageID: "scan"}
	params := kinds.StandardizeParams{Modality: inference.CT, Spacing: standard.SAT().Spacing}
	start := func(c jobs.Config) *jobs.Runner {
		r, err := jobs.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	portable := kinds.Portable(kinds.Options{Program: "test"})
	local := start(jobs.Config{Dir: t.TempDir(), Kinds: portable})
	own, err := local.ResultFolder(t.Context(), wait(t, local, submit(t, local, order, params)).ID)
	if err != nil {
		t.Fatal(err)
	}

	service := start(jobs.Config{Dir: filepath.Join(dir, "jobs"), Parallel: -1, Lease: time.Second, Bus: bus.Options{Dir: filepath.Join(dir, "nats"), Listen: "127.0.0.1:0", Token: "t"}})
	corpus := submit(t, service, jobs.Request{Kind: kinds.Measure}, kinds.MeasureParams{Corpus: "all"})
	start(jobs.Config{Dir: t.TempDir(), Remote: true, Lease: time.Second, Kinds: portable, Beside: 1, Bus: bus.Options{URL: "nats://t@" + service.Address()}})
	j := wait(t, service, submit(t, service, order, params))
	theirs, err := service.ResultFolder(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, want := content(t, theirs), content(t, own)
	if len(want) != 2 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("elsewhere it gives %v, here %v", got, want)
	}
	out, ok := kinds.OutputOf[kinds.Standardized](&j)
	if !ok || len(out.Files) != 2 {
		t.Errorf("the output is %s", j.Output)
	}
	waiting, err := service.Get(t.Context(), corpus)
	if err != nil || waiting.State != jobs.Queued || !strings.Contains(waiting.Waits, `no worker with the disk of the service does the work "measure"`) {
		t.Errorf("%v: %s, waits %q", err, waiting.State, waiting.Waits)
	}
	if why := service.Degraded(); !strings.Contains(why, "disk of the service") {
		t.Errorf("/readyz says %q", why)
	}
}
