package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"satgraph/api/auth"
	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/inference"
	"satgraph/labelmap"
	"satgraph/store/neo4j"
	"satgraph/store/sqlite"
)

// dataDir is where the program keeps what it needs between runs: the setting
// home, else satgraph in the user's data folder.
func (a *app) dataDir() (string, error) {
	if a.home != "" {
		return filepath.Abs(a.home)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "satgraph"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the store: %w; set SATGRAPH_HOME or give --store", err)
	}
	return filepath.Join(home, ".local", "share", "satgraph"), nil
}

// treeStore is a store whose tree can be changed, and which keeps the tokens of
// the service.
type treeStore interface {
	graph.Store
	graph.Changer
	graph.Exemplars
	auth.Tokens
	labelmap.Ledger
}

// openStore opens the store, which is filled with the built-in tree on its
// first start, and again when another version of the program had filled it and
// nobody has changed the tree since.
func (a *app) openStore(ctx context.Context) (treeStore, error) {
	store, err := a.namedStore(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.renew(ctx, store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (a *app) namedStore(ctx context.Context) (treeStore, error) {
	scheme, path, _ := strings.Cut(a.store, ":")
	switch {
	case a.store == "":
		dir, err := a.dataDir()
		if err != nil {
			return nil, err
		}
		return openSQLite(ctx, filepath.Join(dir, "satgraph.db"))
	case scheme == "sqlite" && path != "":
		return openSQLite(ctx, path)
	case strings.HasPrefix(scheme, "neo4j"), strings.HasPrefix(scheme, "bolt"):
		return neo4j.Open(ctx, a.store, neo4j.Options{
			Seed: builtin.Snapshot, Classes: graphClasses, Username: a.neo4j.username, Password: a.neo4j.password,
		})
	default: // which is not repeated whole: a URI may hold a password
		return nil, usageError{fmt.Errorf("--store %.20q…: want sqlite:PATH or neo4j://HOST[:PORT][/DATABASE]", scheme)}
	}
}

// openSQLite opens a store, once a restore that was killed is brought to its end.
func openSQLite(ctx context.Context, path string) (treeStore, error) {
	if err := finishRestore(path); err != nil {
		return nil, fmt.Errorf("a restore that was not ended: %w", err)
	}
	return sqlite.Open(ctx, path, sqlite.Options{Seed: builtin.Snapshot})
}

// graphClasses are the corpus classes as a graph store shows them.
func graphClasses() ([]neo4j.Class, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	classes := make([]neo4j.Class, len(corpus))
	for i, c := range corpus {
		classes[i] = neo4j.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate)}
	}
	return classes, nil
}

// renew gives a store whose tree nobody has changed the tree of this version of
// the program, since the corpus classes stand for its terms. A changed tree is
// left alone: 'tree refresh' is for that.
func (a *app) renew(ctx context.Context, store treeStore) error {
	have, err := store.Revision(ctx)
	if err != nil {
		return err
	}
	want, err := builtin.Revision()
	if err != nil || have == want {
		return err
	}
	changed, err := store.History(ctx, 0, 1)
	if err != nil || len(changed) > 0 {
		return err
	}
	tree, err := builtin.Snapshot()
	if err != nil {
		return err
	}
	a.log.Warn("the store held the unchanged tree of another version of the program; it now holds this one's", "was", have, "is", want)
	return store.Replace(ctx, *tree)
}

// withStore opens the store for the time of f.
func (a *app) withStore(ctx context.Context, f func(store treeStore) error) (err error) {
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	return f(store)
}

// openTree reads the tree from the store.
func (a *app) openTree(ctx context.Context) (tree *graph.Tree, err error) {
	err = a.withStore(ctx, func(store treeStore) error {
		snapshot, err := store.Load(ctx)
		if err != nil {
			return err
		}
		a.log.Debug("tree loaded", "revision", snapshot.Revision, "terms", len(snapshot.Terms))
		tree, err = snapshot.Tree()
		return err
	})
	return tree, err
}

// openResolver joins the tree with the corpus classes.
func (a *app) openResolver(ctx context.Context) (*inference.Resolver, error) {
	tree, err := a.openTree(ctx)
	if err != nil {
		return nil, err
	}
	return newResolver(tree)
}

func newResolver(tree *graph.Tree) (*inference.Resolver, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	classes := make([]inference.Class, len(corpus))
	for i, c := range corpus {
		classes[i] = inference.Class{
			Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate), Note: c.Reason,
		}
	}
	return inference.NewResolver(tree, classes), nil
}
