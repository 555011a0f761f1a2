package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/internal/plain"
	"satgraph/labelmap"
)

func (a *app) labelsRecipesCommand() *cobra.Command {
	return group("recipes", "Review how a dataset's labels make corpus classes",
		a.recipesProposeCommand(), a.recipesListCommand(), a.recipesShowCommand(),
		a.recipesAcceptCommand(), a.recipesRejectCommand(), a.recipesUndoCommand(),
		a.recipesCheckCommand(), a.recipesCompareCommand())
}

// errNoClass says that a dataset has no such recipe and none is proposed.
var errNoClass = errors.New("no such class")

// kitchen is what recipes of one dataset are made of.
type kitchen struct {
	*desk
	dataset  string
	labels   []labelmap.Judged
	byKey    map[string]labelmap.Judged
	unusable []string // settled labels that name no voxels
	classes  []labelmap.Wanted
	states   map[string]*labelmap.State // of recipes, by class
	guesses  bool                       // whether sides may be guessed
}

func (d *desk) kitchen(ctx context.Context, dataset string, guesses bool) (*kitchen, error) {
	states, err := d.book.States(ctx, dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	recipes, err := d.book.States(ctx, dataset, labelmap.SubjectRecipe)
	if err != nil {
		return nil, err
	}
	k := &kitchen{desk: d, dataset: dataset, byKey: map[string]labelmap.Judged{}, states: map[string]*labelmap.State{}, guesses: guesses}
	k.labels, k.unusable = labelmap.JudgedOf(states)
	for i := range k.labels {
		k.byKey[k.labels[i].Label.Key()] = k.labels[i]
	}
	corpus, err := corpusClasses()
	if err != nil {
		return nil, err
	}
	k.classes = labelmap.WantedOf(k.labels, corpus)
	for i := range recipes {
		k.states[recipes[i].Subject.Key] = &recipes[i]
	}
	return k, nil
}

// corpusClasses are the classes that models are trained on.
func corpusClasses() ([]labelmap.Class, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	out := make([]labelmap.Class, len(corpus))
	for i, c := range corpus {
		out[i] = labelmap.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID}
	}
	return out, nil
}

// proposals are the recipes that the tree proposes, by class.
func (k *kitchen) proposals() []labelmap.Recipe {
	return labelmap.ProposeRecipes(k.tree, k.labels, k.classes, k.guesses)
}

// termOf is the term of a class: of the standing recipe, else of the corpus.
func (k *kitchen) termOf(class string) string {
	if st := k.states[class]; st != nil && st.Verdict != nil && len(st.Verdict.Targets) == 1 {
		return st.Verdict.Targets[0].TermID
	}
	for _, c := range k.classes {
		if c.Name == class {
			return c.TermID
		}
	}
	classes, _ := catalog.Classes() // which were read before
	for _, c := range classes {
		if c.Name == class {
			return c.TermID
		}
	}
	return ""
}

func (k *kitchen) check(r *labelmap.Recipe) []labelmap.Concern {
	return labelmap.CheckRecipe(k.tree, r, k.termOf(r.Class), k.byKey)
}

// standing are the recipes that count.
func (k *kitchen) standing() []labelmap.Recipe {
	var states []labelmap.State
	for _, st := range k.states {
		states = append(states, *st)
	}
	return labelmap.SettledRecipes(states)
}

// entry decides on a recipe, on the state that was read.
func (k *kitchen) entry(action labelmap.Action, r *labelmap.Recipe, termID string) (labelmap.Entry, error) {
	target, err := labelmap.TargetOf(k.tree, termID, labelmap.Exact)
	if err != nil {
		return labelmap.Entry{}, fmt.Errorf("the class %q: %w", r.Class, err)
	}
	e := labelmap.Entry{
		Subject: labelmap.Subject{Kind: labelmap.SubjectRecipe, Dataset: k.dataset, Key: r.Class}, Action: action,
		Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}, Recipe: r}, Comment: r.Reason,
	}
	if st := k.states[r.Class]; st != nil {
		e.Version = st.Version
	}
	return e, r.Validate()
}

// recipeRow is a recipe in the documents of labels recipes.
type recipeRow struct {
	Class      string             `json:"class"`
	Expr       string             `json:"expr"`
	Modality   string             `json:"modality,omitempty"`
	Complete   bool               `json:"complete"`
	Missing    []string           `json:"missing,omitempty"`
	Definition string             `json:"definition,omitempty"`
	Risk       string             `json:"risk,omitempty"`
	Reason     string             `json:"reason,omitempty"`
	Status     labelmap.Status    `json:"status,omitempty"`
	Same       bool               `json:"standing,omitempty"` // it is what was settled
	Rejected   bool               `json:"rejected,omitempty"`
	Concerns   []labelmap.Concern `json:"concerns,omitempty"`
}

func recipeDocument(r *labelmap.Recipe) recipeRow {
	return recipeRow{
		Class: r.Class, Expr: r.Expr.String(), Modality: r.Modality, Complete: r.Complete, Missing: r.Missing,
		Definition: r.Definition, Risk: r.Risk, Reason: r.Reason,
	}
}

// row is a recipe with how it stands and what speaks against it.
func (k *kitchen) row(r *labelmap.Recipe) recipeRow {
	row := recipeDocument(r)
	row.Status = labelmap.Open
	if st := k.states[r.Class]; st != nil {
		row.Status = st.Status
		row.Same = st.Verdict != nil && st.Verdict.Recipe != nil && st.Verdict.Recipe.Expr.String() == row.Expr
	}
	row.Rejected = k.states[r.Class].Rejects(r)
	row.Concerns = k.check(r)
	return row
}

func (a *app) printRecipe(r *recipeRow) {
	state := string(r.Status)
	if r.Rejected {
		state = "rejected"
	}
	a.printf("%-9s %s = %s", state, plain.Text(r.Class), plain.Text(r.Expr))
	if r.Reason != "" {
		a.printf("  (%s)", plain.Text(r.Reason))
	}
	a.printf("\n")
	if r.Definition != "" {
		a.printf("          definition: %s\n", plain.Text(r.Definition))
	}
	a.printConcerns(r.Concerns, "          ")
}

func (a *app) printConcerns(list []labelmap.Concern, indent string) {
	for _, c := range list {
		a.printf("%s%s: %s\n", indent, c.What, plain.Text(c.Why))
	}
}

// withKitchen opens the store for the time of f.
func (a *app) withKitchen(ctx context.Context, f *deskFlags, guesses bool, do func(k *kitchen) error) error {
	if err := f.check(); err != nil {
		return err
	}
	return a.withDesk(ctx, func(d *desk) error {
		k, err := d.kitchen(ctx, f.dataset, guesses)
		if err != nil {
			return err
		}
		return do(k)
	})
}

const guessHelp = "propose the sides of structures labelled without one, by the scan's middle plane"

func (a *app) recipesProposeCommand() *cobra.Command {
	var f deskFlags
	var guesses bool
	cmd := &cobra.Command{
		Use:   "propose [CLASS…]",
		Short: "Propose recipes from the settled labels and the tree; decides nothing",
		Long: `Propose recipes from the settled labels and the tree; decides nothing.

A class is proposed where the dataset labels it, or its left and right, the
members of its series, or its parts. What the dataset lacks of it is named. Where
lesions are drawn in the same label map, they cut holes into their organ, so the
proposal takes them in and its definition says so.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withKitchen(cmd.Context(), &f, guesses, func(k *kitchen) error {
				rows := []recipeRow{}
				list := k.proposals()
				for i := range list {
					if len(given) == 0 || slices.ContainsFunc(given, func(g string) bool { return strings.EqualFold(g, list[i].Class) }) {
						rows = append(rows, k.row(&list[i]))
					}
				}
				if f.asJSON {
					return a.printJSON(map[string]any{"recipes": rows, "unusable": k.unusable})
				}
				for i := range rows {
					a.printRecipe(&rows[i])
				}
				for _, key := range k.unusable {
					a.printf("left out  %s is settled, but its source names neither value nor file\n", plain.Text(key))
				}
				a.printf("%d recipes from %d settled labels\n", len(rows), len(k.labels))
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&guesses, "guess-sides", false, guessHelp)
	return cmd
}

func (a *app) recipesListCommand() *cobra.Command {
	var f deskFlags
	var status string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List recipes that were decided on",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				states, err := d.book.States(cmd.Context(), f.dataset, labelmap.SubjectRecipe)
				if err != nil {
					return err
				}
				rows := []stateRow{}
				for i := range states {
					s := &states[i]
					if status != "" && string(s.Status) != status {
						continue
					}
					rows = append(rows, rowOf(s, nil))
					if !f.asJSON {
						a.printf("%-9s %-20s %-30s %s\n", s.Status, plain.Text(s.Subject.Dataset), plain.Text(s.Subject.Key), said(s))
					}
				}
				if f.asJSON {
					return a.printJSON(map[string]any{"recipes": rows})
				}
				a.printf("%d recipes\n", len(rows))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "only recipes of this dataset")
	cmd.Flags().StringVar(&status, "status", "", "only recipes that are open, awaiting, disputed or settled")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) recipesShowCommand() *cobra.Command {
	var f deskFlags
	cmd := &cobra.Command{
		Use:   "show CLASS",
		Short: "Show a recipe: how it stands, what checks say, its history",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withKitchen(cmd.Context(), &f, false, func(k *kitchen) error {
				st := k.states[strings.ToLower(given[0])]
				if st == nil {
					return fmt.Errorf("%w: nobody has decided on %q in %s; `satgraph labels recipes propose %q`", errNoClass, given[0], f.dataset, given[0])
				}
				events, err := k.book.History(cmd.Context(), st.Subject)
				if err != nil {
					return err
				}
				var concerns []labelmap.Concern
				if v := st.Verdict; v != nil && v.Recipe != nil {
					concerns = k.check(v.Recipe)
				}
				if f.asJSON {
					return a.printJSON(map[string]any{"recipe": rowOf(st, nil), "concerns": concerns, "history": events})
				}
				a.printf("%s  %s\n", st.Status, said(st))
				a.printConcerns(concerns, "")
				for i := range events {
					a.printEvent(&events[i])
				}
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

// recipeFlags choose and describe the recipe that is decided on.
type recipeFlags struct {
	deskFlags
	expr, definition, risk, term string
	missing                      []string
	bulk, preview, adjudge       bool
	guesses                      bool
}

func (a *app) recipesAcceptCommand() *cobra.Command {
	var f recipeFlags
	cmd := &cobra.Command{
		Use:   "accept [CLASS]",
		Short: "Accept the proposed recipe of a class, another one, or all sure ones",
		Long: `Accept the proposed recipe of a class, another one, or all sure ones.

--expr gives a recipe in place of the proposed one:

  {1, 2}                       values of the usual label file
  {1} + lesion.nii.gz{1}       union; & intersects, - takes away
  {3} & roi.nii.gz{1}          value 3 only where another file says so
  #0{1}                        a channel
  first of #2{1}, #0{1}        the first that a scan has
  left of the middle of {4}    a side by the scan's middle plane (--risk)
  left components of {4}       a side by connected components (--risk)

With --all, every proposal is accepted that is complete, raises no concern, and
has not been decided on or rejected; --preview shows what would change.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if f.bulk == (len(given) == 1) {
				return usageError{errors.New("give a class, or --all")}
			}
			return a.withKitchen(cmd.Context(), &f.deskFlags, f.guesses, func(k *kitchen) error {
				var entries []labelmap.Entry
				var err error
				if f.bulk {
					entries, err = k.sure()
				} else {
					entries, err = f.one(k, strings.ToLower(given[0]))
				}
				if err != nil {
					return err
				}
				if len(entries) == 0 {
					return refusal{errors.New("there is nothing to accept: no open proposal is complete and without concern")}
				}
				if f.preview {
					return a.preview(cmd.Context(), k.desk, &f.deskFlags, entries)
				}
				if !f.asJSON {
					for i := range entries {
						a.printConcerns(k.check(entries[i].Verdict.Recipe), "concern   ")
					}
				}
				return a.write(cmd.Context(), k.desk, &f.deskFlags, entries)
			})
		},
	}
	f.add(cmd)
	f.addSeen(cmd)
	f.addRecipe(cmd)
	cmd.Flags().StringVar(&f.definition, "definition", "", "what the dataset means by the class where datasets differ")
	cmd.Flags().StringArrayVar(&f.missing, "missing", nil, "a part that the dataset does not have; the recipe is then not complete")
	cmd.Flags().BoolVar(&f.bulk, "all", false, "accept all proposals that are complete and raise no concern")
	cmd.Flags().BoolVar(&f.preview, "preview", false, "show what would change, and write nothing")
	cmd.Flags().BoolVar(&f.adjudge, "adjudicate", false, "settle what two reviewers disagree on")
	return cmd
}

func (f *recipeFlags) addRecipe(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.expr, "expr", "", "the recipe, in place of the proposed one")
	cmd.Flags().StringVar(&f.risk, "risk", "", "what can go wrong with a guessed side")
	cmd.Flags().StringVar(&f.term, "term", "", "the class's term, where the corpus has no such class")
	cmd.Flags().BoolVar(&f.guesses, "guess-sides", false, guessHelp)
}

// recipe is the one that the flags describe, else the proposed one.
func (f *recipeFlags) recipe(k *kitchen, class string) (*labelmap.Recipe, error) {
	if f.expr == "" {
		list := k.proposals()
		at := slices.IndexFunc(list, func(r labelmap.Recipe) bool { return strings.EqualFold(r.Class, class) })
		if at < 0 {
			return nil, fmt.Errorf("%w: the settled labels of %s do not make %q; give --expr", errNoClass, k.dataset, class)
		}
		r := &list[at]
		if f.definition != "" {
			r.Definition = f.definition
		}
		if len(f.missing) > 0 {
			r.Missing, r.Complete = f.missing, false
		}
		return r, nil
	}
	e, err := labelmap.ParseExpr(f.expr)
	if err != nil {
		return nil, err
	}
	return &labelmap.Recipe{
		Class: class, Expr: e, Definition: f.definition, Risk: f.risk, Missing: f.missing, Complete: len(f.missing) == 0, Reason: f.comment,
	}, nil
}

func (f *recipeFlags) entry(k *kitchen, action labelmap.Action, class string) (labelmap.Entry, error) {
	r, err := f.recipe(k, class)
	if err != nil {
		return labelmap.Entry{}, err
	}
	term := k.termOf(r.Class)
	if f.term != "" {
		if term, err = k.term(f.term); err != nil {
			return labelmap.Entry{}, err
		}
	}
	if term == "" {
		return labelmap.Entry{}, fmt.Errorf("%w: the corpus has none called %q; --term says what it stands for", errNoClass, class)
	}
	return k.entry(action, r, term)
}

func (f *recipeFlags) one(k *kitchen, class string) ([]labelmap.Entry, error) {
	action := labelmap.ActDecide
	if f.adjudge {
		action = labelmap.ActAdjudicate
	}
	e, err := f.entry(k, action, class)
	return []labelmap.Entry{e}, err
}

// sure are the entries for all proposals that nothing speaks against.
func (k *kitchen) sure() ([]labelmap.Entry, error) {
	var out []labelmap.Entry
	list := labelmap.SureRecipes(k.proposals(), k.states, k.check)
	for i := range list {
		e, err := k.entry(labelmap.ActDecide, &list[i], k.termOf(list[i].Class))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (a *app) recipesRejectCommand() *cobra.Command {
	var f recipeFlags
	var never bool
	cmd := &cobra.Command{
		Use:   "reject CLASS",
		Short: "Say that a recipe is wrong, or that the dataset makes no such class",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withKitchen(cmd.Context(), &f.deskFlags, f.guesses, func(k *kitchen) error {
				action := labelmap.ActReject
				if never {
					action = labelmap.ActDecide
				}
				e, err := f.entry(k, action, strings.ToLower(given[0]))
				if err != nil {
					return err
				}
				if never {
					e.Verdict = &labelmap.Verdict{Outcome: labelmap.Refused}
				}
				e.Comment = f.comment
				return a.write(cmd.Context(), k.desk, &f.deskFlags, []labelmap.Entry{e})
			})
		},
	}
	f.add(cmd)
	f.addSeen(cmd)
	f.addRecipe(cmd)
	cmd.Flags().BoolVar(&never, "never", false, "the class must not be made of this dataset at all")
	return cmd
}

func (a *app) recipesUndoCommand() *cobra.Command {
	cmd := a.labelsUndoCommand()
	cmd.Short = "Take one decision on a recipe back, or all of a batch"
	return cmd
}

func (a *app) recipesCheckCommand() *cobra.Command {
	var f deskFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare the settled recipes of a dataset with anatomy and with each other",
		Long: `Compare the settled recipes of a dataset with anatomy and with each other.

Listed are parts that are missing or left out, labels outside the class, sides
that are mixed or guessed, structures counted twice, lesions that leave holes,
values that no label names, and classes that share voxels they should not. With a
concern, the exit code is 4.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withKitchen(cmd.Context(), &f, false, func(k *kitchen) error {
				list := k.standing()
				concerns := []labelmap.Concern{}
				for i := range list {
					concerns = append(concerns, k.check(&list[i])...)
				}
				concerns = append(concerns, labelmap.CheckRecipes(k.tree, list, k.termOf, k.byKey)...)
				if f.asJSON {
					if err := a.printJSON(map[string]any{"recipes": len(list), "concerns": concerns}); err != nil {
						return err
					}
				} else {
					for _, c := range concerns {
						a.printf("%-11s %s: %s\n", c.What, plain.Text(c.Class), plain.Text(c.Why))
					}
					a.printf("%d recipes, %d concerns\n", len(list), len(concerns))
				}
				if len(concerns) > 0 {
					return errPartial
				}
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) recipesCompareCommand() *cobra.Command {
	var asJSON, own bool
	cmd := &cobra.Command{
		Use:   "compare [CLASS]",
		Short: "Compare what datasets mean by a class, or list the classes that they mean differently",
		Long: `Compare what datasets mean by a class, or list the classes that they mean differently.

Compared are the settled recipes of all datasets in the store, and the records of
the catalog for datasets that the store has no recipe of.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				meanings, err := d.meanings(cmd.Context(), own)
				if err != nil {
					return err
				}
				if len(given) == 0 {
					return a.printDifferences(meanings.Differences(), asJSON)
				}
				list := meanings.Of(given[0])
				if len(list) == 0 {
					return fmt.Errorf("%w: no dataset makes %q", errNoClass, given[0])
				}
				if asJSON {
					return a.printJSON(map[string]any{"class": strings.ToLower(given[0]), "datasets": list})
				}
				for _, m := range list {
					a.printf("%-28s %-8s %s  %s\n", plain.Text(m.Dataset), m.Source, plain.Text(m.Expr), plain.Text(m.Definition))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&own, "store-only", false, "leave the catalog's records out")
	return cmd
}

func (a *app) printDifferences(list []labelmap.Concern, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"classes": append([]labelmap.Concern{}, list...)})
	}
	for _, c := range list {
		a.printf("%s: %s\n", plain.Text(c.Class), plain.Text(c.Why))
	}
	a.printf("%d classes are meant differently\n", len(list))
	return nil
}

// meanings are what datasets mean by classes; own leaves the catalog's records
// out.
func (d *desk) meanings(ctx context.Context, own bool) (*catalog.Meanings, error) {
	states, err := d.book.States(ctx, "", labelmap.SubjectRecipe)
	if err != nil || own {
		return catalog.MeaningsOf(states, nil), err
	}
	known, err := catalog.Builtin()
	if err != nil {
		return nil, err
	}
	return catalog.MeaningsOf(states, known), nil
}
