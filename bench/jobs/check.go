package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A result is what became of all.
type result struct {
	kills                    []string
	killed, asked, done      int
	failed, lost, unfinished []string
	twice, wrong, litter     []string
	reused, restarted, most  int
	seconds                  float64
	times                    []time.Duration
}

// run does it all.
func run(ctx context.Context, o options) (_ *result, err error) {
	dir, err := os.MkdirTemp("", "satgraph-kills-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	paths, err := makeScans(dir)
	if err != nil {
		return nil, err
	}
	r, err := newRig(o, dir)
	if r != nil {
		defer r.stop()
	}
	if err != nil {
		return nil, err
	}
	masks, err := r.expected(ctx, paths)
	if err != nil {
		return nil, err
	}
	images, err := r.upload(ctx, paths)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	killing := make(chan struct{})
	killErr := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(killing)
		err := r.kill(ctx)
		killErr <- err
		if err != nil {
			stop()
		}
	}()
	ended, open, err := r.load(ctx, images, killing)
	if err != nil {
		stop()
		return nil, errors.Join(err, <-killErr)
	}
	out := &result{seconds: time.Since(start).Seconds(), killed: o.kills, asked: len(ended) + len(open)}
	for _, p := range r.all {
		out.kills = append(out.kills, fmt.Sprintf("%s %d", p.name, p.kills))
	}
	for _, j := range open {
		out.unfinished = append(out.unfinished, j.ID+" "+j.Status)
	}
	return out, errors.Join(<-killErr, r.check(ctx, out, ended, masks))
}

// check looks at all that ended once more, and at their masks and folders.
func (r *rig) check(ctx context.Context, out *result, ended []*job, masks []map[string][]byte) error {
	for _, j := range ended {
		first := j.told()
		if err := r.look(ctx, j); err != nil {
			return err
		}
		out.times = append(out.times, j.took)
		out.most = max(out.most, j.Starts)
		switch {
		case j.Status == "LOST":
			out.lost = append(out.lost, j.ID)
			continue
		case j.told() != first:
			out.twice = append(out.twice, j.ID+" changed after its end")
		case j.Status != "DONE":
			why := ""
			if j.Error != nil {
				why = j.Error.Message
			}
			out.failed = append(out.failed, j.ID+" "+j.Status+": "+why)
			continue
		}
		out.done++
		if j.Reused {
			out.reused++
		} else if err := r.folder(out, j); err != nil {
			return err
		}
		if j.Starts > 1 {
			out.restarted++
		}
		for _, s := range j.Structures {
			var have []byte
			if s.MaskURL != "" {
				var err error
				if have, err = r.get(ctx, s.MaskURL); err != nil {
					return err
				}
			}
			if want, ok := masks[j.scan][s.Name]; !ok || !bytes.Equal(have, want) {
				out.wrong = append(out.wrong, j.ID+" "+s.Name)
			}
		}
	}
	return nil
}

// folder looks for what a job has left beside its masks: there must be one folder
// with them, and job.json.
func (r *rig) folder(out *result, j *job) error {
	dir := filepath.Join(r.path("data"), "jobs", j.ID)
	text, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if errors.Is(err, os.ErrNotExist) { // it is put away in a moment
		time.Sleep(time.Second)
		text, err = os.ReadFile(filepath.Join(dir, "job.json"))
	}
	if err != nil {
		return err
	}
	var kept struct {
		Folder     string
		Structures []struct{ File string }
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	want := []string{"job.json"}
	for _, s := range kept.Structures {
		if s.File != "" {
			want = append(want, filepath.Join(filepath.Base(kept.Folder), s.File))
		}
	}
	var have []string
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			have = append(have, name)
		}
		return err
	})
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		out.litter = append(out.litter, fmt.Sprintf("%s has %v, not %v", j.ID, have, want))
	}
	return err
}

func (r *rig) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return data, errors.Join(err, answer.Body.Close())
}

// String is a table.
func (r *result) String() string {
	var b strings.Builder
	row := func(what string, value any) { _, _ = fmt.Fprintf(&b, "| %s | %v |\n", what, value) }
	b.WriteString("| what | how many |\n|---|---|\n")
	row("kill -9", fmt.Sprintf("%d (%s) in %.0f s", r.killed, strings.Join(r.kills, ", "), r.seconds))
	row("jobs asked for", r.asked)
	row("ended DONE", r.done)
	row("of them started more than once", fmt.Sprintf("%d, at most %d times", r.restarted, r.most))
	row("of them taken over from another job", r.reused)
	row("failed", len(r.failed))
	row("lost", len(r.lost))
	row("not ended in time", len(r.unfinished))
	row("done twice in effect", len(r.twice))
	row("masks other than undisturbed", len(r.wrong))
	row("with files left beside the masks", len(r.litter))
	if len(r.times) > 0 {
		slices.Sort(r.times)
		row("time from asking to the end", fmt.Sprintf("median %.1f s, longest %.1f s", r.times[len(r.times)/2].Seconds(), r.times[len(r.times)-1].Seconds()))
	}
	return b.String()
}

// fault names what must not be.
func (r *result) fault() error {
	var all []string
	for what, list := range map[string][]string{
		"failed": r.failed, "lost": r.lost, "not ended": r.unfinished, "done twice": r.twice, "wrong": r.wrong, "litter": r.litter,
	} {
		for _, one := range list {
			all = append(all, what+": "+one)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return errors.New(strings.Join(all, "\n"))
}
