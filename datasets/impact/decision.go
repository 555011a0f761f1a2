package impact

import (
	"context"
	"slices"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/graph"
	"satgraph/labelmap"
)

// Ground is what an impact is counted in.
type Ground struct {
	Catalog *catalog.Catalog
	Index   *corpus.Index // nil where there is no scan list
	Exports []Manifest
}

// Desk is what decisions are made at.
type Desk struct {
	Book    *labelmap.Book
	Tree    *graph.Tree
	Classes []labelmap.Class // of the corpus
	Ground  *Ground
}

// Counted lets the verdicts of entries count in their changes, also where a
// second reviewer has to agree first: asked is what a decision comes to once it
// stands.
func Counted(changes []labelmap.Change, entries []labelmap.Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Action != labelmap.ActDecide && e.Action != labelmap.ActAdjudicate {
			continue
		}
		for k := range changes {
			if st := &changes[k].After; st.Subject == e.Subject {
				st.Status, st.Verdict = labelmap.Settled, e.Verdict
			}
		}
	}
}

// OfChanges says what changes of labels and recipes, previewed or written, mean
// for one dataset: the recipes that it has before and after are the settled
// ones, for classes where none is settled what the tree proposes, and for those
// where it proposes none what the dataset's record says. Errors are those of
// Book.States.
func OfChanges(ctx context.Context, d Desk, dataset string, changes []labelmap.Change) (*Report, error) {
	labels, err := d.Book.States(ctx, dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	recipes, err := d.Book.States(ctx, dataset, labelmap.SubjectRecipe)
	if err != nil {
		return nil, err
	}
	before := func(c *labelmap.Change) labelmap.State { return c.Before }
	after := func(c *labelmap.Change) labelmap.State { return c.After }
	at := func(side func(*labelmap.Change) labelmap.State) []labelmap.Recipe {
		return d.effective(dataset,
			replaced(labels, changes, dataset, labelmap.SubjectLabel, side),
			replaced(recipes, changes, dataset, labelmap.SubjectRecipe, side))
	}
	in := Input{
		Dataset: dataset, Before: at(before), After: at(after),
		Index: d.Ground.Index, Catalog: d.Ground.Catalog, Exports: d.Ground.Exports,
	}
	for i := range labels {
		if l := labels[i].Label; l != nil && l.Modality != "" {
			in.Modality = catalog.Modality(l.Modality)
			break
		}
	}
	if record, ok := d.Ground.Catalog.Dataset(dataset); ok && in.Modality == "" {
		in.Modality = record.Modality
	}
	return Of(in), nil
}

// replaced are states with those of one side of changes in their place.
func replaced(states []labelmap.State, changes []labelmap.Change, dataset string, kind labelmap.SubjectKind, side func(*labelmap.Change) labelmap.State) []labelmap.State {
	given := map[labelmap.Subject]labelmap.State{}
	for i := range changes {
		if st := side(&changes[i]); st.Subject.Kind == kind && st.Subject.Dataset == dataset {
			given[st.Subject] = st
		}
	}
	out := slices.Clone(states)
	for i := range out {
		if st, ok := given[out[i].Subject]; ok {
			out[i] = st
			delete(given, st.Subject)
		}
	}
	for i := range changes { // those that nobody had decided on yet
		if st, ok := given[side(&changes[i]).Subject]; ok {
			out = append(out, st)
			delete(given, st.Subject)
		}
	}
	return out
}

// effective are the recipes that a dataset has: settled ones, for classes where
// none is settled what is proposed, and where none is proposed what its record
// says.
func (d *Desk) effective(dataset string, labels, recipes []labelmap.State) []labelmap.Recipe {
	out := labelmap.SettledRecipes(recipes)
	byClass := map[string]*labelmap.State{}
	for i := range recipes {
		byClass[recipes[i].Subject.Key] = &recipes[i]
	}
	judged, _ := labelmap.JudgedOf(labels)
	undecided := func(r *labelmap.Recipe) bool {
		st := byClass[r.Class]
		return st == nil || st.Verdict == nil && !st.Rejects(r)
	}
	for _, r := range labelmap.Compose(d.Tree, judged, labelmap.WantedOf(judged, d.Classes)) {
		if undecided(&r) {
			out = append(out, r)
		}
	}
	record, ok := d.Ground.Catalog.Dataset(dataset)
	if !ok {
		return out
	}
	made := map[string]bool{}
	for i := range out {
		made[out[i].Class] = true
	}
	for _, r := range record.AsDecided() {
		if !made[r.Class] && undecided(&r) {
			out = append(out, r)
		}
	}
	return out
}
