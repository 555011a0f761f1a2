package suggest

import (
	"os"
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
	var answerable, top1, top5, wrong, above, doubtful, held int
	for i, j := range set {
		r := results[i]
		first, score := "", 0.0
		if len(r.Suggestions) > 0 {
			first, score = r.Suggestions[0].TermID, r.Suggestions[0].Score
		}
		if j.abstain {
			doubtful++
			if r.Abstained || j.expect[first] && len(j.expect) == 1 && !strings.HasPrefix(j.label.Name, "~") {
				held++
			} else {
				t.Logf("should abstain: %s: %q: %s %.2f %v", j.label.Dataset, j.label.Name, r.Suggestions[0].Name, score, r.Suggestions[0].Reasons)
			}
			continue
		}
		answerable++
		in5 := false
		for _, x := range r.Suggestions {
			in5 = in5 || j.expect[x.TermID]
		}
		if in5 {
			top5++
		}
		if !r.Abstained && score >= Accept {
			above++
			if !j.expect[first] {
				wrong++
			}
		}
		if j.expect[first] && !r.Abstained {
			top1++
			continue
		}
		name := ""
		if len(r.Suggestions) > 0 {
			name = r.Suggestions[0].Name
		}
		t.Logf("%s: %q: %s %.2f %s", j.label.Dataset, j.label.Name, name, score, r.Why)
	}
	t.Logf("top-1 %d, top-5 %d of %d; %d wrong of %d above %.2f; %d of %d held back", top1, top5, answerable, wrong, above, Accept, held, doubtful)
}
