package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"satgraph/labelmap"
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

const insertEvent = `INSERT INTO events (id, batch, time, actor, tool, dataset, kind, key, version, action, ref, comment, reviewers,
	outcome, mode, new_term, change_set, recipe, label, offer_term, offer_score, offer_rank, offer_tool)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// Append writes a batch of events, all of it or nothing.
func (s *Store) Append(ctx context.Context, batch []labelmap.Event) ([]labelmap.Event, error) {
	out := make([]labelmap.Event, len(batch))
	err := s.write(ctx, func(tx *sql.Tx) error {
		event, err := tx.PrepareContext(ctx, insertEvent)
		if err != nil {
			return named(err)
		}
		defer event.Close() //nolint:errcheck // it ends with the transaction
		target, err := tx.PrepareContext(ctx, `INSERT INTO event_targets (event, position, term, name, predicate, fingerprint) VALUES (?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return named(err)
		}
		defer target.Close() //nolint:errcheck // it ends with the transaction
		for i := range batch {
			if err := s.fits(ctx, tx, &batch[i]); err != nil {
				return err
			}
			out[i] = batch[i]
			if out[i].Seq, err = insert(ctx, event, target, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return out, nil
}

// fits checks an event against what its subject has by now.
func (s *Store) fits(ctx context.Context, tx *sql.Tx, e *labelmap.Event) error {
	if err := e.Validate(); err != nil {
		return err
	}
	var have int64
	var known bool
	err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM events WHERE dataset = ?1 AND kind = ?2 AND key = ?3), EXISTS (SELECT 1 FROM events WHERE id = ?4)`,
		e.Subject.Dataset, e.Subject.Kind, e.Subject.Key, e.ID).Scan(&have, &known)
	switch {
	case err != nil:
		return named(err)
	case known:
		return fmt.Errorf("%w: %s", labelmap.ErrDuplicateEvent, e.ID)
	case have == e.Version:
		return nil
	}
	theirs, err := events(ctx, tx, `dataset = ?1 AND kind = ?2 AND key = ?3 AND version >= ?4 ORDER BY seq`,
		e.Subject.Dataset, e.Subject.Kind, e.Subject.Key, e.Version)
	if err != nil {
		return err
	}
	return &labelmap.ConflictError{Yours: *e, Theirs: theirs}
}

func insert(ctx context.Context, event, target *sql.Stmt, e *labelmap.Event) (int64, error) {
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
		return 0, err
	}
	label, err := document(e.Label != nil, e.Label)
	if err != nil {
		return 0, err
	}
	r, err := event.ExecContext(ctx, e.ID, e.Batch, e.Time.UTC().Format(time.RFC3339Nano), e.Actor, e.Tool,
		e.Subject.Dataset, e.Subject.Kind, e.Subject.Key, e.Version, e.Action, e.Ref, e.Comment, e.Reviewers,
		v.Outcome, v.Mode, v.NewTerm, v.ChangeSet, recipe, label, offerTerm, offer.Score, offer.Rank, offer.Tool)
	if err != nil {
		return 0, named(err)
	}
	seq, err := r.LastInsertId()
	if err != nil {
		return 0, err
	}
	for i, t := range v.Targets {
		if _, err := target.ExecContext(ctx, seq, i, t.TermID, t.Name, t.Predicate, t.Fingerprint); err != nil {
			return 0, named(err)
		}
	}
	return seq, nil
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
func (s *Store) Subject(ctx context.Context, subject labelmap.Subject) ([]labelmap.Event, error) {
	return s.events(ctx, `dataset = ?1 AND kind = ?2 AND key = ?3 ORDER BY version`, subject.Dataset, subject.Kind, subject.Key)
}

// Events returns at most limit events with Seq > after, in order.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]labelmap.Event, error) {
	return s.events(ctx, `seq IN (SELECT seq FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2) ORDER BY seq`, after, max(limit, 0))
}

// Batch returns the events of a batch in order, or the one event with that ID.
func (s *Store) Batch(ctx context.Context, ref string) ([]labelmap.Event, error) {
	return s.events(ctx, `(batch = ?1 OR id = ?1) ORDER BY seq`, ref)
}

// Subjects returns the events of subjects, a list for each.
func (s *Store) Subjects(ctx context.Context, dataset string, kind labelmap.SubjectKind, after labelmap.Subject, limit int) ([][]labelmap.Event, error) {
	all, err := s.events(ctx, `(dataset, kind, key) IN (SELECT dataset, kind, key FROM events
		WHERE version = 0 AND (?1 = '' OR dataset = ?1) AND (?2 = '' OR kind = ?2) AND (dataset, kind, key) > (?3, ?4, ?5)
		ORDER BY dataset, kind, key LIMIT ?6) ORDER BY dataset, kind, key, version`,
		dataset, kind, after.Dataset, after.Kind, after.Key, max(limit, 0))
	if err != nil {
		return nil, err
	}
	var out [][]labelmap.Event
	for i := range all {
		if n := len(out); n == 0 || out[n-1][0].Subject != all[i].Subject {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], all[i])
	}
	return out, nil
}

func (s *Store) events(ctx context.Context, where string, args ...any) ([]labelmap.Event, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // events and targets of one moment
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, named(err))
	}
	defer tx.Rollback() //nolint:errcheck // read only
	out, err := events(ctx, tx, where, args...)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return out, nil
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
	}, `SELECT seq, id, batch, time, actor, tool, dataset, kind, key, version, action, ref, comment, reviewers,
		outcome, mode, new_term, change_set, recipe, label, offer_term, offer_score, offer_rank, offer_tool
		FROM events WHERE `+where, args...)
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
