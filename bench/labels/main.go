// Command labels races package labelmap/suggest against a fuzzy search over all
// names of the tree on the judged labels. run.sh runs it; the figures belong to
// one run on one machine and are never tested for.
//
//	labels [-n LABELS] [-sample N] DIR DEVSET PYTHON PEER.PY
//
// Both answer every N-th label, since the peer takes its time.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "labels:", err)
		os.Exit(1)
	}
}

// judged is one label of the set with the terms that are right for it.
type judged struct {
	label    labelmap.RawLabel
	right    []string
	doubtful bool // it may be left without an answer
}

// report is what either side makes of the labels.
type report struct {
	Seconds150 float64 `json:"seconds150"`
	SecondsAll float64 `json:"secondsAll"`
	Answerable int     `json:"answerable"`
	First      int     `json:"first"`
	Five       int     `json:"five"`
	Above      int     `json:"above"`
	Wrong      int     `json:"wrong"`
	Doubtful   int     `json:"doubtful"`
	Held       int     `json:"held"`
}

func run(args []string) error {
	flags := flag.NewFlagSet("labels", flag.ContinueOnError)
	long := flags.Int("n", 100_000, "labels of the long list")
	sample := flags.Int("sample", 7, "answer every N-th of the judged labels")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 4 {
		return errors.New("usage: labels [-n LABELS] DIR DEVSET PYTHON PEER.PY")
	}
	snapshot, err := builtin.Snapshot()
	if err != nil {
		return err
	}
	tree, err := snapshot.Tree()
	if err != nil {
		return err
	}
	set, err := readSet(tree, flags.Arg(1))
	if err != nil {
		return err
	}
	start := time.Now()
	engine, err := newEngine(tree)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d processors, %s; the engine is made in %.0f ms\n", runtime.Version(), runtime.GOMAXPROCS(0), time.Now().Format(time.DateOnly), 1000*time.Since(start).Seconds())
	part := every(set, *sample)
	ours := score(engine, set, part, max(*sample, 1))
	theirs, err := peer(tree, part, flags.Arg(0), flags.Arg(2), flags.Arg(3))
	if err != nil {
		return err
	}
	show("suggest", ours)
	show("rapidfuzz", theirs)
	fmt.Printf("150 labels: %.1f times as fast\n", theirs.Seconds150/ours.Seconds150)
	labels := manyLabels(set, *long)
	start, before := time.Now(), processor()
	engine.Suggest(labels, 5)
	took, cpu := time.Since(start).Seconds(), processor()-before
	fmt.Printf("%d labels: suggest %.1f s, %.1f s of processor; rapidfuzz %.0f s, extrapolated: %.1f times as fast\n", len(labels), took, cpu,
		theirs.SecondsAll*float64(len(labels))/float64(len(part)), theirs.SecondsAll*float64(len(labels))/float64(len(part))/took)
	return nil
}

// processor is how many seconds of processors this process has taken.
func processor() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func newEngine(tree *graph.Tree) (*suggest.Engine, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	classes := make([]suggest.Class, len(corpus))
	for i, c := range corpus {
		classes[i] = suggest.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID, Predicate: labelmap.Predicate(c.Predicate)}
	}
	return suggest.New(tree, classes), nil
}

// readSet reads the judged labels; devset/README.md says what their columns hold.
func readSet(tree *graph.Tree, path string) ([]judged, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set []judged
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) < 5 {
			return nil, fmt.Errorf("%s: a row of %d columns", path, len(f))
		}
		j := judged{label: labelmap.RawLabel{Dataset: f[0], Modality: f[1], Region: f[2], Name: f[3]}, doubtful: strings.Contains(f[4], "~")}
		for name := range strings.SplitSeq(f[4], "|") {
			for _, m := range graph.Best(tree.Lookup(strings.TrimPrefix(name, "~"))) {
				j.right = append(j.right, m.ID)
			}
		}
		set = append(set, j)
	}
	return set, nil
}

// every takes each n-th of the labels.
func every(set []judged, n int) []judged {
	var out []judged
	for i := 0; i < len(set); i += max(n, 1) {
		out = append(out, set[i])
	}
	return out
}

// score has the engine answer all labels, since a list is read as a whole, and
// counts those of part, each step-th.
func score(engine *suggest.Engine, set, part []judged, step int) report {
	labels := make([]labelmap.RawLabel, len(set))
	for i, j := range set {
		labels[i] = j.label
	}
	var r report
	engine.Suggest(labels[:150], 5) // what is made once
	const rounds = 5
	times := make([]float64, rounds)
	for k := range times {
		start := time.Now()
		engine.Suggest(labels[:150], 5)
		times[k] = time.Since(start).Seconds()
	}
	slices.Sort(times)
	r.Seconds150 = times[rounds/2]
	start := time.Now()
	results := engine.Suggest(labels, 5)
	r.SecondsAll = time.Since(start).Seconds() * float64(len(part)) / float64(len(set))
	for k, j := range part {
		i := k * step
		s := results[i].Suggestions
		right := func(s suggest.Suggestion) bool { return slices.Contains(j.right, s.TermID) }
		answered := !results[i].Abstained && len(s) > 0
		hit := answered && right(s[0])
		switch {
		case j.doubtful:
			r.Doubtful++
			r.Held += btoi(!answered || hit)
		default:
			r.Answerable++
			r.First += btoi(hit)
			r.Five += btoi(slices.ContainsFunc(s, right))
		}
		if answered && s[0].Score >= suggest.Accept {
			r.Above++
			r.Wrong += btoi(!hit)
		}
	}
	return r
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// peer writes names and labels down and lets the peer answer.
func peer(tree *graph.Tree, set []judged, dir, python, script string) (r report, err error) {
	clean := strings.NewReplacer("\t", " ", "\n", " ")
	var names, labels bytes.Buffer
	for _, t := range tree.Terms() {
		fmt.Fprintf(&names, "%s\t%s\n", t.ID, clean.Replace(t.Name))
		for _, s := range t.Synonyms {
			fmt.Fprintf(&names, "%s\t%s\n", t.ID, clean.Replace(s.Text))
		}
	}
	for _, j := range set {
		fmt.Fprintf(&labels, "%s\t%s\t%d\n", clean.Replace(j.label.Name), strings.Join(j.right, ";"), btoi(j.doubtful))
	}
	namesFile, labelsFile := filepath.Join(dir, "names.tsv"), filepath.Join(dir, "labels.tsv")
	if err := errors.Join(os.WriteFile(namesFile, names.Bytes(), 0o600), os.WriteFile(labelsFile, labels.Bytes(), 0o600)); err != nil {
		return r, err
	}
	cmd := exec.Command(python, script, namesFile, labelsFile) //nolint:gosec,noctx // what run.sh names, to its end
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%s: %w", script, err)
	}
	return r, json.Unmarshal(out, &r)
}

func show(who string, r report) {
	fmt.Printf("%-10s 150 labels in %.0f ms; %d of %d first, %d among five; %d of %d above its threshold wrong; %d of %d doubtful ones held back\n",
		who, 1000*r.Seconds150, r.First, r.Answerable, r.Five, r.Wrong, r.Above, r.Held, r.Doubtful)
}

// manyLabels makes a long list of datasets of the judged ones, no two of which
// have names that are written alike.
func manyLabels(set []judged, n int) []labelmap.RawLabel {
	out := make([]labelmap.RawLabel, 0, n)
	for i := 0; len(out) < n; i++ {
		l := set[i%len(set)].label
		if round := i / len(set); round > 0 {
			l.Dataset = fmt.Sprintf("%s %d", l.Dataset, round)
			l.Name = fmt.Sprintf("%s_%d", l.Name, round)
		}
		out = append(out, l)
	}
	return out
}
