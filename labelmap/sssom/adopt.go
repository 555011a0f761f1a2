package sssom

import (
	"context"
	"maps"
	"slices"

	"satgraph/labelmap"
)

// Adopt writes the verdicts of a set into a book as their authors', with their
// dates; see Decisions and labelmap.Book.Adopt. A dataset that nobody has set a
// policy for gets the one that its decisions were made under, by the one who
// brings them in, so that they mean here what they meant there. Errors: those of
// Decisions, found before anything is written, and of Book.Adopt.
func Adopt(ctx context.Context, b *labelmap.Book, set *Set, dataset, by string) (written []labelmap.Event, known int, err error) {
	list, err := Decisions(set, dataset)
	if err != nil {
		return nil, 0, err
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
