package inference_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"satgraph/inference"
)

// testdata/judged.tsv says how it was made.
func TestJudgedQuestions(t *testing.T) {
	r, _ := corpus(t)
	table, err := os.ReadFile("testdata/judged.tsv")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for n, row := range strings.Split(strings.TrimSuffix(string(table), "\n"), "\n") {
		if strings.HasPrefix(row, "#") {
			continue
		}
		f := strings.Split(row, "\t")
		if len(f) != 5 {
			t.Fatalf("line %d has %d columns", n+1, len(f))
		}
		asked++
		p, _ := r.Resolve(f[0], inference.Modality(strings.TrimPrefix(f[1], "-")))
		if p == nil {
			t.Errorf("%d: %s [%s]: no plan", n+1, f[0], f[1])
			continue
		}
		fail := func(what, want string) {
			t.Errorf("%d: %s [%s]: %s, want %q\n\t%s", n+1, f[0], f[1], what, want, line(p))
		}
		if got := letters(p); f[2] != "*" && got != f[2] {
			fail("statuses "+got, f[2])
		}
		want, atLeast := strings.CutPrefix(f[3], "+ ")
		got := callNames(p)
		for c := range strings.SplitSeq(want, "; ") {
			if c == "none" && len(got) > 0 || c != "none" && !slices.Contains(got, c) {
				fail("calls "+strings.Join(got, "; "), f[3])
				break
			}
		}
		if !atLeast && want != "none" && len(got) != len(strings.Split(want, "; ")) {
			fail("calls "+strings.Join(got, "; "), "only "+f[3])
		}
		if f[4] != "" && !strings.Contains(strings.ToLower(words(p)), strings.ToLower(f[4])) {
			fail("says "+words(p), f[4])
		}
	}
	if asked < 200 {
		t.Errorf("only %d questions", asked)
	}
}

// letters are the first letters of the statuses.
func letters(p *inference.Plan) string {
	s := ""
	for _, t := range p.Terms {
		s += strings.ToUpper(t.Status[:1])
	}
	return s
}

// callNames are the classes called, with "-" before those that are only taken
// out of something.
func callNames(p *inference.Plan) []string {
	var out []string
	for _, c := range p.Calls {
		name := c.Class
		if !slices.ContainsFunc(p.Terms, func(t inference.TermPlan) bool { return slices.Contains(t.Classes, name) }) {
			name = "-" + name
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// words are all texts of an answer.
func words(p *inference.Plan) string {
	var out []string
	for _, t := range p.Terms {
		out = append(out, t.Name, t.Reason)
		out = append(out, t.Missing...)
		for _, c := range t.Candidates {
			out = append(out, c.Name)
		}
	}
	return strings.Join(out, "; ")
}

// Whatever is asked, there is an answer to it: a plan in which each structure
// says why it can't be had, or a refusal to read the question.
func FuzzResolveCorpus(f *testing.F) {
	table, err := os.ReadFile("testdata/judged.tsv")
	if err != nil {
		f.Fatal(err)
	}
	for row := range strings.Lines(string(table)) {
		query, _, _ := strings.Cut(row, "\t")
		f.Add(query)
	}
	r, _ := corpus(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, m := range []inference.Modality{"", inference.CT} {
			p, err := r.Resolve(query, m)
			switch {
			case p == nil && !errors.Is(err, inference.ErrBadQuery):
				t.Errorf("no plan and %v", err)
			case p != nil && len(p.Terms) == 0:
				t.Error("a plan without terms")
			case p != nil && len(p.Calls) == 0 && err == nil:
				t.Error("nothing to call and no error")
			}
			for i := 0; p != nil && i < len(p.Terms); i++ {
				if s := &p.Terms[i]; s.Reason == "" && (s.Status != inference.Segmentable || len(s.Classes) == 0) {
					t.Errorf("%s is %s without a reason", s.Name, s.Status)
				}
			}
		}
	})
}
