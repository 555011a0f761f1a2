package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/merge"
	"satgraph/ingest"
)

// importDocument is what 'tree import --json' prints.
type importDocument struct {
	File      string           `json:"file"`
	Mode      string           `json:"mode"` // beside or replace
	Applied   bool             `json:"applied"`
	ChangeSet *graph.Record    `json:"changeSet,omitempty"` // as applied
	Read      readDocument     `json:"read"`
	Merged    *merge.Report    `json:"merged,omitempty"`
	Counts    graph.Counts     `json:"counts"`
	Changes   []graph.Change   `json:"changes,omitempty"` // of a preview
	Retired   []ingest.Retired `json:"retired,omitempty"`
	Unplaced  []string         `json:"unplacedClasses,omitempty"` // corpus classes whose term goes
}

type readDocument struct {
	ingest.Notes
	Terms     int `json:"terms"`
	Relations int `json:"relations"`
	Retired   int `json:"retired"`
}

type importFlags struct {
	format, kind, author, title string
	leaveOut                    []string
	replace, preview, asJSON    bool
}

func (a *app) treeImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring an ontology into the tree: beside it, or in its place",
		Long: `Bring an ontology into the tree: beside it, or in its place.

FILE is an ontology in OBO, a table of terms (TSV, with the columns that 'tree
export --format tsv' writes; id and name are enough), the folder of
SAT-Pretrain's knowledge files, or what 'tree build' writes; also
gzip-compressed. The format is told from the content.

Beside the tree, a newcomer is the same term where its id, cross-references or
name say so; what contradicts is reported and stays a term of its own.

An import happens wholly or not at all, as one change set: see it first with
--preview, list it with 'tree history', take it back with 'tree undo'.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			options, err := f.options()
			if err != nil {
				return err
			}
			return a.withStore(cmd.Context(), func(store treeStore) error {
				return a.importTree(cmd.Context(), store, given[0], options, &f)
			})
		},
	}
	cmd.Flags().StringVar(&f.format, "format", "", "obo, tsv, sat-pretrain or satgraph (default: told from the content)")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "put it in the place of the tree")
	cmd.Flags().BoolVar(&f.preview, "preview", false, "show what would change, and change nothing")
	cmd.Flags().StringVar(&f.kind, "kind", "anatomy", "kind of terms that do not say it: anatomy, finding or group")
	cmd.Flags().StringSliceVar(&f.leaveOut, "leave-out", nil, "instead of refusing the file, leave out relations that are: undefined, cyclic")
	cmd.Flags().StringVar(&f.author, "author", "", "who answers for the change (default: the user's name)")
	cmd.Flags().StringVar(&f.title, "title", "", "what the change is for")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// options reads the flags that say how the file is read.
func (f *importFlags) options() (ingest.Options, error) {
	var o ingest.Options
	if f.format != "" && !slices.Contains(ingest.Formats(), ingest.Format(f.format)) {
		return o, usageError{fmt.Errorf("--format %q: want obo, tsv, sat-pretrain or satgraph", f.format)}
	}
	switch o.Kind = graph.Kind(f.kind); o.Kind {
	case graph.KindAnatomy, graph.KindFinding, graph.KindGroup:
	default:
		return o, usageError{fmt.Errorf("--kind %q: want anatomy, finding or group", f.kind)}
	}
	for _, what := range f.leaveOut {
		switch what {
		case "undefined":
			o.LeaveOutUndefined = true
		case "cyclic":
			o.LeaveOutCyclic = true
		default:
			return o, usageError{fmt.Errorf("--leave-out %q: want undefined or cyclic", what)}
		}
	}
	return o, nil
}

func (a *app) importTree(ctx context.Context, store treeStore, path string, o ingest.Options, f *importFlags) error {
	anatomy, err := ingest.ReadAnatomy(ctx, path, ingest.Format(f.format), o)
	if err != nil {
		return importHint(err)
	}
	sum, err := checksum(path)
	if err != nil {
		return err
	}
	now, err := store.Load(ctx)
	if err != nil {
		return err
	}
	doc := importDocument{
		File: path, Mode: "replace", Retired: anatomy.Retired,
		Read: readDocument{anatomy.Notes, len(anatomy.Terms), len(anatomy.Relations), len(anatomy.Retired)},
	}
	next := &graph.Snapshot{Terms: anatomy.Terms, Relations: anatomy.Relations}
	if !f.replace {
		doc.Mode = "beside"
		tree, err := now.Tree()
		if err != nil {
			return err
		}
		next, doc.Merged, err = merge.Beside(tree, anatomy.Terms, anatomy.Relations, o.LeaveOutCyclic)
		if err != nil {
			if at, ok := errors.AsType[*merge.RelationError](err); ok {
				err = anatomy.RelationError(at.Index, fmt.Errorf("beside the tree, %w", at.Err))
			}
			return importHint(err)
		}
	}
	set := graph.Diff(now, next)
	set.Title, set.Author, set.Tool = f.title, author(f.author), tool
	set.Source = filepath.Base(path) + " sha256:" + sum
	if set.Title == "" {
		set.Title = fmt.Sprintf("Import %s %s", filepath.Base(path), map[bool]string{false: "beside the tree", true: "in place of the tree"}[f.replace])
	}
	doc.Counts = set.Counts()
	if doc.Unplaced, err = unplaced(&set); err != nil {
		return err
	}
	switch {
	case f.preview:
		doc.Changes = set.Changes
	case len(set.Changes) > 0:
		record, err := store.Apply(ctx, set)
		if err != nil {
			return err
		}
		doc.Applied, doc.ChangeSet = true, &record
	}
	if f.asJSON {
		return a.printJSON(doc)
	}
	a.printImport(doc)
	return nil
}

// unplaced returns the corpus classes that stand for a term that is removed.
func unplaced(set *graph.ChangeSet) ([]string, error) {
	gone := map[string]bool{}
	for i := range set.Changes {
		if c := &set.Changes[i]; c.Op == graph.RemoveTerm {
			gone[c.Old.ID] = true
		}
	}
	classes, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range classes {
		if gone[c.TermID] {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// importHint names the flag that the reader's errors speak of.
func importHint(err error) error {
	_, cyclic := errors.AsType[*graph.CycleError](err)
	switch {
	case errors.Is(err, ingest.ErrDangling):
		return fmt.Errorf("%w (--leave-out undefined)", err)
	case cyclic:
		return usageError{fmt.Errorf("%w; its own relations that close a cycle can be left out (--leave-out cyclic)", err)}
	case errors.Is(err, ingest.ErrCycle):
		return fmt.Errorf("%w (--leave-out cyclic)", err)
	}
	return err
}

// author is who answers for a change.
func author(given string) string {
	for _, name := range []string{given, os.Getenv("SATGRAPH_AUTHOR"), os.Getenv("USER")} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

// checksum is the SHA-256 of a file, or of all files of a folder in turn.
func checksum(path string) (string, error) {
	files := []string{path}
	if entries, err := os.ReadDir(path); err == nil {
		files = files[:0]
		for _, e := range entries {
			if e.Type().IsRegular() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	sum := sha256.New()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		_ = f.Close() // read only
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// shownChanges bounds the changes and conflicts that are listed for a person.
const shownChanges = 40

func (a *app) printImport(doc importDocument) {
	n := doc.Read
	a.printf("%s: %s, %d terms, %d relations\n", doc.File, n.Format, n.Terms, n.Relations)
	for _, note := range []struct {
		count int
		text  string
	}{
		{n.Retired, "retired terms, which only their replacements still name"},
		{len(n.Imports), "imports that were not read: " + strings.Join(n.Imports, ", ")},
		{total(n.OtherRelations), "relations of types that a tree does not hold: " + counters(n.OtherRelations)},
		{total(n.Outside), "relations to terms of other vocabularies: " + counters(n.Outside)},
		{n.Undefined, "relations to terms that it does not define"},
		{n.ToRetired, "relations from or to retired or unnamed terms"},
		{n.Implied, "relations of logical definitions, implied by others"},
		{n.Unnamed, "terms without a name"},
		{n.MoreDefinitions, "further definitions; the first of a term counts"},
		{n.NoTerm, "relations to words that name no term"},
		{n.Malformed, "relations that are no pair of relation and name"},
		{len(n.Cyclic), "relations that closed a cycle"},
	} {
		if note.count > 0 {
			a.printf("  left out  %6d %s\n", note.count, note.text)
		}
	}
	if m := doc.Merged; m != nil {
		a.printf("  the same  %6d by id, %d by cross-reference, %d by a shared one, %d by name; %d new\n",
			m.Same[merge.ByID], m.Same[merge.ByXref], m.Same[merge.BySharedXref], m.Same[merge.ByName], m.New)
		a.printf("  relations %6d implied already, %d within one term, %d left out as cyclic; %d definitions differ, the tree's stay\n",
			m.Implied, m.Collapsed, len(m.Cyclic), m.Otherwise)
		a.printf("  conflicts %6d\n", len(m.Conflicts))
		for _, c := range m.Conflicts[:min(shownChanges, len(m.Conflicts))] {
			a.printf("    %s (%s), by %s: %s\n", c.ID, c.Name, c.By, c.Reason)
		}
		a.printMore(len(m.Conflicts))
	}
	c := doc.Counts
	a.printf("terms +%d −%d, %d changed; relations +%d −%d\n", c.TermsAdded, c.TermsRemoved, c.TermsUpdated, c.RelationsAdded, c.RelationsRemoved)
	if n := len(doc.Unplaced); n > 0 {
		a.printf("%d corpus classes lose the term that they stand for: %s", n, strings.Join(doc.Unplaced[:min(5, n)], ", "))
		a.printf("%s\n", map[bool]string{true: ", …"}[n > 5])
	}
	switch {
	case doc.Applied:
		a.printf("applied as %s, revision %s; 'satgraph tree undo %s' takes it back\n", doc.ChangeSet.ID, doc.ChangeSet.Revision, doc.ChangeSet.ID)
	case c == graph.Counts{}:
		a.printf("nothing to change\n")
	default:
		a.printChanges(doc.Changes)
		a.printf("a preview: nothing was changed\n")
	}
}

func (a *app) printChanges(changes []graph.Change) {
	for i := range changes[:min(shownChanges, len(changes))] {
		a.printf("  %s\n", changes[i].String())
	}
	a.printMore(len(changes))
}

func (a *app) printMore(n int) {
	if n > shownChanges {
		a.printf("    and %d more; --json lists all\n", n-shownChanges)
	}
}

func total(counter map[string]int) (n int) {
	for _, c := range counter {
		n += c
	}
	return n
}

// counters lists the largest counts.
func counters(counter map[string]int) string {
	words := make([]string, 0, len(counter))
	for w := range counter {
		words = append(words, w)
	}
	slices.SortFunc(words, func(x, y string) int {
		if counter[x] != counter[y] {
			return counter[y] - counter[x]
		}
		return strings.Compare(x, y)
	})
	const shown = 8
	var b strings.Builder
	for i, w := range words[:min(shown, len(words))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %d", w, counter[w])
	}
	if len(words) > shown {
		b.WriteString(", …")
	}
	return b.String()
}
