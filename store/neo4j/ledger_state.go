package neo4j

import (
	"context"
	"slices"

	"satgraph/labelmap"
	"satgraph/store/internal/ledger"
)

// What the events of a subject come to is written beside them, so that a person
// can read the present state in the graph and a list can be chosen by it. The
// events alone count: whatever the program shows is folded from them.

// projectPage is how many subjects are folded at a time.
const projectPage = 500

// project brings the nodes of the subjects of new events up to date.
func (t *transaction) project(ctx context.Context, batch []ledger.Numbered) error {
	whole, older, datasets := ledger.Touched(batch)
	p := &projection{t: t, reviewers: map[string]int{}}
	for len(whole) > 0 {
		n := min(projectPage, len(whole))
		if err := p.write(ctx, whole[:n]); err != nil {
			return err
		}
		whole = whole[n:]
	}
	ids := make([]string, len(older))
	for i, s := range older {
		ids[i] = subjectID(s)
	}
	if err := p.refold(ctx, ids); err != nil {
		return err
	}
	for _, dataset := range datasets {
		var decided []string
		err := t.rows(ctx, `MATCH (s:Subject {dataset: $dataset}) WHERE s.votes > 0 RETURN s.id`, map[string]any{"dataset": dataset}, func(v []any) error {
			decided = append(decided, text(v[0]))
			return nil
		})
		if err == nil {
			err = p.refold(ctx, decided)
		}
		if err != nil {
			return err
		}
	}
	return t.exec(ctx, `MATCH (m:MissingTerm) WHERE NOT EXISTS { ()-->(m) } DELETE m`, nil)
}

// projection writes states of subjects within one transaction.
type projection struct {
	t         *transaction
	reviewers map[string]int // by dataset
}

// policy finds how many reviewers a dataset needs.
func (p *projection) policy(ctx context.Context, dataset string) error {
	s := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: dataset}
	events, err := p.t.since(ctx, s, 0)
	if err != nil {
		return err
	}
	state := labelmap.Fold(s, events, 1)
	p.reviewers[dataset] = max(state.Reviewers, 1)
	return nil
}

// refold writes the states of subjects that have events from before.
func (p *projection) refold(ctx context.Context, ids []string) error {
	for len(ids) > 0 {
		n := min(projectPage, len(ids))
		events, err := p.t.events(ctx, `UNWIND $ids AS id MATCH (s:Subject {id: id})<-[:ON]-(e:LabelEvent)`, `s.id, e.version`, map[string]any{"ids": ids[:n]})
		if err != nil {
			return err
		}
		if err := p.write(ctx, ledger.Split(events)); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// write folds the events of subjects and writes what they come to.
func (p *projection) write(ctx context.Context, lists [][]labelmap.Event) error {
	var rows, links, uses []map[string]any
	var old []string
	names := map[string]string{} // of the terms that links lead to
	for _, events := range lists {
		s := events[0].Subject
		if _, ok := p.reviewers[s.Dataset]; !ok {
			if err := p.policy(ctx, s.Dataset); err != nil {
				return err
			}
		}
		state := labelmap.Fold(s, events, p.reviewers[s.Dataset])
		id := subjectID(s)
		old = append(old, id)
		rows = append(rows, map[string]any{"id": id, "state": stateProperties(&state, events[len(events)-1].Seq)})
		links = append(links, stateLinks(id, &state, names)...)
		uses = append(uses, recipeUses(id, &state)...)
	}
	missing := make([]map[string]any, 0, len(names))
	for id, name := range names {
		missing = append(missing, map[string]any{"id": id, "name": name})
	}
	for _, work := range []struct {
		rows   []map[string]any
		cypher string
	}{
		{rows, `UNWIND $rows AS row MATCH (s:Subject {id: row.id}) SET s += row.state`},
		{missing, `UNWIND $rows AS row OPTIONAL MATCH (t:Term {id: row.id}) WITH row WHERE t IS NULL
			MERGE (m:MissingTerm {id: row.id}) ON CREATE SET m.name = row.name`},
	} {
		if err := batches(ctx, p.t, work.rows, work.cypher, nil); err != nil {
			return err
		}
	}
	if err := batches(ctx, p.t, old, `UNWIND $rows AS id MATCH (:Subject {id: id})-[r:MAPS_TO|REJECTED|USES]->() DELETE r`, nil); err != nil {
		return err
	}
	for _, relation := range []string{"MAPS_TO", "REJECTED"} {
		of := slices.DeleteFunc(slices.Clone(links), func(row map[string]any) bool { return row["relation"] != relation })
		err := batches(ctx, p.t, of, `UNWIND $rows AS row MATCH (s:Subject {id: row.from})
			OPTIONAL MATCH (t:Term {id: row.to}) OPTIONAL MATCH (m:MissingTerm {id: row.to})
			WITH s, row, coalesce(t, m) AS to CREATE (s)-[r:`+relation+`]->(to) SET r = row.how`, nil)
		if err != nil {
			return err
		}
	}
	return batches(ctx, p.t, uses, `UNWIND $rows AS row MATCH (s:Subject {id: row.from}) MATCH (l:Subject {id: row.to}) CREATE (s)-[:USES]->(l)`, nil)
}

// stateProperties are what a subject's node says; nil takes a property away.
func stateProperties(st *labelmap.State, last int64) map[string]any {
	p := map[string]any{
		"version": st.Version, "last": last, "changed": st.Last, "status": string(st.Status), "votes": len(st.Votes),
		"outcome": nil, "mode": nil, "newTerm": nil, "settledBy": listOrNil(st.SettledBy), "flags": nil,
	}
	for _, gone := range []string{
		"class", "recipeModality", "recipe", "complete", "missing", "definition", "risk", "reason",
		"words", "label", "values", "modality", "region", "context", "codes", "color", "file", "line", "labelFlags", "voxels", "volumeML", "centroid", "side",
	} {
		p[gone] = nil
	}
	if len(st.Flags) > 0 {
		flags := make([]string, len(st.Flags))
		for i, f := range st.Flags {
			flags[i] = f.Actor + ": " + f.Comment
		}
		p["flags"] = flags
	}
	if v := st.Verdict; v != nil {
		p["outcome"], p["mode"], p["newTerm"] = string(v.Outcome), orNil(string(v.Mode)), orNil(v.NewTerm)
		if v.Recipe != nil {
			recipeProperties(p, v.Recipe)
		}
	}
	switch {
	case st.Subject.Kind == labelmap.SubjectDataset:
		p["reviewers"] = max(st.Reviewers, 1)
	case st.Label != nil:
		labelProperties(p, st.Label)
		p["name"], p["words"] = st.Label.Name, orNil(labelmap.NameKey(st.Label.Name))
	}
	return p
}

// stateLinks are the relations from a subject to terms: what it maps to, by
// whose verdict and with what standing, and what it was said not to be.
func stateLinks(id string, st *labelmap.State, names map[string]string) []map[string]any {
	var out []map[string]any
	add := func(relation string, targets []labelmap.Target, how func(i int, t *labelmap.Target) map[string]any) {
		for i := range targets {
			t := &targets[i]
			names[t.TermID] = t.Name
			out = append(out, map[string]any{"from": id, "to": t.TermID, "relation": relation, "how": how(i, t)})
		}
	}
	maps := func(v *labelmap.Verdict, by []string) {
		add("MAPS_TO", v.Targets, func(i int, t *labelmap.Target) map[string]any {
			return map[string]any{
				"predicate": string(t.Predicate), "status": string(st.Status), "by": by, "mode": orNil(string(v.Mode)), "position": i, "fingerprint": orNil(t.Fingerprint),
			}
		})
	}
	if st.Verdict != nil {
		maps(st.Verdict, st.SettledBy)
	} else {
		for i := range st.Votes {
			maps(&st.Votes[i].Verdict, []string{st.Votes[i].Actor})
		}
	}
	for i := range st.Rejected {
		r := &st.Rejected[i]
		add("REJECTED", r.Verdict.Targets, func(int, *labelmap.Target) map[string]any {
			return map[string]any{"by": r.Actor, "time": r.Time, "comment": orNil(r.Comment)}
		})
	}
	return out
}

// recipeUses are the relations from a settled recipe to the raw labels that it
// is made of.
func recipeUses(id string, st *labelmap.State) []map[string]any {
	if st.Verdict == nil || st.Verdict.Recipe == nil {
		return nil
	}
	seen := map[string]bool{}
	var out []map[string]any
	for _, source := range st.Verdict.Recipe.Expr.Sources() {
		if source.Label == "" || seen[source.Label] {
			continue
		}
		seen[source.Label] = true
		label := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: st.Subject.Dataset, Key: source.Label}
		out = append(out, map[string]any{"from": id, "to": subjectID(label)})
	}
	return out
}
