package observe

import (
	"context"
	"time"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/internal/steps"
	"satgraph/labelmap"
)

// Backing is all that the service asks of a store.
type Backing interface {
	graph.Store
	graph.Changer
	graph.Exemplars
	auth.Tokens
	labelmap.Ledger
}

// Store records every call of a store.
type Store struct{ Of Backing }

var _ Backing = Store{}

// ask records one call that returns a value.
func ask[T any](ctx context.Context, name string, call func(ctx context.Context) (T, error)) (T, error) {
	ctx, step := steps.Start(ctx, stepStore+name)
	v, err := call(ctx)
	step.End(err)
	return v, err
}

// do records one call that returns none.
func do(ctx context.Context, name string, call func(ctx context.Context) error) error {
	ctx, step := steps.Start(ctx, stepStore+name)
	err := call(ctx)
	step.End(err)
	return err
}

// Load records [graph.Store.Load].
func (s Store) Load(ctx context.Context) (*graph.Snapshot, error) {
	return ask(ctx, "load", s.Of.Load)
}

// Replace records [graph.Store.Replace].
func (s Store) Replace(ctx context.Context, snapshot graph.Snapshot) error {
	return do(ctx, "replace", func(ctx context.Context) error { return s.Of.Replace(ctx, snapshot) })
}

// Revision records [graph.Store.Revision].
func (s Store) Revision(ctx context.Context) (string, error) {
	return ask(ctx, "revision", s.Of.Revision)
}

// Close closes the store.
func (s Store) Close() error { return s.Of.Close() }

// Apply records [graph.Changer.Apply].
func (s Store) Apply(ctx context.Context, cs graph.ChangeSet) (graph.Record, error) {
	return ask(ctx, "apply", func(ctx context.Context) (graph.Record, error) { return s.Of.Apply(ctx, cs) })
}

// Undo records [graph.Changer.Undo].
func (s Store) Undo(ctx context.Context, id string, by graph.ChangeSet) (graph.Record, error) {
	return ask(ctx, "undo", func(ctx context.Context) (graph.Record, error) { return s.Of.Undo(ctx, id, by) })
}

// History records [graph.Changer.History].
func (s Store) History(ctx context.Context, before, limit int) ([]graph.Record, error) {
	return ask(ctx, "history", func(ctx context.Context) ([]graph.Record, error) { return s.Of.History(ctx, before, limit) })
}

// ChangeSet records [graph.Changer.ChangeSet].
func (s Store) ChangeSet(ctx context.Context, id string) (*graph.ChangeSet, error) {
	return ask(ctx, "change_set", func(ctx context.Context) (*graph.ChangeSet, error) { return s.Of.ChangeSet(ctx, id) })
}

// AddExemplars records [graph.Exemplars.AddExemplars].
func (s Store) AddExemplars(ctx context.Context, list []graph.Exemplar) (int, error) {
	return ask(ctx, "add_exemplars", func(ctx context.Context) (int, error) { return s.Of.AddExemplars(ctx, list) })
}

// FindExemplars records [graph.Exemplars.FindExemplars].
func (s Store) FindExemplars(ctx context.Context, q graph.ExemplarQuery) ([]graph.Exemplar, error) {
	return ask(ctx, "find_exemplars", func(ctx context.Context) ([]graph.Exemplar, error) { return s.Of.FindExemplars(ctx, q) })
}

// RemoveExemplars records [graph.Exemplars.RemoveExemplars].
func (s Store) RemoveExemplars(ctx context.Context, dataset string) (int, error) {
	return ask(ctx, "remove_exemplars", func(ctx context.Context) (int, error) { return s.Of.RemoveExemplars(ctx, dataset) })
}

// AddToken records [auth.Tokens.AddToken].
func (s Store) AddToken(ctx context.Context, t auth.Token) error {
	return do(ctx, "add_token", func(ctx context.Context) error { return s.Of.AddToken(ctx, t) })
}

// Token records [auth.Tokens.Token].
func (s Store) Token(ctx context.Context, id string) (auth.Token, error) {
	return ask(ctx, "token", func(ctx context.Context) (auth.Token, error) { return s.Of.Token(ctx, id) })
}

// AllTokens records [auth.Tokens.AllTokens].
func (s Store) AllTokens(ctx context.Context) ([]auth.Token, error) {
	return ask(ctx, "all_tokens", s.Of.AllTokens)
}

// RevokeToken records [auth.Tokens.RevokeToken].
func (s Store) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return do(ctx, "revoke_token", func(ctx context.Context) error { return s.Of.RevokeToken(ctx, id, at) })
}

// TokenUsed records [auth.Tokens.TokenUsed].
func (s Store) TokenUsed(ctx context.Context, id string, at time.Time) error {
	return do(ctx, "token_used", func(ctx context.Context) error { return s.Of.TokenUsed(ctx, id, at) })
}

// Append records [labelmap.Ledger.Append].
func (s Store) Append(ctx context.Context, batch []labelmap.Event) ([]labelmap.Event, error) {
	return ask(ctx, "append", func(ctx context.Context) ([]labelmap.Event, error) { return s.Of.Append(ctx, batch) })
}

// Subject records [labelmap.Ledger.Subject].
func (s Store) Subject(ctx context.Context, subject labelmap.Subject) ([]labelmap.Event, error) {
	return ask(ctx, "subject", func(ctx context.Context) ([]labelmap.Event, error) { return s.Of.Subject(ctx, subject) })
}

// Events records [labelmap.Ledger.Events].
func (s Store) Events(ctx context.Context, after int64, limit int) ([]labelmap.Event, error) {
	return ask(ctx, "events", func(ctx context.Context) ([]labelmap.Event, error) { return s.Of.Events(ctx, after, limit) })
}

// Batch records [labelmap.Ledger.Batch].
func (s Store) Batch(ctx context.Context, refs ...string) ([]labelmap.Event, error) {
	return ask(ctx, "batch", func(ctx context.Context) ([]labelmap.Event, error) { return s.Of.Batch(ctx, refs...) })
}

// Subjects records [labelmap.Index.Subjects].
func (s Store) Subjects(ctx context.Context, q labelmap.SubjectQuery) ([][]labelmap.Event, error) {
	return ask(ctx, "subjects", func(ctx context.Context) ([][]labelmap.Event, error) { return s.Of.Subjects(ctx, q) })
}

// Counts records [labelmap.Index.Counts].
func (s Store) Counts(ctx context.Context, dataset string) ([]labelmap.Count, error) {
	return ask(ctx, "counts", func(ctx context.Context) ([]labelmap.Count, error) { return s.Of.Counts(ctx, dataset) })
}

// Last records [labelmap.Index.Last].
func (s Store) Last(ctx context.Context) (int64, error) { return ask(ctx, "last", s.Of.Last) }
