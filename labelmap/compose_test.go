package labelmap_test

import (
	"fmt"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

func builtinTree(t *testing.T) *graph.Tree {
	t.Helper()
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func termID(t *testing.T, tree *graph.Tree, name string) string {
	t.Helper()
	best := graph.Best(tree.Lookup(name))
	if len(best) != 1 {
		t.Fatalf("%q names %d terms", name, len(best))
	}
	return best[0].ID
}

func TestComposeRecipes(t *testing.T) {
	tree := builtinTree(t)
	judged := func(names ...string) []labelmap.Judged {
		var out []labelmap.Judged
		for i, n := range names {
			out = append(out, labelmap.Judged{
				Label:  labelmap.RawLabel{Name: n, Values: []int64{int64(i + 1)}},
				TermID: termID(t, tree, n), Predicate: labelmap.Exact,
			})
		}
		return out
	}
	wanted := func(names ...string) []labelmap.Wanted {
		var out []labelmap.Wanted
		for _, n := range names {
			out = append(out, labelmap.Wanted{Name: n, TermID: termID(t, tree, n)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		labels []labelmap.Judged
		wanted []labelmap.Wanted
		want   string
	}{
		{"sides", judged("left kidney", "right kidney"), wanted("kidney", "left kidney", "liver"), "kidney {1, 2}; left kidney {1}"},
		{"lesions", judged("kidney", "kidney tumor", "kidney cyst"), wanted("kidney", "kidney tumor"), "kidney {1, 2, 3} includes kidney cyst, kidney tumor; kidney tumor {2}"},
		{"chambers", judged("left heart ventricle", "right heart ventricle", "myocardium"), wanted("heart ventricle", "heart"), "heart ventricle {1, 2}"},
		{"one side only", judged("left kidney"), wanted("kidney"), ""},
	} {
		var got []string
		for _, r := range labelmap.Compose(tree, c.labels, c.wanted) {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Class, &r.Expr, r.Definition)))
			if err := r.Validate(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
	files := judged("left kidney", "kidney tumor")
	for i := range files {
		files[i].File, files[i].Label.Values = files[i].Label.Name+".nii.gz", nil
	}
	for _, r := range labelmap.Compose(tree, files, wanted("left kidney", "kidney tumor")) {
		if r.Definition != "" || !strings.HasSuffix(r.Expr.String(), `.nii.gz"{>0.5..}`) {
			t.Errorf("a file a structure: %s %s", &r.Expr, r.Definition)
		}
	}
}

func TestGuessSides(t *testing.T) {
	tree := builtinTree(t)
	var labels []labelmap.Judged
	for i, n := range []string{"kidney", "left lung", "lung", "liver"} {
		labels = append(labels, labelmap.Judged{Label: labelmap.RawLabel{Name: n, Values: []int64{int64(i + 1)}}, TermID: termID(t, tree, n), Predicate: labelmap.Exact})
	}
	var wanted []labelmap.Wanted
	for _, n := range []string{"left kidney", "right kidney", "left lung", "right lung", "liver", "kidney"} {
		wanted = append(wanted, labelmap.Wanted{Name: n, TermID: termID(t, tree, n)})
	}
	got := labelmap.GuessSides(tree, labels, wanted)
	if len(got) != 2 || got[0].Expr.String() != "left of the middle of {1}" || got[1].Class != "right kidney" {
		t.Fatalf("%+v", got)
	}
	for _, r := range got {
		if err := r.Validate(); err != nil || r.Risk == "" {
			t.Errorf("%s: %v, risk %q", r.Class, err, r.Risk)
		}
	}
}

func TestJudgedOf(t *testing.T) {
	settled := func(key string, l labelmap.RawLabel, ids ...string) labelmap.State {
		v := &labelmap.Verdict{Outcome: labelmap.Mapped}
		for _, id := range ids {
			v.Targets = append(v.Targets, labelmap.Target{TermID: id, Predicate: labelmap.Exact})
		}
		return labelmap.State{Subject: labelmap.Subject{Key: key}, Label: &l, Verdict: v}
	}
	judged, unusable := labelmap.JudgedOf([]labelmap.State{
		settled("a", labelmap.RawLabel{Name: "a", Values: []int64{1}, File: "x.csv", Line: 2}, "A"),
		settled("b", labelmap.RawLabel{Name: "b", File: "b.nii.gz"}, "B"),
		settled("c", labelmap.RawLabel{Name: "c", File: "list.txt", Line: 3}, "C"),
		settled("d", labelmap.RawLabel{Name: "d", Values: []int64{4}}, "A", "B"),
		{Label: &labelmap.RawLabel{Name: "open"}},
	})
	if len(judged) != 2 || judged[0].File != "" || judged[1].File != "b.nii.gz" || len(unusable) != 1 || unusable[0] != "c" {
		t.Errorf("%+v, %v", judged, unusable)
	}
}

func TestCheckRecipe(t *testing.T) {
	tree := builtinTree(t)
	labels := map[string]labelmap.Judged{}
	for i, n := range []string{"left kidney", "right kidney", "liver", "right kidney", "kidney tumor", "kidney"} {
		l := labelmap.RawLabel{Name: fmt.Sprint(n, i), Values: []int64{int64(i + 1)}}
		j := labelmap.Judged{Label: l, TermID: termID(t, tree, n), Predicate: labelmap.Exact}
		if n == "kidney" {
			j.Label.Values, j.File = nil, "kidneys.nii.gz"
		}
		labels[j.Label.Key()] = j
	}
	check := func(class, text string, complete bool) string {
		t.Helper()
		e, err := labelmap.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		r := &labelmap.Recipe{Class: class, Expr: e, Complete: complete, Risk: "guess"}
		if !complete {
			r.Missing = []string{"right kidney"}
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range labelmap.CheckRecipe(tree, r, termID(t, tree, class), labels) {
			got = append(got, string(c.What))
		}
		return strings.Join(got, "/")
	}
	for _, c := range []struct{ class, text, want string }{
		{"kidney", "{1, 2, 4, 5}", "twice"},
		{"kidney", "{1, 2, 5}", "gap"}, // the other label of the right kidney
		{"kidney", "{1, 5}", "sides/gap/gap"},
		{"kidney", "{1, 2, 3, 4, 5}", "outside/twice"},
		{"kidney", "{1, 2, 4}", "twice/gap"}, // the tumour leaves a hole
		{"kidney", "{1, 2} - {5}", "gap"},
		{"kidney", "{1, 2} - {3}", "cuts/gap/gap"},
		{"kidney", "{1, 2, 9}", "gap/gap"}, // 9 beside values that labels name
		{"kidney", "{1, 2, 4, 5} + {9}", "unknown/twice"},
		{"kidney", "kidneys.nii.gz{>0.5..} + {1}", "twice/gap/gap/gap"},
		{"left kidney", "{2}", "outside/sides"},
		{"left kidney", "left of the middle of kidneys.nii.gz{>0.5..}", "sides"},
		{"left kidney", "right of the middle of kidneys.nii.gz{>0.5..}", "outside/sides/sides"},
		{"liver", "{3}", ""},
		{"liver", "{3} & roi.nii.gz{1}", ""},
	} {
		if got := check(c.class, c.text, true); got != c.want {
			t.Errorf("%s from %s: %q, want %q", c.class, c.text, got, c.want)
		}
	}
	if got := check("kidney", "{1, 5}", false); got != "incomplete/sides" {
		t.Errorf("incomplete and says so: %q", got)
	}
	differ := labelmap.CompareDefinitions(map[string][]labelmap.Recipe{
		"A": {{Class: "kidney", Definition: "includes tumor"}}, "B": {{Class: "kidney"}, {Class: "liver"}}, "C": {{Class: "kidney"}},
	})
	if len(differ) != 1 || differ[0].Why != "A: includes tumor; B, C: as it is" {
		t.Errorf("%+v", differ)
	}
	var recipes []labelmap.Recipe
	for class, text := range map[string]string{"kidney": "{1, 2}", "liver": "{2, 3}", "left kidney": "{1}"} {
		e, err := labelmap.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		recipes = append(recipes, labelmap.Recipe{Class: class, Expr: e, Complete: true})
	}
	over := labelmap.CheckRecipes(tree, recipes, func(class string) string { return termID(t, tree, class) }, labels)
	if len(over) != 1 || over[0].What != labelmap.Overlap || !strings.Contains(over[0].Why, "2 right kidney1") {
		t.Errorf("overlaps: %+v", over)
	}
}
