package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/internal/steps"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
)

// lines keeps what a process logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// of gives the messages of the lines that name a job, and fails where one of them
// does not name the request and the trace.
func (l *lines) of(t *testing.T, job, request, trace string) map[string]bool {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	said := map[string]bool{}
	for line := range strings.Lines(l.text.String()) {
		var e struct{ Msg, Job, Request, Trace string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Job != job {
			continue
		}
		said[e.Msg] = true
		if e.Request != request || e.Trace != trace {
			t.Errorf("another request or trace: %s", line)
		}
	}
	return said
}

// A job's lines name the request and the trace that asked for it, in the service's
// log and in that of a worker elsewhere, also of those that ask for it later.
func TestLogNamesTheRequest(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	var atHome, elsewhere lines
	service := homeWith(t, atHome.log())
	model, running, release := held()
	remote(t, service, jobs.Config{Models: jobtest.Models{Model: model}, Log: elsewhere.log()})
	request := digested(scan(t))
	request.ImageSHA256, request.Trace, request.Key = sha(t, request.ImagePath), "00-"+trace+"-b7ad6b7169203331-01", "k"
	ask := func(id string, r jobs.Request) jobs.Job {
		j, err := service.Submit(steps.WithRequest(t.Context(), id), r)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	first := ask("ward-7", request)
	<-running
	if again := ask("ward-8", request); again.ID != first.ID || again.Request.RequestID != "ward-7" {
		t.Errorf("the same key: job %s of request %q", again.ID, again.Request.RequestID)
	}
	request.Key, request.Trace = "", ""
	second := ask("ward-9", request)
	release()
	wait(t, service, first.ID)
	if j := wait(t, service, second.ID); j.From != first.ID {
		t.Errorf("it is not shared: %+v", j)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if elsewhere.of(t, first.ID, "ward-7", trace)["a job is settled"] && len(elsewhere.of(t, second.ID, "ward-9", "")) > 0 {
			break
		}
	}
	if said := atHome.of(t, first.ID, "ward-7", trace); !said["a job is taken in"] {
		t.Errorf("the service says %v", said)
	}
	if said := elsewhere.of(t, first.ID, "ward-7", trace); !said["a job begins"] || !said["a job is settled"] {
		t.Errorf("the worker says %v", said)
	}
	if said := elsewhere.of(t, second.ID, "ward-9", ""); !said["a job takes over the result of another"] {
		t.Errorf("the worker says %v of the second", said)
	}
}

// So do the lines of a job that fails and of one that panics.
func TestLogOfFailuresNamesTheRequest(t *testing.T) {
	for what, look := range map[string]func(context.Context) error{
		"a job failed":   func(context.Context) error { return errors.New("no") },
		"a job panicked": func(context.Context) error { panic("no") },
	} {
		var log lines
		r := open(t, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{Look: look}}, Log: log.log()})
		j, err := r.Submit(steps.WithRequest(t.Context(), "ward-7"), jobs.Request{ImagePath: scan(t), Plan: inference.Prompts(inference.CT, jobtest.Bright)})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, r, j.ID)
		if said := log.of(t, j.ID, "ward-7", ""); !said[what] || !said["a job did not end well"] {
			t.Errorf("%s: it says %v", what, said)
		}
	}
}
