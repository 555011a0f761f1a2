package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"satgraph/labelmap"
)

// acceptFlags choose what is accepted.
type acceptFlags struct {
	deskFlags
	terms     []string
	predicate string
	oneOf     bool
	none      bool
	newTerm   string
	under     []string
	partOf    []string
	bulk      bool
	minScore  float64
	preview   bool
	adjudge   bool
}

func (a *app) labelsAcceptCommand() *cobra.Command {
	var f acceptFlags
	cmd := &cobra.Command{
		Use:   "accept [LABEL]",
		Short: "Decide what a label stands for, or accept many suggestions at once",
		Long: `Decide what a label stands for, or accept many suggestions at once.

LABEL is a label's name, value or key. Without more, its first suggestion is
accepted; --term names another term (several times for a label of several
structures, with --one-of where each labelled thing is one of them), --none says
that the tree has no place for it, --new-term that the tree lacks the term: that
proposes a change set, which "tree proposals" lists and "tree apply" carries out.

With --all, every open label whose suggestion scores at least --min-score is
accepted in one batch; --preview shows what that would do and writes nothing. A
batch is undone as one by "labels undo".`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.bulk == (len(given) == 1) {
				return usageError{errors.New("give a label, or --all")}
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				entries, err := f.entries(cmd.Context(), d, given)
				if err != nil {
					return err
				}
				if len(entries) == 0 {
					return refusal{errors.New("there is nothing to accept: no open label has a suggestion that is sure enough")}
				}
				if f.preview {
					return a.preview(cmd.Context(), d, &f.deskFlags, entries)
				}
				return a.write(cmd.Context(), d, &f.deskFlags, entries)
			})
		},
	}
	f.add(cmd)
	f.addVerdict(cmd)
	f.addSeen(cmd)
	cmd.Flags().BoolVar(&f.preview, "preview", false, "show what would change, and write nothing")
	return cmd
}

// addVerdict adds the flags that say what is decided.
func (f *acceptFlags) addVerdict(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.terms, "term", nil, "the term, by name or id, in place of the suggestion")
	cmd.Flags().StringVar(&f.predicate, "predicate", "exact", "how the label relates to --term: exact, close, broad, narrow, related")
	cmd.Flags().BoolVar(&f.oneOf, "one-of", false, "of several terms each labelled thing is one")
	cmd.Flags().BoolVar(&f.none, "none", false, "the tree has no place for the label, and needs none")
	cmd.Flags().StringVar(&f.newTerm, "new-term", "", "the tree lacks the term, which would be called so; proposes a change set of the tree")
	cmd.Flags().StringArrayVar(&f.under, "kind-of", nil, "what the new term is a kind of, by name or id")
	cmd.Flags().StringArrayVar(&f.partOf, "part-of", nil, "what the new term is part of, or what a finding lies in")
	cmd.Flags().BoolVar(&f.bulk, "all", false, "accept the suggestions of all open labels")
	cmd.Flags().Float64Var(&f.minScore, "min-score", 0.8, "lowest score that --all accepts")
	cmd.Flags().BoolVar(&f.adjudge, "adjudicate", false, "settle what two reviewers disagree on")
}

func (f *acceptFlags) entries(ctx context.Context, d *desk, given []string) ([]labelmap.Entry, error) {
	if f.bulk {
		states, err := d.book.States(ctx, f.dataset, labelmap.SubjectLabel)
		if err != nil {
			return nil, err
		}
		return f.sure(ctx, d, states)
	}
	state, err := d.find(ctx, f.dataset, given[0])
	if err != nil {
		return nil, err
	}
	entry := labelmap.Entry{Subject: state.Subject, Version: state.Version, Action: labelmap.ActDecide, Comment: f.comment}
	if f.adjudge {
		entry.Action = labelmap.ActAdjudicate
	}
	switch {
	case f.none:
		entry.Verdict = &labelmap.Verdict{Outcome: labelmap.NoTerm}
	case f.newTerm != "":
		if entry.Verdict, err = f.wanted(d); err != nil {
			return nil, err
		}
	case len(f.terms) > 0:
		if entry.Verdict, err = f.verdict(d); err != nil {
			return nil, err
		}
	default:
		states, err := d.book.States(ctx, f.dataset, labelmap.SubjectLabel)
		if err != nil {
			return nil, err
		}
		suggested, err := d.suggestions(ctx, states)
		if err != nil {
			return nil, err
		}
		r, known := suggested[state.Subject.Key]
		if !known {
			return nil, refusal{fmt.Errorf("%s was never imported, so nothing is suggested for it: give --term", state.Subject)}
		}
		accepting, ok, err := r.Accepting(d.tree, state, tool)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, refusal{fmt.Errorf("%s has no answer to accept (%s): give --term, --none or --new-term", state.Subject, r.Why)}
		}
		accepting.Action = entry.Action
		entry = accepting
	}
	return []labelmap.Entry{entry}, nil
}

// wanted is the verdict for a new term, in its place.
func (f *acceptFlags) wanted(d *desk) (*labelmap.Verdict, error) {
	var places []labelmap.Target
	for _, list := range []struct {
		texts []string
		p     labelmap.Predicate
	}{{f.under, labelmap.Broad}, {f.partOf, labelmap.Related}} {
		for _, text := range list.texts {
			id, err := d.term(text)
			if err != nil {
				return nil, err
			}
			target, err := labelmap.TargetOf(d.tree, id, list.p)
			if err != nil {
				return nil, err
			}
			places = append(places, target)
		}
	}
	v, err := labelmap.NewTermVerdict(d.tree, f.newTerm, places...)
	if errors.Is(err, labelmap.ErrTermExists) {
		return nil, refusal{fmt.Errorf("%w: give --term", err)}
	}
	return v, err
}

func (f *acceptFlags) verdict(d *desk) (*labelmap.Verdict, error) {
	v := &labelmap.Verdict{Outcome: labelmap.Mapped}
	p := labelmap.Predicate(f.predicate)
	if !p.Known() || p == labelmap.None {
		return nil, usageError{fmt.Errorf("unknown predicate %q", f.predicate)}
	}
	for _, text := range f.terms {
		id, err := d.term(text)
		if err != nil {
			return nil, err
		}
		target, err := labelmap.TargetOf(d.tree, id, p)
		if err != nil {
			return nil, err
		}
		v.Targets = append(v.Targets, target)
	}
	switch {
	case len(v.Targets) == 1:
	case f.oneOf:
		v.Mode = labelmap.OneOf
	default:
		v.Mode = labelmap.AllOf
	}
	return v, nil
}

// sure are the entries for all open labels with a suggestion of --min-score.
func (f *acceptFlags) sure(ctx context.Context, d *desk, states []labelmap.State) ([]labelmap.Entry, error) {
	suggested, err := d.suggestions(ctx, states)
	if err != nil {
		return nil, err
	}
	var out []labelmap.Entry
	for i := range states {
		st := &states[i]
		r, ok := suggested[st.Subject.Key]
		if !ok || st.Status != labelmap.Open && st.Status != labelmap.Awaiting || len(st.Flags) > 0 || voted(st, author(f.by)) {
			continue
		}
		entry, ok, err := r.Accepting(d.tree, st, tool)
		if err != nil {
			return nil, err
		}
		if ok && r.Suggestions[0].Score >= f.minScore && len(r.Flags) == 0 {
			out = append(out, entry)
		}
	}
	return out, nil
}

func voted(st *labelmap.State, actor string) bool {
	return slices.ContainsFunc(st.Votes, func(v labelmap.Vote) bool { return v.Actor == actor })
}

// write appends entries and says what came of them.
func (a *app) write(ctx context.Context, d *desk, f *deskFlags, entries []labelmap.Entry) error {
	for i := range entries {
		if entries[i].Comment == "" {
			entries[i].Comment = f.comment
		}
	}
	replaced := ""
	if len(entries) == 1 {
		before, err := d.book.State(ctx, entries[0].Subject)
		if err != nil {
			return err
		}
		if before.Status == labelmap.Settled && entries[0].Verdict != nil && !before.Verdict.Agrees(entries[0].Verdict) {
			replaced = said(&before)
		}
		if f.seen > 0 {
			entries[0].Version = f.seen
		}
	} else if f.seen > 0 {
		return usageError{errors.New("--seen goes with one label or recipe")}
	}
	events, err := d.book.Write(ctx, author(f.by), entries...)
	if errors.Is(err, labelmap.ErrConflict) && len(entries) == 1 {
		return errors.Join(err, a.printConflict(ctx, d, &entries[0], f.asJSON))
	}
	if err != nil {
		return err
	}
	if replaced != "" && !f.asJSON && events[0].Action == labelmap.ActDecide {
		a.printf("was       %s\n", replaced)
	}
	return a.printWritten(ctx, d, events, f.asJSON)
}

// printConflict says both versions of a subject that another has decided on since
// it was seen. Nothing was written.
func (a *app) printConflict(ctx context.Context, d *desk, e *labelmap.Entry, asJSON bool) error {
	now, err := d.book.State(ctx, e.Subject)
	if err != nil {
		return err
	}
	yours := string(e.Action)
	if e.Verdict != nil {
		yours += ": " + meant(e.Verdict)
	}
	if asJSON {
		return a.printJSON(map[string]any{"conflict": map[string]any{"now": rowOf(&now, nil), "yours": yours, "seen": e.Version}})
	}
	a.printf("now       %s  (version %d)\n", cmp.Or(said(&now), string(now.Status)), now.Version)
	a.printf("yours     %s  (version %d was seen; not written)\n", yours, e.Version)
	return nil
}

// preview says what entries would change, and writes nothing.
func (a *app) preview(ctx context.Context, d *desk, f *deskFlags, entries []labelmap.Entry) error {
	changes, err := d.book.Preview(ctx, author(f.by), entries...)
	if err != nil {
		return err
	}
	return a.printPreview(changes, f.asJSON)
}

// onLabel writes what decide makes of one label, on the state it was seen in.
func (a *app) onLabel(ctx context.Context, f *deskFlags, label string, decide func(d *desk, state *labelmap.State) (labelmap.Entry, error)) error {
	if err := f.check(); err != nil {
		return err
	}
	return a.withDesk(ctx, func(d *desk) error {
		state, err := d.find(ctx, f.dataset, label)
		if err != nil {
			return err
		}
		entry, err := decide(d, state)
		if err != nil {
			return err
		}
		entry.Subject, entry.Version = state.Subject, state.Version
		return a.write(ctx, d, f, []labelmap.Entry{entry})
	})
}

func (a *app) labelsRejectCommand() *cobra.Command {
	var f deskFlags
	var term string
	cmd := &cobra.Command{
		Use:   "reject LABEL",
		Short: "Say that a label does not stand for a term; the label stays open",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onLabel(cmd.Context(), &f, given[0], func(d *desk, state *labelmap.State) (entry labelmap.Entry, err error) {
				if term == "" {
					states, err := d.book.States(cmd.Context(), f.dataset, labelmap.SubjectLabel)
					if err != nil {
						return entry, err
					}
					suggested, err := d.suggestions(cmd.Context(), states)
					if err != nil {
						return entry, err
					}
					r := suggested[state.Subject.Key]
					if r == nil || len(r.Suggestions) == 0 {
						return entry, refusal{fmt.Errorf("%s has no suggestion to reject: give --term", state.Subject)}
					}
					term = r.Suggestions[0].TermID
				}
				id, err := d.term(term)
				if err != nil {
					return entry, err
				}
				target, err := labelmap.TargetOf(d.tree, id, labelmap.Exact)
				if err != nil {
					return entry, err
				}
				return labelmap.Entry{
					Action:  labelmap.ActReject,
					Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}},
				}, nil
			})
		},
	}
	f.add(cmd)
	f.addSeen(cmd)
	cmd.Flags().StringVar(&term, "term", "", "the term, by name or id (default: the first suggestion)")
	return cmd
}

// labelsNoteCommand is flag or comment: words on a label that decide nothing.
func (a *app) labelsNoteCommand(use, short string, action labelmap.Action) *cobra.Command {
	var f deskFlags
	cmd := &cobra.Command{
		Use:   use + " LABEL",
		Short: short,
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onLabel(cmd.Context(), &f, given[0], func(*desk, *labelmap.State) (labelmap.Entry, error) {
				return labelmap.Entry{Action: action}, nil
			})
		},
	}
	f.add(cmd)
	f.addSeen(cmd)
	return cmd
}

func (a *app) labelsPolicyCommand() *cobra.Command {
	var f deskFlags
	var reviewers int
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Say how many reviewers a dataset needs: 1, or 2 with a third to settle disputes",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				s := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: f.dataset}
				state, err := d.book.State(cmd.Context(), s)
				if err != nil {
					return err
				}
				return a.write(cmd.Context(), d, &f, []labelmap.Entry{{Subject: s, Version: state.Version, Action: labelmap.ActPolicy, Reviewers: reviewers}})
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&reviewers, "reviewers", 1, "how many must agree")
	return cmd
}

func (a *app) labelsUndoCommand() *cobra.Command {
	var f deskFlags
	var preview bool
	cmd := &cobra.Command{
		Use:   "undo EVENT|BATCH",
		Short: "Take one decision back, or all of a batch; an undo can itself be undone",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				entries, err := d.book.Undoing(cmd.Context(), given[0], f.comment)
				if err != nil {
					return err
				}
				if preview {
					return a.preview(cmd.Context(), d, &f, entries)
				}
				return a.write(cmd.Context(), d, &f, entries)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&preview, "preview", false, "show what would change, and write nothing")
	return cmd
}

func (a *app) labelsConfirmCommand() *cobra.Command {
	var f deskFlags
	cmd := &cobra.Command{
		Use:   "confirm LABEL",
		Short: "Keep a decision although the tree has changed its term",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.onLabel(cmd.Context(), &f, given[0], func(d *desk, state *labelmap.State) (entry labelmap.Entry, err error) {
				if state.Verdict == nil {
					return entry, refusal{fmt.Errorf("%s is not settled", state.Subject)}
				}
				v := *state.Verdict
				v.Targets = slices.Clone(v.Targets)
				for i, t := range v.Targets {
					if v.Targets[i], err = labelmap.TargetOf(d.tree, t.TermID, t.Predicate); err != nil {
						return entry, err
					}
				}
				return labelmap.Entry{Action: labelmap.ActConfirm, Verdict: &v}, nil
			})
		},
	}
	f.add(cmd)
	f.addSeen(cmd)
	return cmd
}
