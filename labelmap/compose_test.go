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

func TestCheckRecipe(t *testing.T) {
	tree := builtinTree(t)
	labels := map[string]labelmap.Judged{}
	for i, n := range []string{"left kidney", "right kidney", "liver", "right kidney"} {
		l := labelmap.RawLabel{Name: fmt.Sprint(n, i), Values: []int64{int64(i + 1)}}
		labels[l.Key()] = labelmap.Judged{Label: l, TermID: termID(t, tree, n), Predicate: labelmap.Exact}
	}
	for text, want := range map[string]string{
		"{1, 2}":    "",
		"{1}":       "sides",
		"{1, 2, 3}": "outside",
		"{1, 2, 4}": "twice",
	} {
		e, err := labelmap.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range labelmap.CheckRecipe(tree, &labelmap.Recipe{Class: "kidney", Expr: e, Complete: true}, termID(t, tree, "kidney"), labels) {
			got = append(got, c.What)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", text, s, want)
		}
	}
	left, err := labelmap.ParseExpr("{2}")
	if err != nil {
		t.Fatal(err)
	}
	concerns := labelmap.CheckRecipe(tree, &labelmap.Recipe{Class: "left kidney", Expr: left, Complete: true}, termID(t, tree, "left kidney"), labels)
	if len(concerns) != 2 || concerns[0].What != "outside" || concerns[1].What != "sides" {
		t.Errorf("the right kidney as the left: %+v", concerns)
	}
	differ := labelmap.CompareDefinitions(map[string][]labelmap.Recipe{
		"A": {{Class: "kidney", Definition: "includes tumor"}}, "B": {{Class: "kidney"}, {Class: "liver"}}, "C": {{Class: "kidney"}},
	})
	if len(differ) != 1 || differ[0].Why != "A: includes tumor; B, C: as it is" {
		t.Errorf("%+v", differ)
	}
}
