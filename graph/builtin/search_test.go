package builtin_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

// The least that Search must reach on testdata/search.tsv. Top five counts every
// query that has an answer; none counts those that have no other.
const (
	leastQueries = 250
	leastTop1    = 0.98
	leastTop5    = 0.99
	leastNone    = 1.0
)

// judged is one row of the table of queries.
type judged struct {
	query, category string
	answers         []string // ids
	none            bool     // that nothing is found is right, too
}

func judgedQueries(t *testing.T, tree *graph.Tree) []judged {
	t.Helper()
	text, err := os.ReadFile("testdata/search.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []judged
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			t.Fatalf("line %d has %d columns", n+1, len(f))
		}
		j := judged{query: f[0], category: f[1]}
		for name := range strings.SplitSeq(f[2], "|") {
			if name == "none" {
				j.none = true
				continue
			}
			for _, m := range graph.Best(tree.Lookup(name)) {
				j.answers = append(j.answers, m.ID)
			}
		}
		if len(j.answers) == 0 && !j.none {
			t.Errorf("line %d: the tree has none of %q", n+1, f[2])
		}
		all = append(all, j)
	}
	return all
}

// tally counts a category.
type tally struct{ queries, top1, top5, none, noneRight int }

func (c *tally) String() string {
	s := ""
	if c.queries > 0 {
		s = fmt.Sprintf("top-1 %5.1f%%  top-5 %5.1f%%  of %3d", 100*float64(c.top1)/float64(c.queries), 100*float64(c.top5)/float64(c.queries), c.queries)
	}
	if c.none > 0 {
		s += fmt.Sprintf("  nothing found %d of %d", c.noneRight, c.none)
	}
	return s
}

// TestSearchAccuracy holds Search against judged queries. With -v it prints the
// accuracy of each category and every query that fails.
func TestSearchAccuracy(t *testing.T) {
	tree := tree(t)
	count := map[string]*tally{"all": {}}
	queries := judgedQueries(t, tree)
	for _, j := range queries {
		if count[j.category] == nil {
			count[j.category] = &tally{}
		}
		hits := tree.Search(j.query, 5)
		right := func(h graph.Hit) bool { return slices.Contains(j.answers, h.ID) }
		place := slices.IndexFunc(hits, right)
		for _, c := range []*tally{count["all"], count[j.category]} {
			switch {
			case j.none && len(j.answers) == 0:
				c.none++
				if len(hits) == 0 {
					c.noneRight++
				}
				continue
			default:
				c.queries++
			}
			if ok := j.none && len(hits) == 0; ok || place == 0 {
				c.top1++
			}
			if ok := j.none && len(hits) == 0; ok || place >= 0 {
				c.top5++
			}
		}
		if place != 0 && (!j.none || len(hits) > 0) {
			t.Logf("%-10s %-32q %s", j.category, j.query, hitNames(tree, hits))
		}
		for _, h := range hits {
			if len(h.Reasons) == 0 {
				t.Errorf("%q: the hit %s gives no reason", j.query, h.ID)
			}
		}
	}
	for _, category := range slices.Sorted(func(yield func(string) bool) {
		for c := range count {
			if !yield(c) {
				return
			}
		}
	}) {
		t.Logf("%-13s %s", category, count[category])
	}
	all := count["all"]
	if len(queries) < leastQueries {
		t.Errorf("only %d queries", len(queries))
	}
	if got := float64(all.top1) / float64(all.queries); got < leastTop1 {
		t.Errorf("top-1 accuracy %.3f, want at least %.3f", got, leastTop1)
	}
	if got := float64(all.top5) / float64(all.queries); got < leastTop5 {
		t.Errorf("top-5 accuracy %.3f, want at least %.3f", got, leastTop5)
	}
	if got := float64(all.noneRight) / float64(all.none); got < leastNone {
		t.Errorf("nothing was found for %.3f of the queries that fit nothing, want %.3f", got, leastNone)
	}
}

func hitNames(tree *graph.Tree, hits []graph.Hit) string {
	var out []string
	for _, h := range hits {
		term, _ := tree.Term(h.ID)
		out = append(out, fmt.Sprintf("%s %.2f", term.Name, h.Score))
	}
	return strings.Join(out, " | ")
}

// TestSearchNeverTakesOneSideForTheOther asks for every sided term by its name,
// by its name on the other side, misspelt, and with the side abbreviated.
func TestSearchNeverTakesOneSideForTheOther(t *testing.T) {
	tree := tree(t)
	asked := 0
	for _, term := range tree.Terms() {
		if term.Laterality == graph.Unsided {
			continue
		}
		asked++
		mine, other := string(term.Laterality), string(term.Laterality.Opposite())
		rest := strings.Join(strings.Fields(strings.Replace(term.Name, mine, "", 1)), " ")
		for side, queries := range map[graph.Laterality][]string{
			term.Laterality:            {term.Name, rest + " " + mine[:1], rest + "z " + mine},
			term.Laterality.Opposite(): {strings.Replace(term.Name, mine, other, 1), other[:1] + "t " + rest, other + " " + rest + "z"},
		} {
			for _, q := range queries {
				for _, h := range tree.Search(q, 50) {
					if hit, _ := tree.Term(h.ID); hit.Laterality == side.Opposite() {
						t.Errorf("%q found %s (%s)", q, hit.Name, hit.ID)
					}
				}
			}
		}
	}
	if asked < 300 {
		t.Errorf("only %d sided terms", asked)
	}
}
