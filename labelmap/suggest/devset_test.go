package suggest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

// judged is one row of devset/labels.tsv.
type judged struct {
	label   labelmap.RawLabel
	expect  map[string]bool // acceptable terms
	abstain bool            // a careful curator would not answer
	known   bool            // an earlier list holds the label
}

// judgements reads a table of judged labels; devset/README.md says what its
// columns hold.
func judgements(t *testing.T, tree *graph.Tree, path string) []judged {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []judged
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(f) < 5 {
			t.Fatalf("%s, line %d: want 5 columns or more", path, n+2)
		}
		j := judged{label: labelmap.RawLabel{Dataset: f[0], Modality: f[1], Region: f[2], Name: f[3]}, expect: map[string]bool{}}
		for e := range strings.SplitSeq(f[4], "|") {
			rest, not := strings.CutPrefix(e, "~")
			j.abstain = j.abstain || not
			for _, m := range graph.Best(tree.Lookup(rest)) {
				j.expect[m.ID] = true
			}
		}
		if !j.abstain && len(j.expect) == 0 {
			t.Errorf("%s, line %d: no term is called %q", path, n+2, f[4])
		}
		out = append(out, j)
	}
	return out
}

// corpus reads the corpus's classes from their table.
func corpus(t *testing.T) []Class {
	t.Helper()
	text, err := os.ReadFile("../../datasets/catalog/classes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out []Class
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		out = append(out, Class{Name: f[0], Modality: f[1], TermID: f[2], Predicate: labelmap.Predicate(f[3])})
	}
	return out
}

const development = "devset/labels.tsv"

func engine(t *testing.T) *Engine {
	t.Helper()
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return New(tree, corpus(t))
}

func TestDevelopmentLabels(t *testing.T) {
	e := engine(t)
	m := measure(t, e, judgements(t, e.tree, development))
	for what, ok := range map[string]bool{
		"95 % of clean labels first":                m.clean.top1*100 >= m.clean.answerable*95,
		"99 % of clean labels among five":           m.clean.top5*100 >= m.clean.answerable*99,
		"85 % of messy labels first":                m.messy.top1*100 >= m.messy.answerable*85,
		"1 % wrong above the threshold at most":     m.all.wrong*100 <= m.all.above,
		"90 % of doubtful labels without an answer": m.all.held*10 >= m.all.doubtful*9,
	} {
		if !ok {
			t.Errorf("want %s", what)
		}
	}
}

// TestJudgedLabels measures the table that SATGRAPH_JUDGED_LABELS names, and the
// part of it that the development labels do not hold. It has no target: lists
// that the engine has not seen say how good it is.
func TestJudgedLabels(t *testing.T) {
	path := os.Getenv("SATGRAPH_JUDGED_LABELS")
	if path == "" {
		t.Skip("SATGRAPH_JUDGED_LABELS names no table")
	}
	e := engine(t)
	known := map[string]bool{}
	for _, j := range judgements(t, e.tree, development) {
		known[strings.ToLower(j.label.Name)] = true
	}
	set := judgements(t, e.tree, path)
	for i := range set {
		set[i].known = known[strings.ToLower(set[i].label.Name)]
	}
	measure(t, e, set)
}

// measures are the tallies of a set by sort of list, and of answers above the
// threshold by what they rest on.
type measures struct {
	clean, messy, all tally
	kinds             [kindsOfEvidence]struct{ right, wrong, below int }
}

// measure answers the judged labels; labels known before are counted apart.
func measure(t *testing.T, e *Engine, set []judged) *measures {
	t.Helper()
	var m, fresh measures
	m.answer(t, e, set, &fresh)
	m.log(t, "")
	if fresh.all.answerable+fresh.all.doubtful < len(set) {
		fresh.log(t, ", labels of no earlier list")
	}
	return &m
}

// answer answers labels, logs what was missed, and counts, in fresh those that
// are not known.
func (m *measures) answer(t *testing.T, e *Engine, set []judged, fresh *measures) {
	t.Helper()
	labels := make([]labelmap.RawLabel, len(set))
	for i, j := range set {
		labels[i] = j.label
	}
	results := e.Suggest(labels, 5)
	for i, j := range set {
		r := &results[i]
		if said := describe(r, j); said != "" {
			t.Log(said)
		}
		m.count(r, j)
		if !j.known {
			fresh.count(r, j)
		}
	}
}

func (m *measures) count(r *Result, j judged) {
	sort := &m.clean
	if strings.HasPrefix(j.label.Dataset, "Messy") || strings.HasPrefix(j.label.Dataset, "Other") {
		sort = &m.messy
	}
	sort.count(r, j)
	m.all.count(r, j)
	if r.Abstained {
		return
	}
	kind := &m.kinds[r.Suggestions[0].evidence]
	switch {
	case !first(r, j) && r.Suggestions[0].Score >= Accept:
		kind.wrong++
	case first(r, j) && r.Suggestions[0].Score >= Accept:
		kind.right++
	case first(r, j):
		kind.below++
	}
}

func (m *measures) log(t *testing.T, which string) {
	t.Helper()
	t.Logf("clean lists%s: %s", which, &m.clean)
	t.Logf("messy lists%s: %s", which, &m.messy)
	t.Logf("both%s: %s", which, &m.all)
	for k, n := range m.kinds {
		t.Logf("by %s%s: above the threshold %d right, %d wrong; below it %d right", evidence(k), which, n.right, n.wrong, n.below)
	}
}

// tally counts how labels were answered.
type tally struct {
	answerable, top1, top5 int
	sureRight              int // right ones with a score of Accept or more
	above, wrong           int // answers with a score of Accept or more
	doubtful, held         int
}

func (c *tally) String() string {
	return fmt.Sprintf("%d of %d first (%s), %d among five (%s); %d of %d answers above the threshold wrong (%s), which hold %s of the right ones; %d of %d doubtful ones held back (%s)",
		c.top1, c.answerable, percent(c.top1, c.answerable), c.top5, percent(c.top5, c.answerable), c.wrong, c.above, percent(c.wrong, c.above),
		percent(c.sureRight, c.top1), c.held, c.doubtful, percent(c.held, c.doubtful))
}

func percent(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(of, 1))) }

func (c *tally) count(r *Result, j judged) {
	if j.abstain {
		c.doubtful++
		if held(r, j) {
			c.held++
		}
		c.sure(r, held(r, j))
		return
	}
	c.answerable++
	right := first(r, j)
	if right {
		c.top1++
		if r.Suggestions[0].Score >= Accept {
			c.sureRight++
		}
	}
	if slices.ContainsFunc(r.Suggestions, func(s Suggestion) bool { return j.expect[s.TermID] }) {
		c.top5++
	}
	c.sure(r, right)
}

// sure counts an answer above the threshold.
func (c *tally) sure(r *Result, right bool) {
	if !r.Abstained && r.Suggestions[0].Score >= Accept {
		c.above++
		if !right {
			c.wrong++
		}
	}
}

// first says whether the answer is right.
func first(r *Result, j judged) bool { return !r.Abstained && j.expect[r.Suggestions[0].TermID] }

// held says whether a doubtful label got no answer, or one that its row allows.
func held(r *Result, j judged) bool { return r.Abstained || first(r, j) }

// describe is empty for what was answered as judged.
func describe(r *Result, j judged) string {
	if j.abstain && held(r, j) || !j.abstain && first(r, j) {
		return ""
	}
	got, how := "nothing", "missed"
	if len(r.Suggestions) > 0 {
		got = fmt.Sprintf("%s (%.2f: %s)", r.Suggestions[0].Name, r.Suggestions[0].Score, strings.Join(r.Suggestions[0].Reasons, ", "))
	}
	switch {
	case !r.Abstained && r.Suggestions[0].Score >= Accept:
		how = "surely wrong"
	case j.abstain:
		how = "not held back"
	}
	return fmt.Sprintf("%s: %s: %q: %s; %s", how, j.label.Dataset, j.label.Name, got, r.Why)
}
