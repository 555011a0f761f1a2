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
}

func devset(t *testing.T, tree *graph.Tree) []judged {
	t.Helper()
	text, err := os.ReadFile("devset/labels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out []judged
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		j := judged{label: labelmap.RawLabel{Dataset: f[0], Modality: f[1], Region: f[2], Name: f[3]}, expect: map[string]bool{}}
		for e := range strings.SplitSeq(f[4], "|") {
			rest, not := strings.CutPrefix(e, "~")
			j.abstain = j.abstain || not
			for _, m := range graph.Best(tree.Lookup(rest)) {
				j.expect[m.ID] = true
			}
		}
		if !j.abstain && len(j.expect) == 0 {
			t.Errorf("line %d: no term is called %q", n+2, f[4])
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

func TestDevelopmentLabels(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	set := devset(t, tree)
	var labels []labelmap.RawLabel
	for _, j := range set {
		labels = append(labels, j.label)
	}
	results := New(tree, corpus(t)).Suggest(labels, 5)
	clean, messy := &tally{}, &tally{}
	for i, j := range set {
		r := &results[i]
		if said := describe(r, j); said != "" {
			t.Log(said)
		}
		if strings.HasPrefix(j.label.Dataset, "Messy") || strings.HasPrefix(j.label.Dataset, "Other") {
			messy.count(r, j)
		} else {
			clean.count(r, j)
		}
	}
	t.Logf("clean lists: %s", clean)
	t.Logf("messy lists: %s", messy)
	all := tally{}
	for _, x := range []*tally{clean, messy} {
		all.above += x.above
		all.wrong += x.wrong
		all.doubtful += x.doubtful
		all.held += x.held
	}
	for what, ok := range map[string]bool{
		"95 % of clean labels first":                clean.top1*100 >= clean.answerable*95,
		"99 % of clean labels among five":           clean.top5*100 >= clean.answerable*99,
		"85 % of messy labels first":                messy.top1*100 >= messy.answerable*85,
		"1 % wrong above the threshold at most":     all.wrong*100 <= all.above,
		"90 % of doubtful labels without an answer": all.held*10 >= all.doubtful*9,
	} {
		if !ok {
			t.Errorf("want %s", what)
		}
	}
}

// tally counts how labels were answered.
type tally struct {
	answerable, top1, top5 int
	above, wrong           int // answers with a score of Accept or more
	doubtful, held         int
}

func (c *tally) String() string {
	return fmt.Sprintf("%d of %d first, %d among five; %d of %d answers above the threshold wrong; %d of %d doubtful ones held back",
		c.top1, c.answerable, c.top5, c.wrong, c.above, c.held, c.doubtful)
}

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
	got := "nothing"
	if len(r.Suggestions) > 0 {
		got = fmt.Sprintf("%s (%.2f: %s)", r.Suggestions[0].Name, r.Suggestions[0].Score, strings.Join(r.Suggestions[0].Reasons, ", "))
	}
	return fmt.Sprintf("%s: %q: %s; %s", j.label.Dataset, j.label.Name, got, r.Why)
}
