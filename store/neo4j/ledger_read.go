package neo4j

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/store/internal/ledger"
)

// errTorn: a batch was being committed while its events were read.
var errTorn = errors.New("the ledger was written to while it was read")

// settled runs a reading until it is whole: Neo4j shows a commit bit by bit.
// The third try holds the writers' lock; what is torn even then is damaged.
func (s *Store) settled(ctx context.Context, read func(ctx context.Context, t *transaction) error) error {
	err := errTorn
	for try := 0; try < 2 && errors.Is(err, errTorn); try++ {
		err = s.read(ctx, read)
	}
	if errors.Is(err, errTorn) {
		err = s.write(ctx, read)
	}
	if errors.Is(err, errTorn) {
		err = fmt.Errorf("%w: events of the ledger are missing", graph.ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", s.name, err)
	}
	return nil
}

// dense checks that the events of each subject are there from the first on.
func dense(lists ...[]labelmap.Event) error {
	for _, events := range lists {
		for i := range events {
			if events[i].Version != int64(i) {
				return errTorn
			}
		}
	}
	return nil
}

// Subject returns the events of one subject in order.
func (s *Store) Subject(ctx context.Context, subject labelmap.Subject) (out []labelmap.Event, err error) {
	err = s.settled(ctx, func(ctx context.Context, t *transaction) error {
		if out, err = t.since(ctx, subject, 0); err != nil {
			return err
		}
		return dense(out)
	})
	return out, err
}

// Events returns at most limit events with Seq > after, in order.
func (s *Store) Events(ctx context.Context, after int64, limit int) (out []labelmap.Event, err error) {
	after, limit = max(after, 0), max(limit, 0)
	err = s.settled(ctx, func(ctx context.Context, t *transaction) error {
		last, err := t.lastSeq(ctx)
		if err != nil {
			return err
		}
		out, err = t.events(ctx, `MATCH (e:LabelEvent) WHERE e.seq > $after WITH e ORDER BY e.seq LIMIT $limit MATCH (e)-[:ON]->(s:Subject)`, `e.seq`,
			map[string]any{"after": after, "limit": limit})
		if err != nil {
			return err
		}
		for i := range out {
			if out[i].Seq != after+int64(i)+1 {
				return errTorn
			}
		}
		if len(out) < limit && after+int64(len(out)) < last {
			return errTorn
		}
		return nil
	})
	return out, err
}

// Batch returns the events of batches, and single events by their IDs, in order.
func (s *Store) Batch(ctx context.Context, refs ...string) (out []labelmap.Event, err error) {
	err = s.settled(ctx, func(ctx context.Context, t *transaction) error {
		sizes := map[string]int{}
		err := t.each(ctx, refs, `UNWIND $rows AS ref MATCH (b:LabelBatch {id: ref}) RETURN b.id, b.size`, func(v []any) error {
			sizes[text(v[0])] = number(v[1])
			return nil
		})
		if err != nil {
			return err
		}
		out, err = t.events(ctx, `CALL () {
				UNWIND $refs AS ref MATCH (:LabelBatch {id: ref})-[:HAS_EVENT]->(e:LabelEvent) RETURN e
				UNION UNWIND $refs AS ref MATCH (e:LabelEvent {id: ref}) RETURN e
			} MATCH (e)-[:ON]->(s:Subject)`, `e.seq`, map[string]any{"refs": refs})
		if err != nil {
			return err
		}
		for i := range out {
			if n, ok := sizes[out[i].Batch]; ok {
				sizes[out[i].Batch] = n - 1
			}
		}
		for _, missing := range sizes {
			if missing != 0 {
				return errTorn
			}
		}
		return nil
	})
	return out, err
}

// Subjects returns the events of the subjects that a query chooses.
func (s *Store) Subjects(ctx context.Context, q labelmap.SubjectQuery) (out [][]labelmap.Event, err error) {
	err = s.settled(ctx, func(ctx context.Context, t *transaction) (err error) {
		if len(q.Names) > 0 {
			out, err = t.namesakes(ctx, q)
			return errors.Join(err, dense(out...))
		}
		out = nil
		places, err := t.places(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range places {
			if len(out) >= q.Limit {
				break
			}
			page, err := t.subjects(ctx, p, q, q.Limit-len(out))
			if err != nil {
				return err
			}
			out = append(out, page...)
		}
		return dense(out...)
	})
	return out, err
}

// places are the datasets and kinds that a query looks at, in order.
func (t *transaction) places(ctx context.Context, q labelmap.SubjectQuery) ([]labelmap.Subject, error) {
	datasets := []string{q.Dataset}
	if q.Dataset == "" {
		datasets = nil
		err := t.rows(ctx, `MATCH (d:Dataset:Subject) RETURN d.dataset`, nil, func(v []any) error {
			datasets = append(datasets, text(v[0]))
			return nil
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(datasets)
	}
	var out []labelmap.Subject
	for _, dataset := range datasets {
		for _, kind := range []labelmap.SubjectKind{labelmap.SubjectDataset, labelmap.SubjectLabel, labelmap.SubjectRecipe} {
			p := labelmap.Subject{Dataset: dataset, Kind: kind}
			before := cmp.Or(cmp.Compare(p.Dataset, q.After.Dataset), cmp.Compare(p.Kind, q.After.Kind)) < 0
			if !before && (q.Kind == "" || q.Kind == kind) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// subjects reads the subjects of one dataset and kind.
func (t *transaction) subjects(ctx context.Context, p labelmap.Subject, q labelmap.SubjectQuery, limit int) ([][]labelmap.Event, error) {
	within := p.Dataset == q.After.Dataset && p.Kind == q.After.Kind // the last page ended here
	after := ""
	if within {
		after = q.After.Key
	}
	events, err := t.events(ctx, `MATCH (s:Subject) WHERE s.dataset = $dataset AND s.kind = $kind AND s.start >= $start
			AND (NOT $within OR s.start > $start OR s.key > $after) AND s.version > 0
			AND (size($statuses) = 0 OR s.status IN $statuses) AND (NOT $flagged OR s.flags IS NOT NULL)
			WITH s ORDER BY s.start, s.key LIMIT $limit MATCH (s)<-[:ON]-(e:LabelEvent)`, `s.start, s.key, e.version`,
		map[string]any{
			"dataset": p.Dataset, "kind": string(p.Kind), "start": startOf(after), "after": after, "within": within,
			"statuses": statuses(q), "flagged": q.Flagged, "limit": limit,
		})
	return ledger.Split(events), err
}

// Last returns the Seq of the latest event.
func (s *Store) Last(ctx context.Context) (seq int64, err error) {
	err = s.read(ctx, func(ctx context.Context, t *transaction) (err error) {
		seq, err = t.lastSeq(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", s.name, err)
	}
	return seq, nil
}

// namesakes reads the raw labels of some names, wherever they are.
func (t *transaction) namesakes(ctx context.Context, q labelmap.SubjectQuery) ([][]labelmap.Event, error) {
	events, err := t.events(ctx, `UNWIND $names AS name MATCH (s:Subject {words: name}) WHERE ($dataset = '' OR s.dataset = $dataset) AND ($kind = '' OR s.kind = $kind)
			AND (s.dataset > $after OR s.dataset = $after AND (s.kind > $afterKind OR s.kind = $afterKind AND s.key > $afterKey))
			AND (size($statuses) = 0 OR s.status IN $statuses) AND (NOT $flagged OR s.flags IS NOT NULL)
			WITH DISTINCT s ORDER BY s.dataset, s.kind, s.key LIMIT $limit MATCH (s)<-[:ON]-(e:LabelEvent)`, `s.dataset, s.kind, s.key, e.version`,
		map[string]any{
			"names": q.Names, "dataset": q.Dataset, "kind": string(q.Kind), "limit": max(q.Limit, 0), "statuses": statuses(q), "flagged": q.Flagged,
			"after": q.After.Dataset, "afterKind": string(q.After.Kind), "afterKey": q.After.Key,
		})
	return ledger.Split(events), err
}

func statuses(q labelmap.SubjectQuery) []string {
	out := make([]string, len(q.Statuses))
	for i, status := range q.Statuses {
		out[i] = string(status)
	}
	return out
}

// Counts returns how many subjects stand where.
func (s *Store) Counts(ctx context.Context, dataset string) (out []labelmap.Count, err error) {
	pattern := `MATCH (s:Subject)`
	if dataset != "" {
		pattern = `MATCH (s:Subject {dataset: $dataset})`
	}
	err = s.read(ctx, func(ctx context.Context, t *transaction) error {
		out = nil
		return t.rows(ctx, pattern+` WHERE s.version > 0 RETURN s.dataset, s.kind, s.status, count(*), count(s.flags)`, map[string]any{"dataset": dataset}, func(v []any) error {
			out = append(out, labelmap.Count{
				Dataset: text(v[0]), Kind: labelmap.SubjectKind(text(v[1])), Status: labelmap.Status(text(v[2])), Subjects: number(v[3]), Flagged: number(v[4]),
			})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	slices.SortFunc(out, labelmap.CompareCounts)
	return out, nil
}
