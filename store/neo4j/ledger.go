package neo4j

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"satgraph/labelmap"
	"satgraph/store/internal/ledger"
)

// ledgerSchema is what decisions on labels need. What is indexed is short: a
// key of any length is found by its subject's id.
func ledgerSchema() []string {
	return []string{
		`CREATE CONSTRAINT subject_id IF NOT EXISTS FOR (s:Subject) REQUIRE s.id IS UNIQUE`,
		`CREATE INDEX subject_place IF NOT EXISTS FOR (s:Subject) ON (s.dataset, s.kind, s.start)`,
		`CREATE INDEX subject_words IF NOT EXISTS FOR (s:Subject) ON (s.words)`,
		`CREATE CONSTRAINT label_event_id IF NOT EXISTS FOR (e:LabelEvent) REQUIRE e.id IS UNIQUE`,
		`CREATE CONSTRAINT label_event_seq IF NOT EXISTS FOR (e:LabelEvent) REQUIRE e.seq IS UNIQUE`,
		`CREATE CONSTRAINT label_batch_id IF NOT EXISTS FOR (b:LabelBatch) REQUIRE b.id IS UNIQUE`,
		`CREATE CONSTRAINT recipe_step_id IF NOT EXISTS FOR (x:RecipeStep) REQUIRE x.id IS UNIQUE`,
		`CREATE CONSTRAINT missing_term_id IF NOT EXISTS FOR (t:MissingTerm) REQUIRE t.id IS UNIQUE`,
		`MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.events = coalesce(s.events, 0)`,
	}
}

// nodeOf is the label of a subject's node.
func nodeOf(kind labelmap.SubjectKind) string {
	switch kind {
	case labelmap.SubjectDataset:
		return "Dataset"
	case labelmap.SubjectRecipe:
		return "Recipe"
	default:
		return "RawLabel"
	}
}

// subjectID names a subject's node, however long dataset and key are.
func subjectID(s labelmap.Subject) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s", len(s.Dataset), s.Dataset, s.Kind, s.Key))
	return hex.EncodeToString(sum[:])
}

// startBytes is how much of a key is indexed to keep subjects in order.
const startBytes = 200

// startOf is the beginning of a key, whole characters of it.
func startOf(key string) string {
	if len(key) <= startBytes {
		return key
	}
	n := startBytes
	for n > 0 && key[n]&0xc0 == 0x80 {
		n--
	}
	return key[:n]
}

// Append writes a batch of events, all of it or nothing.
func (s *Store) Append(ctx context.Context, batch []labelmap.Event) ([]labelmap.Event, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	var out []labelmap.Event
	tries := 0
	err := s.write(ctx, func(ctx context.Context, t *transaction) (err error) {
		tries++
		out, err = t.append(ctx, batch)
		if tries > 1 && errors.Is(err, labelmap.ErrDuplicateEvent) {
			return t.written(ctx, batch, &out)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return out, nil
}

// written finds the events of a batch whose first try was committed although
// the server's word for it was lost. Others with the same IDs are duplicates.
func (t *transaction) written(ctx context.Context, batch []labelmap.Event, out *[]labelmap.Event) error {
	*out = nil
	for from := 0; from < len(batch); from += batchRows {
		part := batch[from:min(from+batchRows, len(batch))]
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		found, err := t.events(ctx, `UNWIND $ids AS id MATCH (e:LabelEvent {id: id})-[:ON]->(s:Subject)`, `e.seq`, map[string]any{"ids": ids})
		if err != nil {
			return err
		}
		*out = append(*out, found...)
	}
	if len(*out) != len(batch) {
		return fmt.Errorf("%w: %s", labelmap.ErrDuplicateEvent, batch[0].ID)
	}
	for i := range batch {
		if (*out)[i].ID != batch[i].ID || (*out)[i].Batch != batch[i].Batch {
			return fmt.Errorf("%w: %s", labelmap.ErrDuplicateEvent, batch[i].ID)
		}
	}
	return nil
}

func (t *transaction) append(ctx context.Context, batch []labelmap.Event) ([]labelmap.Event, error) {
	have, err := t.standings(ctx, batch)
	if err != nil {
		return nil, err
	}
	fresh := make([]labelmap.Subject, 0, len(have))
	for s, at := range have {
		if at.Version == 0 {
			fresh = append(fresh, s)
		}
	}
	known, err := t.knownEvents(ctx, batch)
	if err != nil {
		return nil, err
	}
	seq, err := t.lastSeq(ctx)
	if err != nil {
		return nil, err
	}
	events, err := ledger.Order(batch, have, known, seq)
	if conflict, ok := errors.AsType[*labelmap.ConflictError](err); ok {
		theirs, err := t.since(ctx, conflict.Yours.Subject, conflict.Yours.Version)
		conflict.Theirs = theirs
		return nil, cmp.Or[error](err, conflict)
	}
	if err != nil {
		return nil, err
	}
	if err := t.addSubjects(ctx, fresh); err != nil {
		return nil, err
	}
	if err := t.addEvents(ctx, events); err != nil {
		return nil, err
	}
	seq += int64(len(events))
	if err := t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.events = $seq`, map[string]any{"seq": seq}); err != nil {
		return nil, err
	}
	return ledger.Events(events), t.project(ctx, events)
}

// since returns the events of a subject from a version on.
func (t *transaction) since(ctx context.Context, s labelmap.Subject, version int64) ([]labelmap.Event, error) {
	return t.events(ctx, `MATCH (s:Subject {id: $id})<-[:ON]-(e:LabelEvent) WHERE e.version >= $version`, `e.version`,
		map[string]any{"id": subjectID(s), "version": version})
}

// standings finds what the subjects of a batch have.
func (t *transaction) standings(ctx context.Context, batch []labelmap.Event) (map[labelmap.Subject]*ledger.Standing, error) {
	have := map[labelmap.Subject]*ledger.Standing{}
	byID := map[string]*ledger.Standing{}
	var ids []string
	for i := range batch {
		s := batch[i].Subject
		if have[s] != nil {
			continue
		}
		id := subjectID(s)
		have[s] = &ledger.Standing{}
		byID[id] = have[s]
		ids = append(ids, id)
	}
	return have, t.each(ctx, ids, `UNWIND $rows AS id MATCH (s:Subject {id: id}) RETURN id, s.version, s.last`, func(v []any) error {
		*byID[text(v[0])] = ledger.Standing{Version: int64(number(v[1])), Last: int64(number(v[2]))}
		return nil
	})
}

// knownEvents returns those IDs of a batch that the ledger has.
func (t *transaction) knownEvents(ctx context.Context, batch []labelmap.Event) (map[string]bool, error) {
	ids := make([]string, len(batch))
	for i := range batch {
		ids[i] = batch[i].ID
	}
	known := make(map[string]bool, len(batch))
	return known, t.each(ctx, ids, `UNWIND $rows AS id MATCH (e:LabelEvent {id: id}) RETURN id`, func(v []any) error {
		known[text(v[0])] = true
		return nil
	})
}

// lastSeq returns the number of the latest event.
func (t *transaction) lastSeq(ctx context.Context) (seq int64, err error) {
	err = t.rows(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) RETURN s.events`, nil, func(v []any) error {
		seq = int64(number(v[0]))
		return nil
	})
	return seq, err
}

// addSubjects makes the nodes of new subjects, each hanging on its dataset's.
func (t *transaction) addSubjects(ctx context.Context, fresh []labelmap.Subject) error {
	rows := map[labelmap.SubjectKind][]map[string]any{}
	parents := map[string]map[string]any{}
	row := func(s labelmap.Subject) map[string]any {
		name := s.Key
		if s.Kind == labelmap.SubjectDataset {
			name = s.Dataset
		}
		return map[string]any{
			"id": subjectID(s), "dataset": s.Dataset, "kind": string(s.Kind), "key": s.Key, "start": startOf(s.Key), "name": name,
			"version": 0, "last": 0, "status": string(labelmap.Open),
		}
	}
	for _, s := range fresh {
		if s.Kind != labelmap.SubjectDataset {
			rows[s.Kind] = append(rows[s.Kind], row(s))
		}
		if parents[s.Dataset] == nil {
			parents[s.Dataset] = row(labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: s.Dataset})
		}
	}
	for _, parent := range parents {
		rows[labelmap.SubjectDataset] = append(rows[labelmap.SubjectDataset], parent)
	}
	err := batches(ctx, t, rows[labelmap.SubjectDataset], `UNWIND $rows AS row MERGE (s:Subject {id: row.id}) ON CREATE SET s:Dataset, s += row`, nil)
	if err != nil {
		return err
	}
	for _, kind := range []labelmap.SubjectKind{labelmap.SubjectLabel, labelmap.SubjectRecipe} {
		relation := "HAS_LABEL"
		if kind == labelmap.SubjectRecipe {
			relation = "HAS_RECIPE"
		}
		for _, r := range rows[kind] {
			r["parent"] = parents[text(r["dataset"])]["id"]
		}
		err := batches(ctx, t, rows[kind], `UNWIND $rows AS row MATCH (d:Subject {id: row.parent})
			CREATE (d)-[:`+relation+`]->(s:Subject:`+nodeOf(kind)+`) SET s = row REMOVE s.parent`, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// addEvents makes the nodes of events: each on its subject and in its batch,
// behind the subject's event before, and at what it takes back.
func (t *transaction) addEvents(ctx context.Context, events []ledger.Numbered) error {
	sizes := map[string]int{}
	rows := make([]map[string]any, len(events))
	var follows, undoes, steps, arguments []map[string]any
	for i := range events {
		e := &events[i]
		sizes[e.Batch]++
		rows[i] = map[string]any{"subject": subjectID(e.Subject), "batch": e.Batch, "event": eventProperties(&e.Event)}
		if e.Previous > 0 {
			follows = append(follows, map[string]any{"from": e.Previous, "to": e.Seq})
		}
		if e.Ref != "" {
			undoes = append(undoes, map[string]any{"from": e.Seq, "to": e.Ref})
		}
		if e.Verdict != nil && e.Verdict.Recipe != nil {
			more, args := stepRows(e.Seq, &e.Verdict.Recipe.Expr)
			steps, arguments = append(steps, more...), append(arguments, args...)
		}
	}
	batchNodes := make([]map[string]any, 0, len(sizes))
	for id, n := range sizes {
		batchNodes = append(batchNodes, map[string]any{"id": id, "n": n})
	}
	for _, work := range []struct {
		rows   []map[string]any
		cypher string
	}{
		{batchNodes, `UNWIND $rows AS row MERGE (b:LabelBatch {id: row.id}) SET b.size = coalesce(b.size, 0) + row.n`},
		{rows, `UNWIND $rows AS row MATCH (s:Subject {id: row.subject}) MATCH (b:LabelBatch {id: row.batch})
			CREATE (b)-[:HAS_EVENT]->(e:LabelEvent)-[:ON]->(s) SET e = row.event`},
		{follows, `UNWIND $rows AS row MATCH (a:LabelEvent {seq: row.from}) MATCH (b:LabelEvent {seq: row.to}) CREATE (a)-[:NEXT]->(b)`},
		{undoes, `UNWIND $rows AS row MATCH (a:LabelEvent {seq: row.from}) MATCH (b:LabelEvent {id: row.to}) CREATE (a)-[:UNDOES]->(b)`},
		{steps, `UNWIND $rows AS row MATCH (e:LabelEvent {seq: row.seq}) CREATE (e)-[:HAS_STEP]->(x:RecipeStep) SET x = row.step`},
		{arguments, `UNWIND $rows AS row MATCH (a:RecipeStep {id: row.from}) MATCH (b:RecipeStep {id: row.to}) CREATE (a)-[:HAS_ARGUMENT]->(b)`},
	} {
		if err := batches(ctx, t, work.rows, work.cypher, nil); err != nil {
			return err
		}
	}
	return nil
}
