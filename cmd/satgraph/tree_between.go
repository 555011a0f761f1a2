package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
)

// stepDocument is one relation of 'tree path --json': between From and To, read
// from child to parent when Up.
type stepDocument struct {
	From     termReference      `json:"from"`
	Relation graph.RelationType `json:"relation"`
	Up       bool               `json:"up"`
	To       termReference      `json:"to"`
}

func (a *app) treePathCommand() *cobra.Command {
	return a.treeReadCommand("path A B", "Show the shortest way between two terms, over a common ancestor", cobra.ExactArgs(2),
		func(tree *graph.Tree, terms []*graph.Term, types []graph.RelationType, asJSON bool) error {
			path, ok := tree.Path(terms[0].ID, terms[1].ID, types...)
			steps := []stepDocument{}
			for _, s := range path {
				steps = append(steps, stepDocument{refer(tree, s.From.ID), s.Type, s.Up, refer(tree, s.To.ID)})
			}
			if asJSON {
				if err := a.printJSON(map[string]any{"from": refer(tree, terms[0].ID), "to": refer(tree, terms[1].ID), "joined": ok, "steps": steps}); err != nil {
					return err
				}
			}
			switch {
			case !ok:
				return refusal{fmt.Errorf("nothing joins %s and %s", terms[0].Name, terms[1].Name)}
			case asJSON:
				return nil
			}
			a.printf("%s  %s\n", terms[0].ID, terms[0].Name)
			for _, s := range steps {
				arrow := "▸"
				if !s.Up {
					arrow = "◂"
				}
				a.printf("  %s %-10s %s  %s\n", arrow, s.Relation, s.To.ID, s.To.Name)
			}
			return nil
		})
}

func (a *app) treeCommonCommand() *cobra.Command {
	return a.treeReadCommand("common A B...", "Show what terms have in common: their lowest common ancestors", cobra.MinimumNArgs(2),
		func(tree *graph.Tree, terms []*graph.Term, types []graph.RelationType, asJSON bool) error {
			ids := make([]string, len(terms))
			for i, term := range terms {
				ids[i] = term.ID
			}
			lowest := tree.LowestCommonAncestors(ids, types...)
			if !asJSON && len(lowest) == 0 {
				return refusal{fmt.Errorf("%s have no common ancestor", strings.Join(ids, ", "))}
			}
			return a.printTerms(tree, map[string]any{"terms": references(tree, ids), "all": references(tree, tree.CommonAncestors(ids, types...))}, "lowest", lowest, asJSON)
		})
}

func (a *app) treeSiblingsCommand() *cobra.Command {
	return a.treeReadCommand("siblings TERM", "List the terms that share a parent with a term by the same relation", cobra.ExactArgs(1),
		func(tree *graph.Tree, terms []*graph.Term, types []graph.RelationType, asJSON bool) error {
			return a.printTerms(tree, map[string]any{"term": refer(tree, terms[0].ID)}, "siblings", tree.Siblings(terms[0].ID, types...), asJSON)
		})
}

func (a *app) treePartsCommand() *cobra.Command {
	cmd := a.treeReadCommand("parts TERM", "List the parts that make up a whole, without the kinds and parts of these parts", cobra.ExactArgs(1),
		func(tree *graph.Tree, terms []*graph.Term, _ []graph.RelationType, asJSON bool) error {
			return a.printTerms(tree, map[string]any{"term": refer(tree, terms[0].ID)}, "parts", tree.Parts(terms[0].ID), asJSON)
		})
	cmd.Flags().Lookup("relation").Hidden = true // parts are part_of
	return cmd
}

// treeReadCommand is a command that reads the terms its arguments name.
func (a *app) treeReadCommand(use, short string, count cobra.PositionalArgs,
	run func(tree *graph.Tree, terms []*graph.Term, types []graph.RelationType, asJSON bool) error,
) *cobra.Command {
	var asJSON bool
	var relation string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args(count),
		RunE: func(cmd *cobra.Command, given []string) error {
			types, err := relationTypes(relation)
			if err != nil {
				return err
			}
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			terms := make([]*graph.Term, len(given))
			for i, text := range given {
				if terms[i], err = findTerm(tree, text); err != nil {
					return err
				}
			}
			return run(tree, terms, types, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&relation, "relation", "any", "relations to follow: is_a, part_of, located_in or any")
	return cmd
}

func references(tree *graph.Tree, ids []string) []termReference {
	out := make([]termReference, len(ids))
	for i, id := range ids {
		out[i] = refer(tree, id)
	}
	return out
}

// printTerms prints a list by name, or doc with the list in it under key.
func (a *app) printTerms(tree *graph.Tree, doc map[string]any, key string, ids []string, asJSON bool) error {
	list := references(tree, tree.SortByName(ids))
	if asJSON {
		doc[key] = list
		return a.printJSON(doc)
	}
	for _, r := range list {
		a.printf("%-16s %s\n", r.ID, r.Name)
	}
	return nil
}
