package api

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"satgraph/graph"
	"satgraph/inference"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// Bounds of what one request reads of a ledger.
const (
	maxLabelsRead   = 100_000 // labels of a dataset that a list, a suggestion or an export looks at
	labelPage       = 1_000   // asked of the ledger at a time
	maxSuggested    = 2_000   // labels of one suggestLabels
	maxSuggestions  = 20      // for a label
	keptSuggestions = 8       // datasets whose suggestions are kept
	suggestionCost  = 10      // values that suggesting for a label is worth
)

// desk is what curators work at over GraphQL: the ledger, and suggestions for
// what is in it.
type desk struct {
	book    *labelmap.Book
	tool    string
	classes []labelmap.Class
	make    func(tree *graph.Tree) (*suggest.Engine, error)

	mu     sync.Mutex
	tree   *graph.Tree
	engine *suggest.Engine              // of tree
	kept   map[string]keptSuggestionsOf // by dataset
}

// keptSuggestionsOf holds suggestions with all that they were made from.
type keptSuggestionsOf struct {
	tree       *graph.Tree
	labels     []labelmap.RawLabel
	precedents map[string][]labelmap.Precedent
	results    map[string]*suggest.Result // by key
}

func newDesk(ledger labelmap.Ledger, c *Config) *desk {
	tool := "satgraph " + c.Version
	d := &desk{book: labelmap.NewBook(ledger, tool), tool: tool, classes: c.Classes, make: c.Suggester, kept: map[string]keptSuggestionsOf{}}
	if d.make == nil {
		d.make = func(tree *graph.Tree) (*suggest.Engine, error) { return suggest.New(tree, nil), nil }
	}
	return d
}

// labels gives the desk; SERVICE_UNAVAILABLE where the service keeps no
// decisions.
func (s *Service) labels() (*desk, error) {
	if s.desk == nil {
		return nil, &Error{Code: CodeServiceUnavailable, Message: "this service keeps no decisions on labels", Hint: "ask the operator for a store that does"}
	}
	return s.desk, nil
}

// engineOf makes the engine of a tree once.
func (d *desk) engineOf(tree *graph.Tree) (*suggest.Engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tree != tree {
		engine, err := d.make(tree)
		if err != nil {
			return nil, err
		}
		d.tree, d.engine = tree, engine
	}
	return d.engine, nil
}

// suggest answers labels in the light of what equal labels of other datasets
// were settled as.
func (d *desk) suggest(tree *graph.Tree, labels []labelmap.RawLabel, precedents map[string][]labelmap.Precedent, top int) ([]suggest.Result, error) {
	engine, err := d.engineOf(tree)
	if err != nil {
		return nil, err
	}
	return engine.With(suggest.WithDecided(func(name string) (out []suggest.Decided) {
		for _, p := range precedents[graph.Normalize(name)] {
			out = append(out, suggest.Decided{
				TermID: p.Target.TermID, Predicate: p.Target.Predicate, Dataset: p.Where(), Actor: strings.Join(p.Actors, ", "),
			})
		}
		return out
	})).Suggest(labels, top), nil
}

// suggestions are those for all labels of a dataset, by key. They are made anew
// only where the tree, the labels or the decisions on equal labels have changed.
func (d *desk) suggestions(ctx context.Context, tree *graph.Tree, dataset string) (map[string]*suggest.Result, error) {
	states, err := d.states(ctx, dataset)
	if err != nil {
		return nil, err
	}
	labels := make([]labelmap.RawLabel, 0, len(states))
	for i := range states {
		if states[i].Label != nil {
			labels = append(labels, *states[i].Label)
		}
	}
	precedents, err := d.book.Precedents(ctx, labels)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	have, ok := d.kept[dataset]
	d.mu.Unlock()
	if ok && have.tree == tree && reflect.DeepEqual(have.labels, labels) && reflect.DeepEqual(have.precedents, precedents) {
		return have.results, nil
	}
	if err := spend(ctx, suggestionCost*len(labels)/10); err != nil {
		return nil, err
	}
	results, err := d.suggest(tree, labels, precedents, maxSuggestions)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*suggest.Result, len(results))
	for i := range results {
		byKey[results[i].Label.Key()] = &results[i]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.kept) >= keptSuggestions {
		clear(d.kept)
	}
	d.kept[dataset] = keptSuggestionsOf{tree, labels, precedents, byKey}
	return byKey, nil
}

// states are those of all labels of a dataset.
func (d *desk) states(ctx context.Context, dataset string) ([]labelmap.State, error) {
	return d.statesOf(ctx, labelmap.SubjectQuery{Dataset: dataset, Kind: labelmap.SubjectLabel}, quote(dataset))
}

// statesOf are all that a query chooses, as far as a request may read; where says
// what is too large otherwise.
func (d *desk) statesOf(ctx context.Context, q labelmap.SubjectQuery, where string) ([]labelmap.State, error) {
	var out []labelmap.State
	q.Limit = labelPage
	for {
		page, err := d.book.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, page...); len(out) > maxLabelsRead {
			return nil, &Error{
				Code: CodeLimit, Message: fmt.Sprintf("%s has more than %d labels", where, maxLabelsRead),
				Hint: "`satgraph labels` works on datasets of any size",
			}
		}
		if len(page) < labelPage {
			return out, nil
		}
		q.After = page[len(page)-1].Subject
	}
}

// find returns the state of the label that text names: by key, else by name or
// value where only one label has it. The error is a *mistaken.
func (d *desk) find(ctx context.Context, dataset, text string) (*labelmap.State, error) {
	subject := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: dataset, Key: text}
	st, err := d.book.State(ctx, subject)
	if err != nil || st.Version > 0 {
		return &st, err
	}
	named, err := d.namesakes(ctx, dataset, text)
	if err != nil {
		return nil, err
	}
	if _, isValue := strconv.ParseInt(text, 10, 64); len(named) == 0 && isValue == nil {
		if named, err = d.states(ctx, dataset); err != nil {
			return nil, err
		}
	}
	var found []labelmap.State
	for i := range named {
		value, name, _ := strings.Cut(named[i].Subject.Key, " ")
		if l := named[i].Label; value == text || strings.EqualFold(name, text) || l != nil && strings.EqualFold(l.Name, text) {
			found = append(found, named[i])
		}
	}
	if len(found) == 1 {
		return &found[0], nil
	}
	wrong := &mistaken{Code: CodeNotFound, Message: fmt.Sprintf("%s has no label %s", quote(dataset), quote(text)), Hint: "dataset(name:) { labels } lists them", Argument: "label"}
	if len(found) > 1 {
		keys := make([]string, 0, 10)
		for i := range found[:min(len(found), 10)] {
			keys = append(keys, quote(found[i].Subject.Key))
		}
		wrong.Code, wrong.Message, wrong.Hint = CodeBadInput, quote(text)+" names several labels", "give one of "+strings.Join(keys, ", ")
	}
	return nil, wrong
}

func (d *desk) namesakes(ctx context.Context, dataset, name string) ([]labelmap.State, error) {
	key := labelmap.NameKey(name)
	if key == "" {
		return nil, nil
	}
	return d.book.Find(ctx, labelmap.SubjectQuery{Dataset: dataset, Kind: labelmap.SubjectLabel, Names: []string{key}, Limit: labelPage})
}

// mistaken is a mistake that a user made and can mend: mutations give it as a
// result, queries as an error.
type mistaken struct {
	Code     Code
	Message  string
	Hint     string
	Argument string
	err      error
}

func (m *mistaken) Error() string { return m.Message }

func (m *mistaken) Unwrap() error { return m.err }

// mistake finds what a user did wrong in an error; nil where it is not theirs.
func mistake(err error) *mistaken {
	if m, ok := errors.AsType[*mistaken](err); ok {
		return m
	}
	for _, row := range []struct {
		is             error
		code           Code
		hint, argument string
	}{
		{labelmap.ErrNotAllowed, CodeForbidden, "", "by"},
		{labelmap.ErrUnknownBatch, CodeNotFound, "history gives the ids of events and batches", "ref"},
		{labelmap.ErrUnknownSubject, CodeNotFound, "", "label"},
		{labelmap.ErrTermExists, CodeBadInput, "give it as a term", "newTerm"},
		{labelmap.ErrRecipe, CodeBadInput, `write it as in "{1, 2} + {5}"`, "expression"},
		{labelmap.ErrInvalidEvent, CodeBadInput, "", ""},
		{graph.ErrUnknownTerm, CodeUnknownTerm, "look for the term with search(text:)", "terms"},
		{inference.ErrUnknownTerm, CodeUnknownTerm, "look for the term with search(text:)", "terms"},
	} {
		if errors.Is(err, row.is) {
			return &mistaken{Code: row.code, Message: err.Error(), Hint: row.hint, Argument: row.argument, err: err}
		}
	}
	if told, ok := errors.AsType[*Error](err); ok && slices.Contains([]Code{CodeBadInput, CodeUnknownTerm, CodeAmbiguousTerm, CodeNotFound}, told.Code) {
		return &mistaken{Code: told.Code, Message: told.Message, Hint: told.Hint, Argument: "terms", err: err}
	}
	return nil
}

// decided is what came of a mutation, or what would come of it.
type decided struct {
	preview bool
	batch   string
	events  []labelmap.Event
	changes []labelmap.Change
	entries []labelmap.Entry
}

// conflicted is a mutation that came second.
type conflicted struct {
	*labelmap.ConflictError
	now *labelmap.State
}

// decide writes entries, or says what they would change. User mistakes and
// conflicts come as values.
func (d *desk) decide(ctx context.Context, by string, preview bool, entries []labelmap.Entry) (any, error) {
	out := &decided{preview: preview, entries: entries}
	changes, err := d.book.Preview(ctx, by, entries...)
	if err == nil {
		err = maySettle(ctx, changes)
	}
	if err == nil && !preview {
		out.events, err = d.book.Write(ctx, by, entries...)
	}
	if err != nil {
		return d.typed(ctx, err)
	}
	out.changes = changes
	if len(out.events) > 0 {
		out.batch = out.events[0].Batch
	}
	return out, nil
}

// typed makes a value of an error that the user can mend.
func (d *desk) typed(ctx context.Context, err error) (any, error) {
	if conflict, ok := errors.AsType[*labelmap.ConflictError](err); ok {
		now, stateErr := d.book.State(ctx, conflict.Yours.Subject)
		if stateErr != nil {
			return nil, stateErr
		}
		return &conflicted{conflict, &now}, nil
	}
	m := mistake(err)
	if m == nil {
		return nil, err
	}
	return m, nil
}
