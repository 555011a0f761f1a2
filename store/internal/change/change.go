// Package change is what applying and undoing a change set means in every
// store, told once: an engine brings a transaction (Tx), and Apply and Undo do
// the rest in it. It opens and commits nothing.
package change

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"satgraph/graph"
)

// Head is the tree's revision with its checksum; zero for an empty store.
type Head struct {
	Revision string
	Digest   graph.Digest
}

// Tx is a transaction that no other writer runs beside.
type Tx interface {
	graph.Current
	// Head returns the present head.
	Head(ctx context.Context) (Head, error)
	// Record returns the record of a change set, nil where there is none.
	Record(ctx context.Context, id string) (*graph.Record, error)
	// ChangeSet returns the whole set of a record.
	ChangeSet(ctx context.Context, r *graph.Record) (*graph.ChangeSet, error)
	// Write brings a verified set into the tree, makes head the present one,
	// and adds the set to the history under r, of which it sets the number. A
	// set that undoes another is noted there, and what the other had undone
	// itself holds again.
	Write(ctx context.Context, cs *graph.ChangeSet, r *graph.Record, head Head) error
}

// NewID returns an id that no other set has.
func NewID() string { return rand.Text() }

// Apply applies a set that has an id and passed Check. The errors are those of
// graph.Changer; with graph.ErrApplied comes the record of the first time.
func Apply(ctx context.Context, tx Tx, cs *graph.ChangeSet) (graph.Record, error) {
	if done, err := applied(ctx, tx, cs.ID); err != nil {
		return done, err
	}
	if cs.Undoes != "" {
		if _, err := undoable(ctx, tx, cs.Undoes); err != nil {
			return graph.Record{}, err
		}
	}
	head, err := tx.Head(ctx)
	if err != nil {
		return graph.Record{}, err
	}
	if err := cs.Verify(ctx, tx, head.Revision); err != nil {
		return graph.Record{}, err
	}
	r := graph.Record{
		ID: cs.ID, Title: cs.Title, Author: cs.Author, Source: cs.Source, Tool: cs.Tool,
		Time: cs.Time.UTC(), Before: head.Revision, Undoes: cs.Undoes, Counts: cs.Counts(),
	}
	if cs.Time.IsZero() {
		r.Time = time.Now().UTC().Truncate(time.Millisecond)
	}
	for i := range cs.Changes {
		head.Digest.Change(&cs.Changes[i])
	}
	head.Revision = head.Digest.Revision()
	r.Revision = head.Revision
	return r, tx.Write(ctx, cs, &r, head)
}

// Undo applies the inverse of a set, under by.ID.
func Undo(ctx context.Context, tx Tx, id string, by *graph.ChangeSet) (graph.Record, error) {
	if done, err := applied(ctx, tx, by.ID); err != nil {
		return done, err
	}
	target, err := undoable(ctx, tx, id)
	if err != nil {
		return graph.Record{}, err
	}
	done, err := tx.ChangeSet(ctx, target)
	if err != nil {
		return graph.Record{}, err
	}
	inverse := done.Inverse()
	inverse.Base = target.Revision
	inverse.ID, inverse.Author, inverse.Tool, inverse.Source, inverse.Time = by.ID, by.Author, by.Tool, by.Source, by.Time
	if by.Title != "" {
		inverse.Title = by.Title
	}
	if err := inverse.Check(); err != nil {
		return graph.Record{}, err
	}
	return Apply(ctx, tx, &inverse)
}

// undoable returns the record of a set that is there and not undone yet.
func undoable(ctx context.Context, tx Tx, id string) (*graph.Record, error) {
	target, err := tx.Record(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case target == nil:
		return nil, fmt.Errorf("%w: %.80q", graph.ErrUnknownChangeSet, id)
	case target.UndoneBy != "":
		return nil, fmt.Errorf("%w: %s by %s", graph.ErrUndone, id, target.UndoneBy)
	}
	return target, nil
}

// applied refuses an id that the history has.
func applied(ctx context.Context, tx Tx, id string) (graph.Record, error) {
	done, err := tx.Record(ctx, id)
	if err != nil || done == nil {
		return graph.Record{}, err
	}
	return *done, fmt.Errorf("%w: %s, as number %d", graph.ErrApplied, id, done.Number)
}
