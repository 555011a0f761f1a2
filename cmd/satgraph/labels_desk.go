package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// tool names program and version in the ledger and in change sets.
const tool = "satgraph " + version

// desk is what a curator works at: the tree and the ledger of one store.
type desk struct {
	store  treeStore
	ledger labelmap.Ledger
	tree   *graph.Tree
	book   *labelmap.Book
}

// withDesk opens the store for the time of f.
func (a *app) withDesk(ctx context.Context, f func(d *desk) error) error {
	return a.withStore(ctx, func(store treeStore) error {
		ledger, ok := store.(labelmap.Ledger)
		if !ok {
			return errors.New("this store keeps no decisions")
		}
		snapshot, err := store.Load(ctx)
		if err != nil {
			return err
		}
		tree, err := snapshot.Tree()
		if err != nil {
			return err
		}
		return f(&desk{store, ledger, tree, labelmap.NewBook(ledger, tool)})
	})
}

// deskFlags are what every command on a dataset's labels takes.
type deskFlags struct {
	dataset, by, comment string
	asJSON               bool
	seen                 int64 // the version of the subject; none: 0
}

func (f *deskFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "the dataset whose labels are meant")
	cmd.Flags().StringVar(&f.by, "by", "", "who decides (default: the user's name)")
	cmd.Flags().StringVar(&f.comment, "comment", "", "why")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
}

// addSeen adds the flag of commands that decide on one label or recipe.
func (f *deskFlags) addSeen(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&f.seen, "seen", 0, "the version that was seen, as the lists' --json says it: what others did since is then a conflict (default: the present one)")
}

func (f *deskFlags) check() error {
	if f.dataset == "" {
		return usageError{errors.New("--dataset is missing")}
	}
	return nil
}

// errNoLabel says that a dataset has no such label.
var errNoLabel = errors.New("no such label")

// find returns the state of the label that text names: by key, else by name or
// value if only one label has it.
func (d *desk) find(ctx context.Context, dataset, text string) (*labelmap.State, error) {
	st, err := d.book.State(ctx, labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: dataset, Key: text})
	if err != nil {
		return nil, err
	}
	if st.Version > 0 {
		return &st, nil
	}
	states, err := d.candidates(ctx, dataset, text)
	if err != nil {
		return nil, err
	}
	var found []*labelmap.State
	for i := range states {
		s := &states[i]
		value, name, _ := strings.Cut(s.Subject.Key, " ")
		if value == text || strings.EqualFold(name, text) || s.Label != nil && strings.EqualFold(s.Label.Name, text) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("%w: %q in %s; `satgraph labels list --dataset %s` names them", errNoLabel, text, dataset, shellQuoted(dataset))
	}
	keys := make([]string, len(found))
	for i, s := range found {
		keys[i] = s.Subject.Key
	}
	return nil, fmt.Errorf("%w: %q names %d labels of %s: %s", errNoLabel, text, len(found), dataset, strings.Join(keys, "; "))
}

// candidates are the labels of a dataset among which are those of a name or value;
// only for a value all are read.
func (d *desk) candidates(ctx context.Context, dataset, text string) ([]labelmap.State, error) {
	const most = 1000
	key := labelmap.NameKey(text)
	if _, err := strconv.ParseInt(text, 10, 64); err != nil && key != "" {
		named, err := d.book.Find(ctx, labelmap.SubjectQuery{Dataset: dataset, Kind: labelmap.SubjectLabel, Names: []string{key}, Limit: most})
		if err != nil || len(named) > 0 {
			return named, err
		}
	}
	return d.book.States(ctx, dataset, labelmap.SubjectLabel)
}

// shellQuoted is a word as a shell takes it.
func shellQuoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// maxSuggestions is how many suggestions a curator chooses from.
const maxSuggestions = 9

// suggestions are those for all labels of a dataset, by key.
func (d *desk) suggestions(ctx context.Context, states []labelmap.State) (map[string]*suggest.Result, error) {
	labels := make([]labelmap.RawLabel, 0, len(states))
	for i := range states {
		if states[i].Label != nil {
			labels = append(labels, *states[i].Label)
		}
	}
	results, err := d.suggest(ctx, labels, maxSuggestions, "")
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*suggest.Result, len(results))
	for i := range results {
		byKey[results[i].Label.Key()] = &results[i]
	}
	return byKey, nil
}

// suggest answers labels in the light of what equal labels of other datasets
// were settled as; ranker may name the folder of one.
func (d *desk) suggest(ctx context.Context, labels []labelmap.RawLabel, top int, ranker string) ([]suggest.Result, error) {
	precedents, err := d.book.Precedents(ctx, labels)
	if err != nil {
		return nil, err
	}
	engine, err := newSuggester(d.tree, suggest.WithDecided(func(name string) (out []suggest.Decided) {
		for _, p := range precedents[graph.Normalize(name)] {
			out = append(out, suggest.Decided{
				TermID: p.Target.TermID, Predicate: p.Target.Predicate, Dataset: p.Where(), Actor: strings.Join(p.Actors, ", "),
			})
		}
		return out
	}))
	if err != nil {
		return nil, err
	}
	return suggestRanked(ctx, engine, labels, top, ranker)
}

// term finds the only term that text names.
func (d *desk) term(text string) (string, error) {
	best := graph.Best(d.tree.Lookup(text))
	switch len(best) {
	case 1:
		return best[0].ID, nil
	case 0:
		return "", fmt.Errorf("%w %q: try `satgraph tree search`", graph.ErrUnknownTerm, text)
	}
	ids := make([]string, len(best))
	for i, m := range best {
		ids[i] = m.ID
	}
	return "", fmt.Errorf("%w: %q names several: %s; give an id", graph.ErrUnknownTerm, text, strings.Join(ids, ", "))
}
