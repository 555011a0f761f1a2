package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"satgraph/datasets/build"
	"satgraph/inference"
)

// progress prints how far a run is: one line that is written over on a
// terminal, else a line at each quarter of a phase.
type progress struct {
	to       io.Writer
	terminal bool
	phase    string
	quarter  int
	started  time.Time
	began    time.Time // the phase
	first    int       // what was done when it began
	width    int
}

func newProgress(to io.Writer) *progress {
	p := &progress{to: to, started: time.Now()}
	if f, ok := to.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) update(at inference.Progress) {
	if at.Phase != p.phase {
		p.phase, p.quarter = at.Phase, -1
		p.began, p.first = time.Now(), at.Done
	}
	total := max(at.Total, 1)
	line := fmt.Sprintf("%5.1fs  %-8s %3d/%d", time.Since(p.started).Seconds(), at.Phase, at.Done, total)
	if at.Phase == inference.PhaseWindows && at.Done > p.first && at.Done < at.Total {
		left := time.Since(p.began) / time.Duration(at.Done-p.first) * time.Duration(at.Total-at.Done)
		line += fmt.Sprintf("  %v left", left.Round(time.Second))
	}
	if at.What != "" {
		line += "  " + at.What
	}
	p.show(line, at.Done, total)
}

// show writes over the line on a terminal, and elsewhere a line a quarter.
func (p *progress) show(line string, done, total int) {
	if p.terminal {
		_, _ = fmt.Fprintf(p.to, "\r%s%s", line, strings.Repeat(" ", max(p.width-len(line), 0)))
		p.width = len(line)
		return
	}
	if quarter := 4 * done / total; quarter > p.quarter {
		p.quarter = quarter
		_, _ = fmt.Fprintln(p.to, line)
	}
}

// build says how far a build of a corpus is, and names each scan that fails.
func (p *progress) build(at build.Progress) {
	if p.phase == "" {
		p.phase, p.quarter = "build", -1
	}
	if at.Err != nil {
		p.done()
		_, _ = fmt.Fprintf(p.to, "failed: %s: %s\n", at.Scan, strings.ReplaceAll(at.Err.Error(), "\n", "; "))
	}
	done := at.Built + at.Unchanged + at.Failed
	line := fmt.Sprintf("%5.1fs  %d/%d scans", time.Since(p.started).Seconds(), done, at.Scans)
	if at.Failed > 0 {
		line += fmt.Sprintf(", %d failed", at.Failed)
	}
	if at.Left > 0 {
		line += fmt.Sprintf("  %v left", at.Left.Round(time.Second))
	}
	p.show(line, done, max(1, at.Scans))
}

// forecast says what the run will take, before it begins.
func (p *progress) forecast(f inference.Forecast) error {
	p.done()
	p.width = 0
	of := ""
	if f.Limit > 0 {
		of = fmt.Sprintf(" of %.1f GiB", float64(f.Limit)/(1<<30))
	}
	_, _ = fmt.Fprintf(p.to, "memory: about %.1f GiB at most%s; %d windows, structures decoded %d at a time\n",
		float64(f.Peak)/(1<<30), of, f.Windows, f.Queries)
	return nil
}

func (p *progress) done() {
	if p.terminal && p.width > 0 {
		_, _ = fmt.Fprintln(p.to)
	}
}

// count says how many of many are done, with what the rest will take.
func (p *progress) count(what string, done, total int) {
	if what != p.phase {
		p.phase, p.quarter, p.began = what, -1, time.Now()
	}
	line := fmt.Sprintf("%s %d/%d", what, done, total)
	if done < total {
		line += fmt.Sprintf("  %v left", (time.Since(p.began) / time.Duration(done) * time.Duration(total-done)).Round(time.Second))
	}
	if p.terminal {
		_, _ = fmt.Fprintf(p.to, "\r%s%s", line, strings.Repeat(" ", max(p.width-len(line), 0)))
		if p.width = len(line); done == total {
			_, _ = fmt.Fprintln(p.to)
		}
		return
	}
	if quarter := 4 * done / total; quarter > p.quarter {
		p.quarter = quarter
		_, _ = fmt.Fprintln(p.to, line)
	}
}
