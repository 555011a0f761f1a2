package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
)

// termDocument is what 'tree show --json' prints of one term.
type termDocument struct {
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	Kind       graph.Kind         `json:"kind"`
	Laterality graph.Laterality   `json:"laterality,omitempty"`
	Definition string             `json:"definition,omitempty"`
	Synonyms   []synonymDocument  `json:"synonyms,omitempty"`
	Xrefs      []string           `json:"xrefs,omitempty"`
	Base       *termReference     `json:"base,omitempty"`
	Opposite   *termReference     `json:"counterpart,omitempty"`
	Parents    []relationDocument `json:"parents,omitempty"`
	Children   []childDocument    `json:"children,omitempty"`
}

type synonymDocument struct {
	Text  string      `json:"text"`
	Scope graph.Scope `json:"scope"`
}

type termReference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type relationDocument struct {
	Relation graph.RelationType `json:"relation"`
	termReference
}

type childDocument struct {
	relationDocument
	// Elsewhere: its children are listed where it comes first, nearer the top.
	Elsewhere bool            `json:"elsewhere,omitempty"`
	Children  []childDocument `json:"children,omitempty"`
}

func (a *app) treeShowCommand() *cobra.Command {
	var asJSON bool
	var relation string
	var depth int
	cmd := &cobra.Command{
		Use:   "show TERM",
		Short: "Show a term, named by id or name, with its parents and children",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			types, err := relationTypes(relation)
			if err != nil {
				return err
			}
			if depth < 0 {
				return usageError{fmt.Errorf("--depth %d: want 0 or more", depth)}
			}
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			term, err := findTerm(tree, given[0])
			if err != nil {
				return err
			}
			doc := describe(tree, term, types, depth)
			if asJSON {
				return a.printJSON(doc)
			}
			a.printTerm(doc)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&relation, "relation", "any", "relations to follow: is_a, part_of, located_in or any")
	cmd.Flags().IntVar(&depth, "depth", 1, "levels of children to show")
	return cmd
}

func relationTypes(name string) ([]graph.RelationType, error) {
	if name == "any" {
		return graph.RelationTypes(), nil
	}
	for _, r := range graph.RelationTypes() {
		if string(r) == name {
			return []graph.RelationType{r}, nil
		}
	}
	return nil, usageError{fmt.Errorf("--relation %q: want is_a, part_of, located_in or any", name)}
}

// findTerm takes an id or a name. A text that several terms answer to equally
// well is refused with their ids.
func findTerm(tree *graph.Tree, text string) (*graph.Term, error) {
	best := graph.Best(tree.Lookup(text))
	switch len(best) {
	case 0:
		hint := ""
		if hits := tree.Search(text, 3); len(hits) > 0 {
			var near []string
			for _, h := range hits {
				near = append(near, fmt.Sprintf("%q", h.Text))
			}
			hint = "; near it: " + strings.Join(near, ", ")
		}
		return nil, fmt.Errorf("%w: %q%s", graph.ErrUnknownTerm, text, hint)
	case 1:
		term, _ := tree.Term(best[0].ID)
		return term, nil
	}
	var ids []string
	for _, m := range best {
		term, _ := tree.Term(m.ID)
		ids = append(ids, fmt.Sprintf("%s (%s)", term.ID, term.Name))
	}
	return nil, refusal{fmt.Errorf("%q may mean %s: name one by its id", text, strings.Join(ids, ", "))}
}

func describe(tree *graph.Tree, term *graph.Term, types []graph.RelationType, depth int) termDocument {
	doc := termDocument{
		ID: term.ID, Name: term.Name, Kind: term.Kind, Laterality: term.Laterality,
		Definition: term.Definition, Xrefs: term.Xrefs,
	}
	for _, s := range term.Synonyms {
		doc.Synonyms = append(doc.Synonyms, synonymDocument{s.Text, s.Scope})
	}
	for _, r := range types {
		for _, id := range tree.Parents(term.ID, r) {
			doc.Parents = append(doc.Parents, relationDocument{r, refer(tree, id)})
		}
	}
	if id, ok := tree.Base(term.ID); ok {
		r := refer(tree, id)
		doc.Base = &r
	}
	if id, ok := tree.Counterpart(term.ID); ok {
		r := refer(tree, id)
		doc.Opposite = &r
	}
	doc.Children = children(tree, term.ID, types, depth)
	return doc
}

func refer(tree *graph.Tree, id string) termReference {
	r := termReference{ID: id}
	if term, ok := tree.Term(id); ok {
		r.Name = term.Name
	}
	return r
}

// expander lists what is below a term. A term with several parents is listed
// under each and unfolded under the first, so that the list is never longer than
// the relations it shows.
type expander struct {
	tree  *graph.Tree
	types []graph.RelationType
	depth int
	place map[string]graph.Visit // where a term is unfolded
}

func children(tree *graph.Tree, id string, types []graph.RelationType, depth int) []childDocument {
	x := expander{tree, types, depth, map[string]graph.Visit{}}
	for _, v := range tree.Subtree(id, depth, types...) {
		x.place[v.Term.ID] = v
	}
	return x.below(id, 1)
}

func (x *expander) below(id string, level int) []childDocument {
	if level > x.depth {
		return nil
	}
	var out []childDocument
	for _, r := range x.types {
		for _, child := range x.tree.SortByName(x.tree.Children(id, r)) {
			doc := childDocument{relationDocument: relationDocument{r, refer(x.tree, child)}}
			if first := x.place[child]; first.Parent.ID == id && first.Via == r {
				doc.Children = x.below(child, level+1)
			} else {
				doc.Elsewhere = first.Depth < x.depth && len(x.tree.Children(child, x.types...)) > 0
			}
			out = append(out, doc)
		}
	}
	return out
}

func (a *app) printTerm(doc termDocument) {
	a.printf("%s  %s  (%s", doc.ID, doc.Name, doc.Kind)
	if doc.Laterality != graph.Unsided {
		a.printf(", %s", doc.Laterality)
	}
	a.printf(")\n")
	if doc.Definition != "" {
		a.printf("  %s\n", doc.Definition)
	}
	for _, s := range doc.Synonyms {
		a.printf("  synonym     %s [%s]\n", s.Text, strings.ToLower(string(s.Scope)))
	}
	if len(doc.Xrefs) > 0 {
		a.printf("  xrefs       %s\n", strings.Join(doc.Xrefs, " "))
	}
	if doc.Base != nil {
		a.printf("  unsided     %s  %s\n", doc.Base.ID, doc.Base.Name)
	}
	if doc.Opposite != nil {
		a.printf("  other side  %s  %s\n", doc.Opposite.ID, doc.Opposite.Name)
	}
	for _, p := range doc.Parents {
		a.printf("  %-11s %s  %s\n", p.Relation, p.ID, p.Name)
	}
	a.printChildren(doc.Children, "  ")
}

func (a *app) printChildren(list []childDocument, indent string) {
	for _, c := range list {
		more := ""
		if c.Elsewhere {
			more = "  (unfolded elsewhere)"
		}
		a.printf("%s◂ %-9s %s  %s%s\n", indent, c.Relation, c.ID, c.Name, more)
		a.printChildren(c.Children, indent+"    ")
	}
}
