package sssom

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Place finds out what records of others are about: the label of the dataset that
// is so called, and the term of the tree, which may be named by a cross-reference
// (FMA:7203). A label or term that is not found stays as it is: the term is then
// listed among those that the tree does not have. dataset is that of records that
// name none. Errors wrap ErrFormat where several labels are so called, or are the
// ledger's.
func Place(ctx context.Context, b *labelmap.Book, tree *graph.Tree, set *Set, dataset string) error {
	labels := map[string]map[string][]string{} // keys by dataset and name
	for i := range set.Mappings {
		m := &set.Mappings[i]
		if m.Fingerprint == "" {
			m.findTerm(tree)
		}
		d := cmp.Or(m.Dataset, dataset)
		if m.Key != "" || d == "" {
			continue
		}
		if labels[d] == nil {
			states, err := b.States(ctx, d, labelmap.SubjectLabel)
			if err != nil {
				return err
			}
			labels[d] = map[string][]string{}
			for j := range states {
				if l := states[j].Label; l != nil {
					labels[d][l.Name] = append(labels[d][l.Name], states[j].Subject.Key)
				}
			}
		}
		switch keys := labels[d][m.SubjectLabel]; len(keys) {
		case 0:
		case 1:
			m.Key = keys[0]
		default:
			return fmt.Errorf("%w: record %d: %d labels of %s are called %q: %s", ErrFormat, i+1, len(keys), d, m.SubjectLabel, strings.Join(keys, "; "))
		}
	}
	return nil
}

// findTerm sets the object as the tree has it.
func (m *Mapping) findTerm(tree *graph.Tree) {
	id := m.ObjectID
	if _, ok := tree.Term(id); !ok {
		ids := tree.ByXref(id)
		if len(ids) != 1 {
			return
		}
		m.Comment = strings.TrimPrefix(m.Comment+"; given as "+id, "; ")
		id = ids[0]
	}
	if t, err := labelmap.TargetOf(tree, id, labelmap.Exact); err == nil {
		m.ObjectID, m.ObjectLabel, m.Fingerprint = t.TermID, t.Name, t.Fingerprint
	}
}

// Adopt writes the verdicts of a set into a book as their authors', with their
// dates; see Place, Decisions and labelmap.Book.Adopt. Those that name no author
// are by's, and those without a date are of now. A dataset that nobody has set a
// policy for gets the one that its decisions were made under, by the one who
// brings them in, so that they mean here what they meant there. Errors: those of
// Decisions, found before anything is written, and of Book.Adopt.
func Adopt(ctx context.Context, b *labelmap.Book, set *Set, dataset, by string) (written []labelmap.Event, known int, err error) {
	list, err := Decisions(set, dataset)
	if err != nil {
		return nil, 0, err
	}
	for i := range list {
		list[i].Actor = cmp.Or(list[i].Actor, by)
	}
	entries, err := policies(ctx, b, set)
	if err != nil {
		return nil, 0, err
	}
	if len(entries) > 0 {
		if _, err := b.Write(ctx, by, entries...); err != nil {
			return nil, 0, err
		}
	}
	return b.Adopt(ctx, list)
}

// policies are entries for the policies that datasets lack.
func policies(ctx context.Context, b *labelmap.Book, set *Set) ([]labelmap.Entry, error) {
	reviewers := map[string]int{}
	for i := range set.Mappings {
		if m := &set.Mappings[i]; m.Dataset != "" {
			reviewers[m.Dataset] = max(reviewers[m.Dataset], m.Reviewers)
		}
	}
	var entries []labelmap.Entry
	for _, dataset := range slices.Sorted(maps.Keys(reviewers)) {
		s := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: dataset}
		st, err := b.State(ctx, s)
		if err != nil {
			return nil, err
		}
		if n := reviewers[dataset]; n > 1 && n <= labelmap.MaxReviewers && st.Reviewers == 0 {
			entries = append(entries, labelmap.Entry{
				Subject: s, Version: st.Version, Action: labelmap.ActPolicy, Reviewers: n, Comment: "as the decisions that were brought in were made under",
			})
		}
	}
	return entries, nil
}
