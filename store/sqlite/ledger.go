package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"satgraph/labelmap"
	"satgraph/store/internal/ledger"
)

// Events hold their verdict in columns, its targets in a table of their own;
// what is read back whole and never searched (a raw label, a recipe) is JSON.
const ledgerSchema = `
CREATE TABLE events (
	seq         INTEGER PRIMARY KEY,
	id          TEXT NOT NULL UNIQUE,
	batch       TEXT NOT NULL,
	time        TEXT NOT NULL,
	actor       TEXT NOT NULL,
	tool        TEXT NOT NULL,
	dataset     TEXT NOT NULL,
	kind        TEXT NOT NULL,
	key         TEXT NOT NULL,
	version     INTEGER NOT NULL,
	action      TEXT NOT NULL,
	ref         TEXT NOT NULL,
	comment     TEXT NOT NULL,
	reviewers   INTEGER NOT NULL,
	outcome     TEXT NOT NULL,
	mode        TEXT NOT NULL,
	new_term    TEXT NOT NULL,
	change_set  TEXT NOT NULL,
	recipe      TEXT,
	label       TEXT,
	offer_term  TEXT,
	offer_score REAL NOT NULL,
	offer_rank  INTEGER NOT NULL,
	offer_tool  TEXT NOT NULL,
	UNIQUE (dataset, kind, key, version)
);
CREATE INDEX events_by_batch ON events (batch);
CREATE TABLE event_targets (
	event       INTEGER NOT NULL REFERENCES events (seq),
	position    INTEGER NOT NULL,
	term        TEXT NOT NULL,
	name        TEXT NOT NULL,
	predicate   TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	PRIMARY KEY (event, position)
) WITHOUT ROWID;
CREATE INDEX event_targets_by_term ON event_targets (term);`

func addLedger(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, ledgerSchema)
	return named(err)
}

// subjectsSchema holds where each subject stands, as its events come to, so that
// lists can be chosen and counted without reading the ledger. The events alone
// count: whatever the program shows is folded from them.
const subjectsSchema = `
CREATE TABLE subjects (
	dataset TEXT NOT NULL,
	kind    TEXT NOT NULL,
	key     TEXT NOT NULL,
	version INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	status  TEXT NOT NULL,
	votes   INTEGER NOT NULL,
	flagged INTEGER NOT NULL,
	name    TEXT NOT NULL,
	PRIMARY KEY (dataset, kind, key)
) WITHOUT ROWID;
CREATE INDEX subjects_by_status ON subjects (dataset, kind, status, flagged);
CREATE INDEX subjects_by_name ON subjects (name) WHERE name > '';`

// addSubjects also finds where the subjects of an older ledger stand.
func addSubjects(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, subjectsSchema); err != nil {
		return named(err)
	}
	p := newProjection(ctx, tx)
	after := labelmap.Subject{}
	for {
		page, err := events(ctx, tx, `(dataset, kind, key) IN (SELECT dataset, kind, key FROM events WHERE version = 0 AND (dataset, kind, key) > (?1, ?2, ?3)
			ORDER BY dataset, kind, key LIMIT ?4) ORDER BY dataset, kind, key, version`, after.Dataset, after.Kind, after.Key, projectPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return p.in.flush()
		}
		for _, list := range ledger.Split(page) {
			if err := p.write(list); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Subject
	}
}

// projectPage is how many subjects are folded at a time.
const projectPage = 1000

// projection writes where subjects stand, within one transaction.
type projection struct {
	ctx       context.Context //nolint:containedctx // lives within one transaction
	tx        *sql.Tx
	reviewers map[string]int // by dataset
	in        inserter
}

func newProjection(ctx context.Context, tx *sql.Tx) *projection {
	return &projection{
		ctx: ctx, tx: tx, reviewers: map[string]int{},
		in: inserter{ctx: ctx, tx: tx, or: "OR REPLACE ", into: "subjects (dataset, kind, key, version, last, status, votes, flagged, name)", columns: 9},
	}
}

// write folds the events of a subject.
func (p *projection) write(list []labelmap.Event) error {
	s := list[0].Subject
	reviewers, ok := p.reviewers[s.Dataset]
	if !ok {
		dataset := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: s.Dataset}
		policy, err := subjectEvents(p.ctx, p.tx, dataset, 0)
		if err != nil {
			return err
		}
		state := labelmap.Fold(dataset, policy, 1)
		reviewers = max(state.Reviewers, 1)
		p.reviewers[s.Dataset] = reviewers
	}
	st := labelmap.Fold(s, list, reviewers)
	name := ""
	if st.Label != nil {
		name = labelmap.NameKey(st.Label.Name)
	}
	p.in.add(s.Dataset, string(s.Kind), s.Key, st.Version, list[len(list)-1].Seq, string(st.Status), len(st.Votes), len(st.Flags) > 0, name)
	return p.in.err
}

// refold does the same for subjects that have events from before.
func (p *projection) refold(subjects []labelmap.Subject) error {
	for _, s := range subjects {
		list, err := subjectEvents(p.ctx, p.tx, s, 0)
		if err != nil {
			return err
		}
		if err := p.write(list); err != nil {
			return err
		}
	}
	return nil
}

// project brings the subjects of new events up to date.
func project(ctx context.Context, tx *sql.Tx, batch []ledger.Numbered) error {
	whole, older, datasets := ledger.Touched(batch)
	p := newProjection(ctx, tx)
	for _, list := range whole {
		if err := p.write(list); err != nil {
			return err
		}
	}
	if err := p.refold(older); err != nil {
		return err
	}
	if err := p.in.flush(); err != nil {
		return err
	}
	for _, dataset := range datasets {
		var decided []labelmap.Subject
		err := rows(ctx, tx, func(scan func(...any) error) error {
			s := labelmap.Subject{Dataset: dataset}
			err := scan(&s.Kind, &s.Key)
			decided = append(decided, s)
			return err
		}, `SELECT kind, key FROM subjects WHERE dataset = ? AND votes > 0`, dataset)
		if err != nil {
			return err
		}
		again := newProjection(ctx, tx)
		if err := again.refold(decided); err != nil {
			return err
		}
		if err := again.in.flush(); err != nil {
			return err
		}
	}
	return nil
}

// Append writes a batch of events, all of it or nothing.
func (s *Store) Append(ctx context.Context, batch []labelmap.Event) (out []labelmap.Event, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		out, err = appendEvents(ctx, tx, batch)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return out, nil
}

func appendEvents(ctx context.Context, tx *sql.Tx, batch []labelmap.Event) ([]labelmap.Event, error) {
	have, known, err := standings(ctx, tx, batch)
	if err != nil {
		return nil, err
	}
	var seq int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&seq); err != nil {
		return nil, named(err)
	}
	list, err := ledger.Order(batch, have, known, seq)
	if conflict, ok := errors.AsType[*labelmap.ConflictError](err); ok {
		if conflict.Theirs, err = subjectEvents(ctx, tx, conflict.Yours.Subject, conflict.Yours.Version); err != nil {
			return nil, err
		}
		return nil, conflict
	}
	if err != nil {
		return nil, err
	}
	into := inserter{ctx: ctx, tx: tx, into: `events (` + eventColumns + `)`, columns: 24}
	targets := inserter{ctx: ctx, tx: tx, into: `event_targets (event, position, term, name, predicate, fingerprint)`, columns: 6}
	for i := range list {
		e := &list[i]
		if err := insert(&into, &targets, &e.Event); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(into.flush(), targets.flush()); err != nil {
		return nil, err
	}
	return ledger.Events(list), project(ctx, tx, list)
}

// standings finds what the subjects of a batch have, and which of its IDs the
// ledger has.
func standings(ctx context.Context, tx *sql.Tx, batch []labelmap.Event) (map[labelmap.Subject]*ledger.Standing, map[string]bool, error) {
	subject, err := tx.PrepareContext(ctx, `SELECT version, last FROM subjects WHERE dataset = ? AND kind = ? AND key = ?`)
	if err != nil {
		return nil, nil, named(err)
	}
	defer subject.Close() //nolint:errcheck // it ends with the transaction
	id, err := tx.PrepareContext(ctx, `SELECT 1 FROM events WHERE id = ?`)
	if err != nil {
		return nil, nil, named(err)
	}
	defer id.Close() //nolint:errcheck // it ends with the transaction
	have, known := map[labelmap.Subject]*ledger.Standing{}, map[string]bool{}
	for i := range batch {
		s := batch[i].Subject
		if have[s] == nil {
			at := &ledger.Standing{}
			err := subject.QueryRowContext(ctx, s.Dataset, s.Kind, s.Key).Scan(&at.Version, &at.Last)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, nil, named(err)
			}
			have[s] = at
		}
		var there int
		err := id.QueryRowContext(ctx, batch[i].ID).Scan(&there)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, nil, named(err)
		}
		if there == 1 {
			known[batch[i].ID] = true
		}
	}
	return have, known, nil
}

// eventColumns are the columns of an event, in the order of insert and scanEvent.
const eventColumns = `seq, id, batch, time, actor, tool, dataset, kind, key, version, action, ref, comment, reviewers,
	outcome, mode, new_term, change_set, recipe, label, offer_term, offer_score, offer_rank, offer_tool`

func insert(event, target *inserter, e *labelmap.Event) error {
	var v labelmap.Verdict
	if e.Verdict != nil {
		v = *e.Verdict
	}
	offer, offerTerm := labelmap.Offer{}, sql.NullString{}
	if e.Suggestion != nil {
		offer, offerTerm = *e.Suggestion, sql.NullString{String: e.Suggestion.TermID, Valid: true}
	}
	recipe, err := document(v.Recipe != nil, v.Recipe)
	if err != nil {
		return err
	}
	label, err := document(e.Label != nil, e.Label)
	if err != nil {
		return err
	}
	event.add(e.Seq, e.ID, e.Batch, e.Time.UTC().Format(time.RFC3339Nano), e.Actor, e.Tool,
		e.Subject.Dataset, string(e.Subject.Kind), e.Subject.Key, e.Version, string(e.Action), e.Ref, e.Comment, e.Reviewers,
		string(v.Outcome), string(v.Mode), v.NewTerm, v.ChangeSet, recipe, label, offerTerm, offer.Score, offer.Rank, offer.Tool)
	for i, t := range v.Targets {
		target.add(e.Seq, i, t.TermID, t.Name, string(t.Predicate), t.Fingerprint)
	}
	return errors.Join(event.err, target.err)
}

// document is JSON, or NULL for nothing.
func document(there bool, v any) (sql.NullString, error) {
	if !there {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(v)
	return sql.NullString{String: string(text), Valid: true}, err
}

// Subject returns the events of one subject in order.
func (s *Store) Subject(ctx context.Context, subject labelmap.Subject) (out []labelmap.Event, err error) {
	err = s.readLedger(ctx, func(tx *sql.Tx) error {
		out, err = subjectEvents(ctx, tx, subject, 0)
		return err
	})
	return out, err
}

// subjectEvents reads the events of a subject from a version on.
func subjectEvents(ctx context.Context, tx *sql.Tx, s labelmap.Subject, version int64) ([]labelmap.Event, error) {
	return events(ctx, tx, `dataset = ?1 AND kind = ?2 AND key = ?3 AND version >= ?4 ORDER BY version`, s.Dataset, s.Kind, s.Key, version)
}

// Events returns at most limit events with Seq > after, in order.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]labelmap.Event, error) {
	return s.events(ctx, `seq > ?1 ORDER BY seq LIMIT ?2`, after, max(limit, 0))
}

// Batch returns the events of batches, and single events by their IDs, in order.
func (s *Store) Batch(ctx context.Context, refs ...string) ([]labelmap.Event, error) {
	list, err := json.Marshal(refs)
	if err != nil {
		return nil, err
	}
	return s.events(ctx, `seq IN (SELECT e.seq FROM json_each(?1) r JOIN events e ON e.batch = r.value
		UNION SELECT e.seq FROM json_each(?1) r JOIN events e ON e.id = r.value) ORDER BY seq`, string(list))
}

// Subjects returns the events of the subjects that a query chooses.
func (s *Store) Subjects(ctx context.Context, q labelmap.SubjectQuery) ([][]labelmap.Event, error) {
	where, args := `(dataset, kind, key) > (?1, ?2, ?3)`, []any{q.After.Dataset, q.After.Kind, q.After.Key, max(q.Limit, 0)}
	also := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(" AND "+condition, len(args))
	}
	if q.Dataset != "" {
		also(`dataset = ?%d`, q.Dataset)
	}
	if q.Kind != "" {
		also(`kind = ?%d`, q.Kind)
	}
	// A row value after what is equal is no range of the index: without these, each
	// page would read the place from its beginning.
	switch {
	case q.Dataset == "" || q.After.Dataset != q.Dataset:
	case q.Kind != "" && q.After.Kind == q.Kind:
		also(`key > ?%d`, q.After.Key)
	case q.Kind == "":
		also(`kind >= ?%d`, q.After.Kind)
	}
	if len(q.Statuses) > 0 {
		list, err := json.Marshal(q.Statuses)
		if err != nil {
			return nil, err
		}
		also(`status IN (SELECT value FROM json_each(?%d))`, string(list))
	}
	if q.Flagged {
		also(`flagged = ?%d`, true)
	}
	if len(q.Names) > 0 {
		list, err := json.Marshal(q.Names)
		if err != nil {
			return nil, err
		}
		also(`name > '' AND name IN (SELECT value FROM json_each(?%d))`, string(list))
	}
	all, err := s.events(ctx, `(dataset, kind, key) IN (SELECT dataset, kind, key FROM subjects WHERE `+where+`
		ORDER BY dataset, kind, key LIMIT ?4) ORDER BY dataset, kind, key, version`, args...)
	return ledger.Split(all), err
}

// Counts returns how many subjects stand where.
func (s *Store) Counts(ctx context.Context, dataset string) (out []labelmap.Count, err error) {
	where := ``
	var args []any
	if dataset != "" {
		where, args = `WHERE dataset = ?`, []any{dataset}
	}
	err = s.readLedger(ctx, func(tx *sql.Tx) error {
		return rows(ctx, tx, func(scan func(...any) error) error {
			var c labelmap.Count
			err := scan(&c.Dataset, &c.Kind, &c.Status, &c.Subjects, &c.Flagged)
			out = append(out, c)
			return err
		}, `SELECT dataset, kind, status, count(*), sum(flagged) FROM subjects `+where+` GROUP BY dataset, kind, status ORDER BY dataset, kind, status`, args...)
	})
	return out, err
}

// Last returns the Seq of the latest event.
func (s *Store) Last(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.db.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("store %s: %w", s.path, named(err))
	}
	return seq, nil
}

// readLedger runs f in a transaction that sees the ledger of one moment.
func (s *Store) readLedger(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("store %s: %w", s.path, named(err))
	}
	defer tx.Rollback() //nolint:errcheck // read only
	if err := f(tx); err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) events(ctx context.Context, where string, args ...any) (out []labelmap.Event, err error) {
	err = s.readLedger(ctx, func(tx *sql.Tx) error {
		out, err = events(ctx, tx, where, args...)
		return err
	})
	return out, err
}

// events reads events and their targets. where chooses and orders them.
func events(ctx context.Context, q querier, where string, args ...any) ([]labelmap.Event, error) {
	var out []labelmap.Event
	at := map[int64]int{}
	err := rows(ctx, q, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		if err == nil {
			at[e.Seq] = len(out)
			out = append(out, e)
		}
		return err
	}, `SELECT `+eventColumns+` FROM events WHERE `+where, args...)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	seqs := make([]int64, 0, len(out))
	for i := range out {
		if out[i].Verdict != nil {
			seqs = append(seqs, out[i].Seq)
		}
	}
	list, err := json.Marshal(seqs)
	if err != nil {
		return nil, err
	}
	err = rows(ctx, q, func(scan func(...any) error) error {
		var seq int64
		var t labelmap.Target
		if err := scan(&seq, &t.TermID, &t.Name, &t.Predicate, &t.Fingerprint); err != nil {
			return err
		}
		v := out[at[seq]].Verdict
		v.Targets = append(v.Targets, t)
		return nil
	}, `SELECT event, term, name, predicate, fingerprint FROM event_targets
		WHERE event IN (SELECT value FROM json_each(?1)) ORDER BY event, position`, string(list))
	return out, err
}

func scanEvent(scan func(...any) error) (labelmap.Event, error) {
	var e labelmap.Event
	var v labelmap.Verdict
	var offer labelmap.Offer
	var at string
	var recipe, label, offerTerm sql.NullString
	if err := scan(&e.Seq, &e.ID, &e.Batch, &at, &e.Actor, &e.Tool, &e.Subject.Dataset, &e.Subject.Kind, &e.Subject.Key, &e.Version,
		&e.Action, &e.Ref, &e.Comment, &e.Reviewers, &v.Outcome, &v.Mode, &v.NewTerm, &v.ChangeSet, &recipe, &label,
		&offerTerm, &offer.Score, &offer.Rank, &offer.Tool); err != nil {
		return e, err
	}
	var errs [3]error
	e.Time, errs[0] = time.Parse(time.RFC3339Nano, at)
	if recipe.Valid {
		errs[1] = json.Unmarshal([]byte(recipe.String), &v.Recipe)
	}
	if label.Valid {
		errs[2] = json.Unmarshal([]byte(label.String), &e.Label)
	}
	if v.Outcome != "" {
		e.Verdict = &v
	}
	if offer.TermID = offerTerm.String; offerTerm.Valid {
		e.Suggestion = &offer
	}
	return e, errors.Join(errs[:]...)
}
