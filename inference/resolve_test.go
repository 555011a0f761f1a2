package inference

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

// smallTree is a body of a few parts, with everything that a query can meet:
// sided pairs, kinds, a finding, a broad synonym, one name for two terms.
func smallTree(t testing.TB) *graph.Tree {
	t.Helper()
	term := func(id, name string, more ...graph.Synonym) graph.Term {
		side := graph.Unsided
		for _, s := range []graph.Laterality{graph.Left, graph.Right} {
			if strings.HasPrefix(name, string(s)+" ") {
				side = s
			}
		}
		return graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy, Laterality: side, Synonyms: more}
	}
	exact := func(text string) graph.Synonym { return graph.Synonym{Text: text, Scope: graph.ScopeExact} }
	broad := func(text string) graph.Synonym { return graph.Synonym{Text: text, Scope: graph.ScopeBroad} }
	terms := []graph.Term{
		term("T:01", "body"),
		term("T:02", "heart", exact("cor")),
		term("T:03", "cardiac ventricle", broad("ventricle")),
		term("T:04", "left cardiac ventricle", exact("left ventricle")),
		term("T:05", "right cardiac ventricle"),
		term("T:06", "cardiac valve"),
		term("T:07", "brain ventricle"),
		term("T:08", "kidney", broad("ren")),
		term("T:09", "left kidney"),
		term("T:10", "right kidney"),
		term("T:11", "rib"),
		term("T:12", "rib 1"),
		term("T:13", "rib 2"),
		term("T:14", "rib 10"),
		term("T:15", "amygdala"),
		term("T:16", "liver"),
		{ID: "T:17", Name: "tumor", Kind: graph.KindFinding},
		{ID: "T:18", Name: "liver tumor", Kind: graph.KindFinding},
		term("T:19", "node", exact("nodus")),
		term("T:20", "knot", exact("nodus")),
		term("T:21", "skin and fat"),
		term("T:22", "myocardium"),
		term("T:23", "arm"),
		term("T:24", "humerus"),
		term("T:25", "elbow"),
	}
	var relations []graph.Relation
	link := func(kind graph.RelationType, parent string, kids ...string) {
		for _, k := range kids {
			relations = append(relations, graph.Relation{Child: "T:" + k, Parent: "T:" + parent, Type: kind})
		}
	}
	link(graph.PartOf, "01", "02", "08", "11", "15", "16", "21", "23")
	link(graph.PartOf, "02", "03", "06", "22")
	link(graph.IsA, "03", "04", "05")
	link(graph.IsA, "08", "09", "10")
	link(graph.IsA, "11", "12", "13", "14")
	link(graph.PartOf, "23", "24", "25")
	link(graph.IsA, "17", "18")
	link(graph.LocatedIn, "16", "18")
	tree, err := graph.NewTree("test", terms, relations)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func smallClasses() []Class {
	return []Class{
		{Name: "heart", Modality: CT, TermID: "T:02"},
		{Name: "left heart ventricle", Modality: CT, TermID: "T:04"},
		{Name: "left heart ventricle", Modality: MRI, TermID: "T:04"},
		{Name: "right heart ventricle", Modality: CT, TermID: "T:05"},
		{Name: "brain ventricle", Modality: MRI, TermID: "T:07"},
		{Name: "left kidney", Modality: CT, TermID: "T:09"},
		{Name: "rib", Modality: CT, TermID: "T:11"},
		{Name: "rib 1", Modality: CT, TermID: "T:12"},
		{Name: "rib 10", Modality: CT, TermID: "T:14"},
		{Name: "amygdala", Modality: MRI, TermID: "T:15"},
		{Name: "liver", Modality: CT, TermID: "T:16"},
		{Name: "liver", Modality: MRI, TermID: "T:16"},
		{Name: "tumor", Modality: PET, TermID: "T:17"},
		{Name: "liver tumor", Modality: CT, TermID: "T:18"},
		{Name: "skin and fat", Modality: CT, TermID: "T:21"},
		{Name: "myocardium", Modality: CT, TermID: "T:22", Predicate: "close", Note: "the left ventricle's only"},
		{Name: "node", Modality: PET, TermID: "T:19", Predicate: "broad", Note: "of the neck only"},
		{Name: "humerus", Modality: CT, TermID: "T:24"},
		{Name: "nowhere", Modality: CT, TermID: "T:99"}, // not in this tree
	}
}

// line is a term plan in short.
func line(t *TermPlan) string {
	s := t.Name + " " + t.Status
	if len(t.Classes) > 0 {
		s += " [" + strings.Join(t.Classes, ", ") + "]"
	}
	if len(t.Missing) > 0 {
		s += " -[" + strings.Join(t.Missing, ", ") + "]"
	}
	return s
}

func TestResolve(t *testing.T) {
	r := NewResolver(smallTree(t), smallClasses())
	heart := []string{
		"cardiac valve not_segmentable",
		"cardiac ventricle composable [left heart ventricle, right heart ventricle]",
		"left cardiac ventricle segmentable [left heart ventricle]",
		"right cardiac ventricle segmentable [right heart ventricle]",
		"myocardium segmentable [myocardium]",
	}
	for _, c := range []struct {
		query string
		m     Modality
		want  []string
		err   error
	}{
		{"heart", CT, []string{"heart segmentable [heart]"}, nil},
		{"COR", CT, []string{"heart segmentable [heart]"}, nil},
		{"T:02", CT, []string{"heart segmentable [heart]"}, nil},
		{"left heart ventricle", CT, []string{"left cardiac ventricle segmentable [left heart ventricle]"}, nil},
		{"children of heart", CT, heart, nil},
		{"Segment all children of the heart in this CT.", "", heart, nil},
		{"all descendants of heart", CT, heart, nil},
		{"parts of the heart", CT, heart, nil},
		{"heart", MRI, []string{"heart not_segmentable"}, ErrNothingSegmentable},
		{"kidney", CT, []string{"kidney composable [left kidney] -[right kidney]"}, nil},
		{"left and right kidney", CT, []string{"left kidney segmentable [left kidney]", "right kidney not_segmentable"}, nil},
		{"children of rib", CT, []string{"rib 1 segmentable [rib 1]", "rib 2 not_segmentable", "rib 10 segmentable [rib 10]"}, nil},
		{"liver, rib and heart", CT, []string{"liver segmentable [liver]", "rib segmentable [rib]", "heart segmentable [heart]"}, nil},
		{"liver; liver", CT, []string{"liver segmentable [liver]"}, nil},
		{"skin and fat", CT, []string{"skin and fat segmentable [skin and fat]"}, nil},
		{"liver, skin and fat", CT, []string{"liver segmentable [liver]", "skin and fat segmentable [skin and fat]"}, nil},
		{"children of heart and rib", CT, append(slices.Clone(heart), "rib 1 segmentable [rib 1]", "rib 2 not_segmentable", "rib 10 segmentable [rib 10]"), nil},
		{"amygdala", CT, []string{"amygdala not_segmentable"}, ErrNothingSegmentable},
		{"amygdala", "", []string{"amygdala segmentable [amygdala]"}, nil},
		{"tumor", CT, []string{"tumor not_segmentable"}, ErrNothingSegmentable},
		{"liver tumor", CT, []string{"liver tumor segmentable [liver tumor]"}, nil},
		{"all descendants of liver", CT, []string{"liver not_segmentable"}, ErrNothingSegmentable},
		{"ventricle", CT, []string{"ventricle ambiguous"}, ErrNothingSegmentable},
		{"nodus", PET, []string{"nodus ambiguous"}, ErrNothingSegmentable},
		{"node", PET, []string{"node composable [node]"}, nil},
		{"arm", CT, []string{"arm not_segmentable"}, ErrNothingSegmentable}, // a humerus is no arm
		{"ren", CT, []string{"kidney composable [left kidney] -[right kidney]"}, nil},
		{"spleen", CT, []string{"spleen unknown"}, ErrUnknownTerm},
		{"liver and spleen", CT, []string{"liver segmentable [liver]", "spleen unknown"}, nil},
		{"children of spleen", CT, []string{"spleen unknown"}, ErrUnknownTerm},
	} {
		t.Run(c.query+"/"+string(c.m), func(t *testing.T) {
			p, err := r.Resolve(c.query, c.m)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			var got []string
			for i := range p.Terms {
				got = append(got, line(&p.Terms[i]))
				if p.Terms[i].Status != Segmentable && p.Terms[i].Reason == "" {
					t.Errorf("%s gives no reason", p.Terms[i].Name)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

func TestResolveReasons(t *testing.T) {
	r := NewResolver(smallTree(t), smallClasses())
	for _, c := range []struct {
		query string
		m     Modality
		want  string
	}{
		{"amygdala", CT, "only in MRI"},
		{"heart", MRI, "only in CT"},
		{"liver", PET, "only in CT and MRI"},
		{"amygdala", "", "in MRI"},
		{"kidney", MRI, "only in CT, from 1 class"},
		{"kidney", CT, "union of 1 class, 1 part missing"},
		{"tumor", CT, "only in PET; a finding needs its name: liver tumor"},
		{"cardiac valve", CT, "no class for it; it lies in heart, which has one"},
		{"body", PET, ""},
		{"arm", CT, `a region of the body, which no class draws as a whole: ask for "everything in the upper arm"`},
		{"myocardium", CT, `the class "myocardium" is drawn nearly so: the left ventricle's only`},
		{"node", PET, `the class "node" covers only a part of it: of the neck only`},
		{"ventricle", CT, "ambiguous: it may mean cardiac ventricle (T:03), brain ventricle (T:07)"},
		{"ren", CT, `"ren" is read as kidney, of which it is a broad synonym; union of 1 class, 1 part missing`},
	} {
		p, _ := r.Resolve(c.query, c.m) // the error is TestResolve's
		got := p.Terms[0].Reason
		if c.want != "" && got != c.want {
			t.Errorf("%s in %q: %q, want %q", c.query, string(c.m), got, c.want)
		}
	}
}

func TestResolveBadQueries(t *testing.T) {
	r := NewResolver(smallTree(t), smallClasses())
	for name, q := range map[string]string{
		"empty":     " \n",
		"commas":    ",;,",
		"too long":  strings.Repeat("heart,", 5000),
		"too many":  strings.Repeat("a,", 3000),
		"not UTF-8": "heart\xff",
	} {
		if p, err := r.Resolve(q, CT); !errors.Is(err, ErrBadQuery) || p != nil {
			t.Errorf("%s: plan %v, error %v", name, p, err)
		}
	}
	if _, err := r.Resolve("heart in this MRI scan", CT); !errors.Is(err, ErrBadQuery) {
		t.Errorf("a modality that contradicts: %v", err)
	}
}

func TestUnknownTermSuggests(t *testing.T) {
	r := NewResolver(smallTree(t), smallClasses())
	for text, want := range map[string]string{"hart": "heart", "lvier": "liver", "left kidny": "left kidney", "big left kidney": "left kidney"} {
		_, err := r.Resolve(text, CT)
		var unknown *UnknownTermError
		if !errors.As(err, &unknown) {
			t.Fatalf("%s: %v", text, err)
		}
		if len(unknown.Suggestions) == 0 || unknown.Suggestions[0].Name != want {
			t.Errorf("%s: suggests %v, want %s", text, unknown.Suggestions, want)
		}
	}
}

// The document that `satgraph resolve --json` prints.
func TestPlanJSON(t *testing.T) {
	p, err := NewResolver(smallTree(t), smallClasses()).Resolve("left ventricle, kidney", CT)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "query": "left ventricle, kidney",
 "modality": "ct",
 "terms": [
  {
   "id": "T:04",
   "name": "left cardiac ventricle",
   "status": "segmentable",
   "classes": [
    "left heart ventricle"
   ],
   "missing": [],
   "reason": ""
  },
  {
   "id": "T:08",
   "name": "kidney",
   "status": "composable",
   "classes": [
    "left kidney"
   ],
   "missing": [
    "right kidney"
   ],
   "reason": "union of 1 class, 1 part missing"
  }
 ],
 "calls": [
  {
   "class": "left heart ventricle",
   "prompt": "left heart ventricle",
   "modality": "ct"
  },
  {
   "class": "left kidney",
   "prompt": "left kidney",
   "modality": "ct"
  }
 ]
}`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

// A plan that waited in a file has no tree to be planned anew with; what it asks
// for stays.
func TestForModelOfStoredPlan(t *testing.T) {
	ct := []Modality{CT}
	man := &Manifest{Name: "demo", Modalities: ct, Prompts: []Prompt{{Name: "left heart ventricle", Modalities: ct}, {Name: "right heart ventricle", Modalities: ct}}}
	p, err := NewResolver(smallTree(t), smallClasses()).Resolve("cardiac ventricle, left cardiac ventricle, spleen", CT)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.ForModel(man); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var stored Plan
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	got, err := stored.ForModel(man)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Calls) != 2 || !slices.Equal(got.Calls, p.Calls) {
		t.Errorf("calls %v, want %v", got.Calls, p.Calls)
	}
	for i := range p.Terms {
		if a, b := line(&got.Terms[i]), line(&p.Terms[i]); a != b {
			t.Errorf("got %q, want %q", a, b)
		}
	}
	man.Prompts = man.Prompts[:1]
	got, err = stored.ForModel(man)
	if err != nil || got.Terms[0].Status != NotSegmentable || got.Terms[1].Status != Segmentable || len(got.Calls) != 1 {
		t.Errorf("a model that knows less: %v, %+v", err, got)
	}
}

func TestForModel(t *testing.T) {
	ct := []Modality{CT}
	man := &Manifest{Name: "demo", Modalities: ct, Prompts: []Prompt{
		{Name: "left heart ventricle", Modalities: ct},
		{Name: "Right Heart Ventricle", Modalities: ct},
		{Name: "left kidney", Modalities: ct},
	}}
	r := NewResolver(smallTree(t), append(smallClasses(), Class{Name: "kidney", Modality: CT, TermID: "T:08"}))
	p, err := r.Resolve("heart, children of heart, kidney, amygdala, spleen", "")
	if err != nil {
		t.Fatal(err)
	}
	p, err = p.ForModel(man)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"heart not_segmentable",
		"cardiac valve not_segmentable",
		"cardiac ventricle composable [left heart ventricle, right heart ventricle]",
		"left cardiac ventricle segmentable [left heart ventricle]",
		"right cardiac ventricle segmentable [right heart ventricle]",
		"myocardium not_segmentable",
		// The corpus has "kidney"; this model has one of its sides.
		"kidney composable [left kidney] -[right kidney]",
		"amygdala not_segmentable",
		"spleen unknown",
	}
	var got []string
	for i := range p.Terms {
		got = append(got, line(&p.Terms[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s", strings.Join(got, "\n  "))
	}
	if p.Modality != CT || len(p.Calls) != 3 {
		t.Errorf("modality %q, calls %v", p.Modality, p.Calls)
	}
	for i, says := range map[int]string{
		0: `the model "demo" was not trained on this class (heart)`,
		5: `the model "demo" was not trained on this class (myocardium)`,
		7: "only in MRI",
	} {
		if p.Terms[i].Reason != says {
			t.Errorf("%s: %q, want %q", p.Terms[i].Name, p.Terms[i].Reason, says)
		}
	}

	two := *man
	two.Modalities = []Modality{CT, MRI}
	plan, err := r.Resolve("liver", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.ForModel(&two); !errors.Is(err, ErrUnknownModality) {
		t.Errorf("a modality that must be said: %v", err)
	}
	if plan, err = plan.ForModel(man); !errors.Is(err, ErrNothingSegmentable) || plan == nil {
		t.Errorf("nothing that the model knows: %v", err)
	}
}

func TestParseModality(t *testing.T) {
	for text, want := range map[string]Modality{"": "", "CT": CT, " mr ": MRI, "MRI": MRI, "pet": PET, "T1": MRI} {
		if got, err := ParseModality(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ParseModality("x-ray"); !errors.Is(err, ErrUnknownModality) {
		t.Errorf("x-ray: %v", err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, q := range []string{"children of heart", "left and right kidney, liver", "segment the of and in this ct", ";,\n"} {
		f.Add(q)
	}
	r := NewResolver(smallTree(f), smallClasses())
	f.Fuzz(func(t *testing.T, query string) {
		p, err := r.Resolve(query, CT)
		if p == nil && !errors.Is(err, ErrBadQuery) {
			t.Errorf("no plan and %v", err)
		}
		if p != nil && len(p.Terms) == 0 {
			t.Error("a plan without terms")
		}
	})
}
